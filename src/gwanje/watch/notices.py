"""Notices: told once, with no life of their own. They take the same outbox as everything that is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from gwanje.keep.state import outbox
from gwanje.tell.combining import NOTICE
from gwanje.tell.message import to_plain
from gwanje.tell.notifiers.base import Notification

_LASTS: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told. `key` names this notice and no other: the same one is told once, by whichever process, however often."""

    key: str
    receiver: str
    title: Mapping[str, str]
    """In short, by language."""
    text: Mapping[str, str]
    group: str = ""
    """What it is about, in at most 64 characters: notices of one group are told in their order. Empty: it stands alone."""


def put(connection: Connection, notice: Notice, at: datetime, *, lasts: timedelta = _LASTS) -> bool:
    """Write it down to be sent; False when it was before."""
    message = Notification(
        key=notice.key,
        group_key=notice.group or notice.key[:64],
        receiver=notice.receiver,
        group={},
        reason=NOTICE,
        alerts=(),
        decided=at,
        title=notice.title,
        text=notice.text,
    )
    return put_once(connection, message, at, lasts)


def put_once(connection: Connection, message: Notification, at: datetime, lasts: timedelta) -> bool:
    """Write a message down unless one of its key was; whether it was written."""
    if outbox.became(connection, message.key) is not None:
        return False
    outbox.put(
        connection,
        key=message.key,
        receiver=message.receiver,
        group_key=message.group_key,
        reason=message.reason,
        episodes=[one.episode for one in message.alerts if one.episode],
        message=to_plain(message),
        now=at,
        deadline=at + lasts,
    )
    return True
