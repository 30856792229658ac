"""What a setting that is being written would do: the next times of a window, the turns of a rota, the steps of an escalation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from gwanje.config import Chosen, Settings, format_duration
from gwanje.model import to_ms
from gwanje.show.rooms import Rooms
from gwanje.tell import written
from gwanje.tell.duty import Rota, Turn, answering, turns
from gwanje.tell.escalation import Escalation
from gwanje.tell.policy import Policy
from gwanje.tell.windows import Window, holds, stretches

_TIMES: Final = 12
"""So many times are told."""
_WINDOW: Final = timedelta(days=400)
_ROTA: Final = timedelta(days=56)


def ahead(rooms: Rooms, kind: str, text: str) -> dict[str, Any]:
    """What the setting would do from now on; nothing while its text has mistakes."""
    setting = written.read(kind, text).setting
    return {"now": rooms.now_ms(), **of_setting(setting, rooms.policy, rooms.now())}


def of_setting(setting: Settings | Chosen | None, policy: Policy, now: datetime) -> dict[str, Any]:
    """The same for a setting that was read, told the time."""
    match setting:
        case Window():
            times = stretches(setting, now, now + _WINDOW)
            return {"zone": setting.zone, "holds": holds(setting, now), "times": [_time(*one) for one in times[:_TIMES]]}
        case Rota():
            return {"zone": setting.zone, "turns": _turns(setting, now)}
        case Escalation():
            return {"steps": [_step(policy, step.after, step.receiver, step.duty, now) for step in setting.steps]}
    return {}


def _turns(rota: Rota, now: datetime) -> list[dict[str, Any]]:
    """The next turns, and between them the times in which nobody of this rota is on duty."""
    found: list[dict[str, Any]] = []
    ends = now
    for turn in turns(rota, now, now + _ROTA):
        if turn.begins > ends:
            found.append({"person": None, **_time(ends, turn.begins)})
        found.append(_turn(turn))
        ends = turn.ends
    return found[:_TIMES]


def _turn(turn: Turn) -> dict[str, Any]:
    return {"person": turn.person.name, "receiver": turn.person.receiver, **_time(turn.begins, turn.ends)}


def _step(policy: Policy, after: timedelta, receiver: str | None, duty: str | None, now: datetime) -> dict[str, Any]:
    """A step, and whom it would tell now where that is whoever is on duty."""
    person = answering(policy.rotas, now).get(duty or "")
    told = {"receiver": receiver, "duty": duty, "person": person.name if person else None}
    return {"after": format_duration(after), "after_seconds": after.total_seconds(), **told}


def _time(begins: datetime, ends: datetime) -> dict[str, int]:
    return {"from": to_ms(begins), "to": to_ms(ends)}
