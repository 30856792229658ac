"""Rules of the page as a file: put into the folder `rules` it says the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gwanje.config import dump
from gwanje.errors import NotFound
from gwanje.judge.rules import written
from gwanje.keep.said import PageRule
from gwanje.keep.state import page_rules
from gwanje.show.rooms import Rooms


def rules(rooms: Rooms, name: str | None = None) -> str:
    """Every rule of the page that is judged, or the one of this name, as YAML. Those that are left out are named in a comment.

    Raises NotFound for a name that no rule of the page has.
    """
    rooms.rulebook.read(rooms.state)
    with rooms.state.read() as connection:
        kept = [one for one in page_rules.every(connection) if name in {None, one.name}]
    if name is not None and not kept:
        raise NotFound(f"no rule of the page is named {name!r}")
    aside = {} if name is not None else rooms.rulebook.aside
    head = "".join(left_out(one.name, aside[one.name]) for one in kept if one.name in aside)
    return head + dump({"rules": [_values(one) for one in kept if one.name not in aside]})


def left_out(name: str, why: str) -> str:
    """The comment about something that is not in the file."""
    return comment(f"left out: {name}: {why}")


def comment(said: str) -> str:
    """One line of YAML that says something to people, whatever stands in it."""
    return f"# {' '.join(said.split())}\n"


def _values(kept: PageRule) -> Mapping[str, Any]:
    values = {key: literal(value) for key, value in written.read(kept.text).values.items()}
    return values if kept.enabled else {**values, "enabled": False}


def literal(value: Any) -> Any:
    """The value as a file must write it: there `${NAME}` is filled in and `$$` is `$`, on the page both stand for themselves."""
    match value:
        case Mapping():
            return {key: literal(inner) for key, inner in value.items()}
        case list():
            return [literal(inner) for inner in value]
        case str() if "${" in value or "$$" in value:
            return value.replace("$", "$$")
    return value
