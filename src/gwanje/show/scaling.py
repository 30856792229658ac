"""What people say about sizes: held at five until then, never smaller meanwhile. Checked, kept, and in the audit trail.

Which hold counts is decided in `act.scaling.holding`; whoever scales asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from gwanje.act.scaling.holding import in_effect, planned, replaced
from gwanje.act.worker import HOLDS
from gwanje.because import Because
from gwanje.carry.updates.base import Update
from gwanje.errors import BadInput, NotFound
from gwanje.keep.said import Hold
from gwanje.keep.state import holds
from gwanje.model import to_ms
from gwanje.show.rooms import Rooms
from gwanje.show.saying import By, too_long

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./\-]{0,199}")
_LONGEST_TEXT: Final = 2000


@dataclass(frozen=True, slots=True)
class HoldAsked:
    """A hold as somebody wants it: a size, or the direction that stops. Without `starts_at`, from now on."""

    scaler: str
    size: int | None
    stop: str
    starts_at: datetime | None
    ends_at: datetime
    why: str


def hold(rooms: Rooms, asked: HoldAsked, by: By) -> dict[str, Any]:
    """Hold a size, in the place of what holds now, or of what is planned for the same time. BadInput for what makes no sense."""
    now = rooms.now()
    _check(asked, now)
    starts_at = max(asked.starts_at or now, now)
    new = Hold(asked.scaler, asked.size, asked.stop, starts_at, asked.ends_at, by.name[:120], asked.why.strip(), now)
    with rooms.state.write() as connection:
        before = replaced(holds.of_scaler(connection, asked.scaler), new)
        for one in before:
            holds.end(connection, one, now, by.name, address=by.address)
        holds.put(connection, new, address=by.address)
        after = _of_scaler(asked.scaler, holds.of_scaler(connection, asked.scaler), now)
    rooms.updates.publish(Update(HOLDS, asked.scaler))
    return {**after, "replaced": [shown(one) for one in before]}


def release(rooms: Rooms, scaler: str, number: int | None, by: By) -> None:
    """End the hold that counts now, or the one of this number. Raises NotFound when there is none."""
    now = rooms.now()
    with rooms.state.write() as connection:
        found = holds.of_scaler(connection, scaler)
        one = in_effect(found, now) if number is None else next((one for one in found if one.id == number), None)
        if one is None or not holds.end(connection, one, now, by.name, address=by.address):
            raise NotFound(f"nobody holds {scaler!r}" if number is None else f"{scaler!r} has no hold {number} that goes on")
    rooms.updates.publish(Update(HOLDS, scaler))


def of_scaler(rooms: Rooms, scaler: str) -> dict[str, Any]:
    """The hold that counts now, null where the size is its own, and those that are planned."""
    with rooms.state.read() as connection:
        return _of_scaler(scaler, holds.of_scaler(connection, scaler), rooms.now())


def listed(rooms: Rooms) -> list[dict[str, Any]]:
    """Every scaler of which something is held now or will be."""
    with rooms.state.read() as connection:
        found = holds.not_ended(connection)
    now = rooms.now()
    every = [_of_scaler(name, list(group), now) for name, group in groupby(found, key=lambda one: one.scaler)]
    return [one for one in every if one["hold"] or one["planned"]]


def shown(one: Hold) -> dict[str, Any]:
    """A hold as the page, and whoever scales, reads it."""
    return {
        "id": one.id,
        "size": one.size,
        "stop": one.stopped or None,
        "starts_at": to_ms(one.starts_at),
        "ends_at": to_ms(one.ends_at),
        "by": one.who,
        "why": one.why,
    }


def _of_scaler(scaler: str, found: Sequence[Hold], now: datetime) -> dict[str, Any]:
    counts = in_effect(found, now)
    return {
        "scaler": scaler,
        "hold": shown(counts) if counts else None,
        "planned": [shown(one) for one in planned(found, now)],
    }


def _check(asked: HoldAsked, now: datetime) -> None:
    if not _NAME.fullmatch(asked.scaler):
        raise BadInput("a scaler's name is 1 to 200 letters, digits or _ . / -", where="name")
    if (asked.size is None) == (not asked.stop):
        raise BadInput("say either the size to stay at, or the direction that stops", where="size")
    if asked.ends_at <= max(asked.starts_at or now, now):
        raise BadInput(Because("the end must lie after the beginning, and not in the past", "ends_in_the_past"), where="ends_at")
    if not asked.why.strip():
        raise BadInput(Because("say why, for whoever wonders why nothing is scaled", "why_needed"), where="why")
    if len(asked.why) > _LONGEST_TEXT:
        raise BadInput(too_long("the reason", _LONGEST_TEXT), where="why")
