"""What people say of hosts and containers that go away on purpose. Checked, kept, and written into the audit trail."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from gwanje.because import Because
from gwanje.carry.updates.base import Update
from gwanje.errors import BadInput, NotFound
from gwanje.keep.said import Departure
from gwanje.keep.state import departures
from gwanje.model import to_ms
from gwanje.show.rooms import Rooms
from gwanje.show.saying import TOPIC, By, too_long

REMOVED_FOR: Final = timedelta(days=1)
"""How long the word counts that something was removed; nothing remembers it longer than that."""
LONGEST: Final = timedelta(days=30)
"""How long something may be away on purpose."""
_LONGEST_NAME: Final = 255
_LONGEST_TEXT: Final = 2000


@dataclass(frozen=True, slots=True)
class DepartureAsked:
    """A departure as somebody says it. Without `starts_at`, from now on; without `ends_at` it is for good."""

    scope: str
    name: str
    why: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None


def say(rooms: Rooms, asked: DepartureAsked, by: By) -> Departure:
    """Keep that something goes away on purpose. Raises BadInput for what makes no sense."""
    now = rooms.now()
    starts_at = max(asked.starts_at or now, now)
    ends_at = asked.ends_at or starts_at + REMOVED_FOR
    _check(rooms, asked, starts_at, ends_at)
    said = Departure(
        id=str(uuid.uuid4()),
        scope=asked.scope,
        name=asked.name,
        starts_at=starts_at,
        ends_at=ends_at,
        removed=asked.ends_at is None,
        who=by.name[:120],
        why=asked.why.strip(),
        said_at=now,
    )
    with rooms.state.write() as connection:
        departures.put(connection, said, address=by.address)
    rooms.updates.publish(Update(TOPIC))
    return said


def take_back(rooms: Rooms, id_: str, by: By) -> None:
    """It is back, or never went. Raises NotFound for one that is not there or over."""
    with rooms.state.write() as connection:
        if not departures.take_back(connection, id_, rooms.now(), by.name, address=by.address):
            raise NotFound(Because(f"there is no departure {id_!r} that goes on", "no_departure"))
    rooms.updates.publish(Update(TOPIC))


def listed(rooms: Rooms, host: str = "") -> list[dict[str, Any]]:
    """Those that hold now or will; of one host, those that mean it or a container of it."""
    found = not_over(rooms)
    groups = {name for name in rooms.inventory.groups if host and rooms.inventory.holds(name, host)}
    return [shown(one, rooms.now()) for one in found if not host or _means(one, host, groups)]


def not_over(rooms: Rooms) -> list[Departure]:
    """Those that hold now or will."""
    with rooms.state.read() as connection:
        return departures.not_over(connection, rooms.now())


def shown(said: Departure, now: datetime) -> dict[str, Any]:
    """A departure as the page reads it."""
    return {
        "id": said.id,
        "scope": said.scope,
        "name": said.name,
        "starts_at": to_ms(said.starts_at),
        "ends_at": to_ms(said.ends_at),
        "removed": said.removed,
        "holds": said.holds(now),
        "by": said.who,
        "why": said.why,
    }


def _means(said: Departure, host: str, groups: set[str]) -> bool:
    match said.scope:
        case "group":
            return said.name in groups
        case "container":
            return said.name.startswith(f"{host}/")
    return said.name == host


def _check(rooms: Rooms, asked: DepartureAsked, starts_at: datetime, ends_at: datetime) -> None:
    if not asked.name.strip() or len(asked.name) > _LONGEST_NAME:
        sentence = f"say which {asked.scope} goes away, in at most {_LONGEST_NAME} characters"
        raise BadInput(Because(sentence, "name_needed", count=_LONGEST_NAME), where="name")
    if asked.scope == "group" and asked.name not in rooms.inventory.groups:
        known = ", ".join(rooms.inventory.groups) or "none; groups of hosts stand under `groups` in gwanje.yaml"
        raise BadInput(Because(f"no group is named {asked.name!r}; known: {known}", "no_group", name=asked.name), where="name")
    if asked.scope == "container" and asked.ends_at is None:
        raise BadInput(Because("a container is away until a time; say until when", "container_for_good"), where="ends_at")
    if ends_at <= starts_at:
        raise BadInput(Because("the end must lie after the beginning, and not in the past", "ends_in_the_past"), where="ends_at")
    if ends_at - starts_at > LONGEST:
        sentence = f"something is away for at most {LONGEST.days} days; what does not come back was removed"
        raise BadInput(Because(sentence, "away_too_long", count=LONGEST.days), where="ends_at")
    if not asked.why.strip():
        raise BadInput(Because("say why, for whoever wonders why nothing is told of it", "why_needed"), where="why")
    if len(asked.why) > _LONGEST_TEXT:
        raise BadInput(too_long("the reason", _LONGEST_TEXT), where="why")
