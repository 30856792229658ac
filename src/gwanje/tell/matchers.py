r"""Matchers: which labels something is about. Written `severity="critical", host=~"web-.*"`, as in Prometheus's world.

Between quotes the escapes of Alertmanager hold, for patterns as for texts: `\\` is a backslash, `\"` a quote, `\n` the end of a
line, and any other backslash is itself. So `host=~"web\.1"` and `host=~"web\\.1"` are one pattern. A label's name may stand in
quotes, too, and must where it holds blanks or signs: `"http.method"="GET"`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import GetPydanticSchema
from pydantic_core import core_schema

from gwanje.because import Because
from gwanje.errors import BadQuery
from gwanje.keep.promql.regex import full_match
from gwanje.wire.names import PLAIN_LABEL

_MATCHER: Final = re.compile(
    r"""\s*(?:"((?:[^"\\]|\\.)+)"|([^\s"'`{}!=~,\\]+))\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)""", re.DOTALL
)
_ESCAPED: Final = re.compile(r'\\([\\"n])')
_UNSAFE: Final = re.compile(r'["\n]|\\(?=[\\"n\n]|$)')
"""What must be escaped between quotes: also a backslash that would make an escape with what follows it."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """`label = value`, `!=`, `=~`, `!~`. A label that is not there counts as empty; a pattern must match the whole value."""

    label: str
    operator: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        found = labels.get(self.label, "")
        holds = _full_match(self.value, found) if self.operator.endswith("~") else found == self.value
        return holds != self.operator.startswith("!")

    def __str__(self) -> str:
        """As `parse_matchers` reads it again; a pattern stays as people write it where it can."""
        label = self.label if PLAIN_LABEL.fullmatch(self.label) else f'"{_UNSAFE.sub(_escaped, self.label)}"'
        return f'{label}{self.operator}"{_UNSAFE.sub(_escaped, self.value)}"'


def parse_matchers(text: object) -> tuple[Matcher, ...]:
    """Read `severity="critical", host=~"web-.*"`. Raises ValueError with what is allowed."""
    if isinstance(text, tuple):
        return text
    if not isinstance(text, str):
        raise ValueError(Because('matchers are a text: \'severity="critical", host=~"web-.*"\'', "not_matchers"))  # noqa: TRY004 - pydantic turns only ValueError into a mistake
    matchers, place = [], 0
    while place < len(text):
        match = _MATCHER.match(text, place)
        if match is None:
            sentence = (
                f'{text!r} cannot be read at {text[place:]!r}; write label="value" with =, !=, =~ or !~, and commas between'
            )
            raise ValueError(Because(sentence, "not_matchers"))
        quoted, plain, operator, value = match.groups()
        matchers.append(matcher(plain or unescaped(quoted), operator, unescaped(value)))
        place = match.end()
    return tuple(matchers)


def unescaped(text: str) -> str:
    """What stands between quotes, as it is meant."""
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], text)


def matcher(label: str, operator: str, value: str) -> Matcher:
    """A matcher of these three. Raises ValueError for what is no pattern."""
    if operator.endswith("~"):
        try:
            full_match(value, [])
        except BadQuery as error:
            raise ValueError(Because(f"{value!r} is not a pattern: {error}", "not_a_pattern", text=value)) from error
    return Matcher(label, operator, value)


@lru_cache(maxsize=100_000)
def _full_match(pattern: str, text: str) -> bool:
    return bool(full_match(pattern, [text])[0])


def _escaped(found: re.Match[str]) -> str:
    return "\\n" if found[0] == "\n" else f"\\{found[0]}"


def _matchers_schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
    return core_schema.no_info_plain_validator_function(
        parse_matchers,
        json_schema_input_schema=core_schema.str_schema(),
        serialization=core_schema.plain_serializer_function_ser_schema(lambda found: ", ".join(map(str, found))),
    )


Matchers = Annotated[tuple[Matcher, ...], GetPydanticSchema(_matchers_schema)]
"""Matchers, written `severity="critical", host=~"web-.*"`."""


def matches(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether all of them match."""
    return all(matcher.matches(labels) for matcher in matchers)
