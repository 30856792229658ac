"""What people are told when a receiver refuses messages for good: a notice through another receiver. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gwanje.model import to_ms
from gwanje.tell.notifiers.base import Notification

KEY: Final = "broken:"
"""How the key of such a notice begins. One that is refused is passed on, and raises no other."""
AT_MOST_EVERY: Final = timedelta(hours=1)


def other_than(receiver: str, receivers: Iterable[str], refusing: Iterable[str]) -> str:
    """Who is told instead: the first of the others that did not refuse its last message; empty where there is no other."""
    others = [name for name in receivers if name != receiver]
    return next((name for name in others if name not in set(refusing)), others[0] if others else "")


def passed_on(notice: Notification, other: str) -> Notification:
    """The same notice for another receiver, because its own refused it."""
    return replace(notice, key=f"{notice.key}+", receiver=other)


def broken(receiver: str, other: str, why: str, now: datetime) -> Notification:
    """The notice. Its key is the same for an hour, so that a hundred refused messages make one of it."""
    return Notification(
        key=f"{KEY}{receiver}:{to_ms(now) // (AT_MOST_EVERY // timedelta(milliseconds=1))}",
        group_key=f"{KEY}{receiver}"[:64],
        receiver=other,
        group={"receiver": receiver},
        reason="notice",
        alerts=(),
        decided=now,
        title={
            "ko": f"수신자 {receiver}에 메시지를 보낼 수 없습니다",
            "en": f"Receiver {receiver} is broken",
        },
        text={
            "ko": f"{receiver}이(가) 메시지를 받지 않았습니다: {why}. 다시 보내지 않습니다. 수신자 설정을 고쳐 주세요.",
            "en": f"{receiver} refused a message: {why}. It is not sent again. Correct the settings of this receiver.",
        },
    )
