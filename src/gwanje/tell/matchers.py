"""Matchers: which labels something is about. Written `severity="critical", host=~"web-.*"`, as in Prometheus's world."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import GetPydanticSchema
from pydantic_core import core_schema

_MATCHER: Final = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')


@dataclass(frozen=True, slots=True)
class Matcher:
    """`label = value`, `!=`, `=~`, `!~`. A label that is not there counts as empty; a pattern must match the whole value."""

    label: str
    operator: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        found = labels.get(self.label, "")
        holds = bool(re.fullmatch(self.value, found)) if self.operator.endswith("~") else found == self.value
        return holds != self.operator.startswith("!")

    def __str__(self) -> str:
        return f'{self.label}{self.operator}"{self.value}"'


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
        matchers.append(matcher(match[1], match[2], re.sub(r"\\(.)", r"\1", match[3]) if "~" not in match[2] else match[3]))
        place = match.end()
    return tuple(matchers)


def matcher(label: str, operator: str, value: str) -> Matcher:
    """A matcher of these three. Raises ValueError for what is no pattern."""
    if operator.endswith("~"):
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is not a pattern: {error}") from error
    return Matcher(label, operator, value)


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
