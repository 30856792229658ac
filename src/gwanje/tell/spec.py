"""Receivers and routes as they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import Field, GetPydanticSchema, field_validator
from pydantic_core import core_schema

from gwanje.config import Chosen, Document, Duration, Reader, Settings

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


class Route(Settings):
    """Who is told of which alerts, and how often. What is not set comes from the route around it."""

    receiver: str | None = None
    """The receiver of what this route takes; in the first route it must be set."""
    match: Matchers = ()
    """Which alerts it takes, by labels, `rule` and `severity`: `severity="critical", host=~"web-.*"`; without any, all."""
    group_by: tuple[str, ...] | None = None
    """Labels (and `rule`) that make a group: alerts of one group are told in one message. First: `[rule, host]`."""
    group_wait: Duration | None = None
    """How long a new group waits for more alerts. Not set: `0s` with a critical alert, `30s` without."""
    group_interval: Duration | None = None
    """At least so long between messages about changes of one group; a new critical alert does not wait for it. First: `1m`."""
    repeat_interval: Duration | None = None
    """How often what still fires unchanged is told again. First: `4h`."""
    routes: tuple[Route, ...] = ()
    """Routes inside this one; the first that matches takes the alert, and this route what none of them takes."""
    continue_: bool = Field(default=False, alias="continue")
    """Whether the routes after this one may take the alert too."""

    @field_validator("repeat_interval")
    @classmethod
    def _repeat(cls, interval: timedelta | None) -> timedelta | None:
        if interval is not None and interval < timedelta(minutes=1):
            raise ValueError("the shortest repeat_interval is 1m")
        return interval


class Receiver(Settings):
    """What all receivers share; the other keys belong to their `type`."""

    name: str = Field(max_length=100, pattern=r"^[\w.@ -]+$")
    """The name by which routes know it: letters, digits, spaces and `. _ - @`."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Who can be told, and who is told what."""

    receivers: Mapping[str, Chosen]
    root: Route | None


def read(reader: Reader, document: Document) -> Telling:
    """The sections `receivers` and `routes` of the main file. With one receiver and no routes it is told everything."""
    receivers = _receivers(reader, document)
    written = document.values.get("routes")
    if written is None:
        root = Route(receiver=next(iter(receivers))) if len(receivers) == 1 else None
        if len(receivers) > 1:
            reader.mistake(
                *document.where(("receivers",)),
                "routes",
                "is missing; with several receivers it says who is told: {receiver: NAME}",
            )
        return Telling(receivers, root)
    route = reader.read(Route, document, ("routes",))
    if route is not None:
        _check(reader, document, route, receivers, ("routes",), top=True)
    return Telling(receivers, route)


def _receivers(reader: Reader, document: Document) -> dict[str, Chosen]:
    found: dict[str, Chosen] = {}
    listed = document.values.get("receivers") or []
    if not isinstance(listed, list):
        reader.mistake(*document.where(("receivers",)), "receivers", "must be a list: `- {name: ops-slack, type: slack, url: …}`")
        return found
    for index, values in enumerate(listed):
        place = ("receivers", index)
        chosen = reader.chosen("notifiers", document, place, values, skip=("name",))
        name = values.get("name") if isinstance(values, dict) else None
        receiver = reader.read(Receiver, document, place, {} if name is None else {"name": name})
        if receiver is None or chosen is None:
            continue
        if receiver.name in found:
            reader.mistake(*document.where(place), f"receivers[{index}].name", f"{receiver.name!r} stands here a second time")
        found[receiver.name] = chosen
    return found


def _check(
    reader: Reader, document: Document, route: Route, known: Mapping[str, Chosen], place: tuple[str | int, ...], *, top: bool
) -> None:
    """Every route names a receiver that exists, or has one around it."""
    where = document.where((*place, "receiver"))
    if top and route.receiver is None:
        reader.mistake(*where, "routes.receiver", "is missing; the first route takes what no other takes")
    names = {str(values.get("name")) for values in document.values.get("receivers") or [] if isinstance(values, dict)}
    if route.receiver is not None and route.receiver not in names | set(known):
        reader.mistake(*where, "receiver", f"no receiver named {route.receiver!r}; known: {', '.join(sorted(names)) or 'none'}")
    for index, inner in enumerate(route.routes):
        _check(reader, document, inner, known, (*place, "routes", index), top=False)
