"""Alerts that other programs tell: what their last word means at a time. Pure.

Such an alert fires from the first word on. It is over by its sender's word ("resolved"), or because the sender fell silent
beyond the end it gave ("expired"), which is not the same: nobody saw it get better.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from gwanje.keep.said import OutsideAlert


class Standing(StrEnum):
    """What an outside alert is at a time."""

    FIRING = "firing"
    RESOLVED = "resolved"
    EXPIRED = "expired"


def standing(told: OutsideAlert, now: datetime) -> Standing:
    """What the alert is now, by the last that was said of it."""
    if told.ends_at is not None and told.ends_at <= now:
        return Standing.RESOLVED
    if told.expires_at is not None and told.expires_at <= now:
        return Standing.EXPIRED
    return Standing.FIRING


def renewed(before: OutsideAlert | None, told: OutsideAlert) -> OutsideAlert:
    """What is kept after one more word: the beginning of a life goes on as long as that life does."""
    if before is None or standing(before, told.renewed_at) is not Standing.FIRING:
        return told
    return OutsideAlert(
        **{name: getattr(told, name) for name in OutsideAlert.__slots__ if name != "starts_at"},
        starts_at=min(before.starts_at, told.starts_at),
    )
