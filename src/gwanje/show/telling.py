"""Who is told what and when, as people see it: receivers, windows, rotas, escalations; and the test that a receiver works."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from gwanje.because import Because
from gwanje.carry.updates.base import Update
from gwanje.config import format_duration
from gwanje.errors import NotFound
from gwanje.keep.state import outbox, people
from gwanje.model import Severity, to_ms
from gwanje.show.rooms import Rooms
from gwanje.show.saying import By
from gwanje.tell.duty import on_duty, turns
from gwanje.tell.message import to_plain
from gwanje.tell.notifiers.base import FIRING, AlertInMessage, Notification
from gwanje.tell.windows import holds, stretches

_AHEAD: Final = timedelta(days=14)
_TEST_LASTS: Final = timedelta(minutes=10)
_POLL: Final = 0.2
TEST: Final = "test"


@dataclass(frozen=True, slots=True)
class Tested:
    """What became of a test message: `sent`, `failed`, or `waiting` when it was not accepted yet and is tried again."""

    key: str
    state: str
    tries: int
    error: str


def overview(rooms: Rooms, start: datetime | None = None) -> dict[str, Any]:
    """Receivers, and what the calendar says from `start` (now) for two weeks."""
    now = rooms.now()
    begin = start or now
    end, policy = begin + _AHEAD, rooms.policy
    return {
        "receivers": [{"name": name, "type": chosen.name} for name, chosen in rooms.policybook.receivers.items()],
        "windows": [
            {
                "name": window.name,
                "zone": window.zone,
                "match": ", ".join(map(str, window.match)),
                "holds": holds(window, now),
                "stretches": [_stretch(*one) for one in stretches(window, begin, end)],
            }
            for window in policy.windows
        ],
        "duty": [
            {
                "name": rota.name,
                "zone": rota.zone,
                "now": person.name if (person := on_duty(rota, now)) else None,
                "turns": [
                    {"person": turn.person.name, "receiver": turn.person.receiver, **_stretch(turn.begins, turn.ends)}
                    for turn in turns(rota, begin, end)
                ],
            }
            for rota in policy.rotas
        ],
        "escalations": [
            {
                "name": escalation.name,
                "steps": [
                    {"after": format_duration(step.after), "receiver": step.receiver, "duty": step.duty}
                    for step in escalation.steps
                ],
            }
            for escalation in policy.escalations
        ],
        "inhibit": [
            {
                "source": ", ".join(map(str, rule.source)),
                "target": ", ".join(map(str, rule.target)),
                "equal": list(rule.equal),
            }
            for rule in policy.inhibitions
        ],
        "from": to_ms(begin),
        "to": to_ms(end),
    }


async def send_test(rooms: Rooms, receiver: str, by: By, patience: timedelta) -> Tested:
    """Send a test the way every message goes, and wait a while for what becomes of it. Raises NotFound."""
    rooms.policybook.read(rooms.state)
    if receiver not in rooms.policybook.receivers:
        known = ", ".join(rooms.policybook.receivers) or "none"
        raise NotFound(Because(f"there is no receiver {receiver!r}; known: {known}", "no_receiver", name=receiver))
    key = f"{TEST}:{uuid.uuid4().hex}"
    await asyncio.to_thread(_put, rooms, receiver, key, by)
    rooms.updates.publish(Update("outbox"))
    until = asyncio.get_running_loop().time() + patience.total_seconds()
    while True:
        found = await asyncio.to_thread(_became, rooms, key)
        if found.state != outbox.WAITING or found.tries or asyncio.get_running_loop().time() >= until:
            return found
        await asyncio.sleep(_POLL)


def _put(rooms: Rooms, receiver: str, key: str, by: By) -> None:
    now = rooms.now()
    said = {"ko": f"{by.name} 님이 보낸 시험입니다.", "en": f"This is a test sent by {by.name}."}
    alert = AlertInMessage(
        episode="",
        fingerprint=TEST,
        rule=TEST,
        labels={"host": "example"},
        severity=Severity.INFO,
        state=FIRING,
        summary=said,
        value=0.96,
        value_text="96.0 %",
        threshold=">= 95.0 %",
        since=now,
        link=rooms.url,
    )
    message = Notification(key, key, receiver, {}, TEST, [alert], now)
    with rooms.state.write() as connection:
        outbox.put(
            connection,
            key=key,
            receiver=receiver,
            group_key=key,
            reason=TEST,
            episodes=[],
            message=to_plain(message),
            now=now,
            deadline=now + _TEST_LASTS,
        )
        people.note(connection, now, by.name, "receiver tested", receiver, address=by.address)


def _became(rooms: Rooms, key: str) -> Tested:
    with rooms.state.read() as connection:
        row = outbox.became(connection, key)
    return Tested(key, row["state"], row["tries"], row["error"]) if row else Tested(key, outbox.FAILED, 0, "it was forgotten")


def _stretch(begins: datetime, ends: datetime) -> dict[str, int]:
    return {"from": to_ms(begins), "to": to_ms(ends)}
