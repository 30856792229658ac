"""What the main file says of who is told and when, as it is written there: for people to look at. Pure.

A secret that stands in the file is never given: `***` stands in its place. `${NAME}` stays as it is written: where the value
comes from is said, and the value is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gwanje.config import Chosen, Document
from gwanje.config import Place as Inside
from gwanje.tell.together import Place
from gwanje.tell.written import HIDDEN, RECEIVER, ROUTE, secrets_in

ROUTES: Final = "routes"
"""The name of the whole tree of routes: those of files have no names."""
SECTIONS: Final = {RECEIVER: "receivers", "window": "windows", "rota": "duty", "escalation": "escalations"}
"""The section of the main file that lists what is of a kind; routes are a tree."""
_FROM_OUTSIDE: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


@dataclass(frozen=True, slots=True)
class OfFile:
    """A setting of a file: where it stands and what it says there. `line` is 0 where it stands in no line of its own."""

    file: str
    line: int
    values: Mapping[str, Any] = field(repr=False)


def of_files(document: Document, receivers: Mapping[str, Chosen]) -> dict[Place, OfFile]:
    """Every setting of a document that has no mistakes, by kind and name."""
    return {place: OfFile(*document.where(inside), values) for place, inside, values in _found(document, receivers)}


def _found(document: Document, receivers: Mapping[str, Chosen]) -> Iterator[tuple[Place, Inside, Mapping[str, Any]]]:
    for kind, section in SECTIONS.items():
        named = [str(values["name"]) for values in document.values.get(section) or ()]
        for index, (name, values) in enumerate(zip(named, document.as_written(section) or (), strict=False)):
            known = receivers.get(name) if kind == RECEIVER else None
            yield (
                (kind, name),
                (section, index),
                _hidden(values, [place for place, _ in secrets_in(known.settings)] if known else ()),
            )
    if document.values.get(ROUTES) is not None:
        yield (ROUTE, ROUTES), (ROUTES,), document.as_written(ROUTES) or document.values[ROUTES]
    elif len(receivers) == 1:
        yield (ROUTE, ROUTES), ("receivers",), {"receiver": next(iter(receivers))}


def _hidden(value: Any, places: Sequence[Inside], here: Inside = ()) -> Any:
    """The same values, with `***` for what is a secret, holds one or stands within one."""
    match value:
        case Mapping():
            return {key: _hidden(inner, places, (*here, key)) for key, inner in value.items()}
        case list():
            return [_hidden(inner, places, (*here, index)) for index, inner in enumerate(value)]
    touched = any(place[: len(here)] == here or here[: len(place)] == place for place in places)
    return HIDDEN if touched and not _FROM_OUTSIDE.fullmatch(str(value)) else value
