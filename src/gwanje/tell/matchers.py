"""Matchers: which labels something is about. Written `severity="critical", host=~"web-.*"`, as in Prometheus's world."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import GetPydanticSchema
from pydantic_core import core_schema

from gwanje.errors import BadQuery
from gwanje.keep.promql.regex import full_match

_MATCHER: Final = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)', re.DOTALL)


_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_QUOTE_OR_BACKSLASH: Final = re.compile(r'["\\]')
_BARE_QUOTE: Final = re.compile(r'\\.|"', re.DOTALL)


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
        """As `parse_matchers` reads it again. In a pattern a backslash is the pattern's own, so only bare quotes are escaped."""
        unsafe = _BARE_QUOTE if self.operator.endswith("~") else _QUOTE_OR_BACKSLASH
        return f'{self.label}{self.operator}"{unsafe.sub(_escaped, self.value)}"'


def parse_matchers(text: object) -> tuple[Matcher, ...]:
    """Read `severity="critical", host=~"web-.*"`. Raises ValueError with what is allowed."""
    if isinstance(text, tuple):
        return text
    if not isinstance(text, str):
        raise ValueError('matchers are a text: \'severity="critical", host=~"web-.*"\'')  # noqa: TRY004 - pydantic turns only ValueError into a mistake
    matchers, place = [], 0
    while place < len(text):
        match = _MATCHER.match(text, place)
        if match is None:
            raise ValueError(
                f'{text!r} cannot be read at {text[place:]!r}; write label="value" with =, !=, =~ or !~, and commas between'
            )
        matchers.append(matcher(match[1], match[2], _ESCAPED.sub(r"\1", match[3]) if "~" not in match[2] else match[3]))
        place = match.end()
    return tuple(matchers)


def matcher(label: str, operator: str, value: str) -> Matcher:
    """A matcher of these three. Raises ValueError for what is no pattern."""
    if operator.endswith("~"):
        try:
            full_match(value, [])
        except BadQuery as error:
            raise ValueError(f"{value!r} is not a pattern: {error}") from error
    return Matcher(label, operator, value)


@lru_cache(maxsize=100_000)
def _full_match(pattern: str, text: str) -> bool:
    return bool(full_match(pattern, [text])[0])


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith("\\") and len(found[0]) == 2 else f"\\{found[0]}"


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
