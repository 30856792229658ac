"""Settings of the page as sections of gwanje.yaml: put there they say the same.

A secret never leaves: `${NAME}` stands where it belongs, and the head says what to set in the environment or in `.env`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gwanje.config import dump
from gwanje.errors import NotFound
from gwanje.keep.said import PageSetting
from gwanje.keep.state import page_settings
from gwanje.show.exporting import comment, left_out, literal
from gwanje.show.rooms import Rooms
from gwanje.tell import written
from gwanje.tell.of_files import ROUTES, SECTIONS
from gwanje.tell.written import ROUTE, with_others

Variables = Mapping[tuple[str, str], str]
"""The variable for each secret, by the receiver's name and the place in its text."""
_NO_LETTER: Final = re.compile(r"[^A-Z0-9]+")


def settings(rooms: Rooms, kind: str | None = None, name: str | None = None) -> str:
    """Every setting of the page that counts, or the one of this kind and name. Those that are left out are named in a comment.

    Raises NotFound for a name that no setting of the page has.
    """
    rooms.policybook.read(rooms.state)
    with rooms.state.read() as connection:
        found = [one for one in page_settings.every(connection) if kind is None or (one.kind, one.name) == (kind, name)]
    if kind is not None and not found:
        raise NotFound(f"no {kind} of the page is named {name!r}")
    aside = {} if kind is not None else rooms.policybook.aside
    kept = [one for one in found if (one.kind, one.name) not in aside]
    variables = _variables(kept)
    head = [
        *(left_out(f"{one_kind} {one_name}", why) for (one_kind, one_name), why in aside.items()),
        *(comment(f"set {variable}: {place} of the receiver {receiver}") for (receiver, place), variable in variables.items()),
        *_about_routes(kept, has_root=rooms.policybook.files.policy.root is not None),
    ]
    return "".join(head) + dump(_sections(kept, variables))


def _sections(kept: Sequence[PageSetting], variables: Variables) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in kept:
        values = literal(written.read(one.kind, one.text).values)
        if one.kind == ROUTE:
            unnamed = {key: value for key, value in values.items() if key != "name"}
            found.setdefault(ROUTES, {ROUTES: []})[ROUTES].append(unnamed)
        else:
            filled = {place: f"${{{variables[one.name, place]}}}" for place in one.sealed}
            found.setdefault(SECTIONS[one.kind], []).append(with_others(values, filled))
    return found


def _about_routes(kept: Sequence[PageSetting], *, has_root: bool) -> Iterator[str]:
    """In files a route has no name, and all of them stand in one tree."""
    if names := ", ".join(one.name for one in kept if one.kind == ROUTE):
        where = "put them before those of gwanje.yaml" if has_root else "add `receiver`: who is told what none of them takes"
        yield comment(f"routes: {names}; {where}")


def _variables(kept: Sequence[PageSetting]) -> Variables:
    """`RECEIVER_OPS_SLACK_URL`: made of what may stand in such a name; no two are the same."""
    found: dict[tuple[str, str], str] = {}
    used: Counter[str] = Counter()
    for one in kept:
        for place in sorted(one.sealed):
            variable = _NO_LETTER.sub("_", f"RECEIVER {one.name} {place}".upper()).strip("_")
            used[variable] += 1
            found[one.name, place] = variable if used[variable] == 1 else f"{variable}_{used[variable]}"
    return found
