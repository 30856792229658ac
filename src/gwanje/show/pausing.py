"""What people say about pipelines: paused until then, and go on. Checked, kept, and written into the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from gwanje.because import Because
from gwanje.carry.updates.base import Update
from gwanje.collect import pausing
from gwanje.collect.pipelines.spec import Prepared
from gwanje.errors import BadInput, NotFound
from gwanje.keep.said import Pause
from gwanje.keep.state import pauses
from gwanje.model import to_ms
from gwanje.show.rooms import Rooms
from gwanje.show.saying import By, too_long

_LONGEST_TEXT: Final = 2000


def pause(rooms: Rooms, name: str, why: str, until: datetime | None, by: By) -> Pause:
    """Pause a pipeline until a time, or until somebody has it go on, in the place of an earlier pause.

    Raises NotFound for a pipeline that is not there, BadInput for what makes no sense.
    """
    known(rooms, name)
    now = rooms.now()
    if not why.strip():
        raise BadInput(Because("say why, for whoever wonders why nothing comes in", "why_needed"), where="why")
    if len(why) > _LONGEST_TEXT:
        raise BadInput(too_long("the reason", _LONGEST_TEXT), where="why")
    if until is not None and until <= now:
        raise BadInput(Because("the end lies in the past", "ends_in_the_past"), where="until")
    said = Pause(name, by.name[:120], why.strip(), now, until)
    with rooms.state.write() as connection:
        pauses.put(connection, said, address=by.address)
    rooms.updates.publish(Update("pauses", name))
    return said


def resume(rooms: Rooms, name: str, by: By) -> None:
    """Have a pipeline go on; a tick that passed meanwhile is made up for where it catches up. NotFound when it is not paused."""
    prepared = known(rooms, name)
    with rooms.state.write() as connection:
        found = pauses.one(connection, name)
        if found is None or not pausing.resume(
            connection, found, prepared.pipeline, rooms.now(), by.name[:120], address=by.address
        ):
            raise NotFound(Because(f"{name!r} is not paused", "not_paused", name=name))
    rooms.updates.publish(Update("pauses", name))


def now_paused(rooms: Rooms, now: datetime) -> dict[str, Pause]:
    """The pauses that hold, by pipeline."""
    with rooms.state.read() as connection:
        return {one.pipeline: one for one in pauses.every(connection) if one.holds(now)}


def sentence(pause: Pause) -> str:
    """A pause in words: `collect is paused by kim until 2026-03-01 18:00 UTC: the site moves`."""
    until = f"until {pause.until:%Y-%m-%d %H:%M} UTC" if pause.until else "until somebody resumes it"
    sentence = f"{pause.pipeline} is paused by {pause.who} {until}: {pause.why}"
    said: dict[str, Any] = {"name": pause.pipeline, "who": pause.who, "why": pause.why}
    return Because(sentence, "is_paused", **said, **({"until": to_ms(pause.until)} if pause.until else {}))


def known(rooms: Rooms, name: str) -> Prepared:
    """A pipeline of this process; raises NotFound."""
    found = next((one for one in rooms.pipelines if one.name == name), None)
    if found is None:
        names = ", ".join(sorted(one.name for one in rooms.pipelines)) or "none"
        raise NotFound(Because(f"no pipeline named {name!r}; known: {names}", "no_pipeline", name=name))
    return found
