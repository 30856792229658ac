"""A notification as the outbox keeps it: plain values that a database and another version of this program can read."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from gwanje.tell.notifiers.base import Notification


def to_plain(notification: Notification) -> dict[str, Any]:
    return cast(dict[str, Any], msgspec.to_builtins(notification))


def from_plain(plain: Any) -> Notification:
    """Raises ValueError when what is kept is no notification."""
    return msgspec.convert(plain, Notification)
