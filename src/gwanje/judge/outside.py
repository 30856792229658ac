"""Alerts that other programs tell: what their last word means at a time. Pure.

Such an alert fires from the first word on. It is over by its sender's word ("resolved"), or because the sender fell silent
beyond the end it gave ("expired"), which is not the same: nobody saw it get better.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from gwanje.keep.said import OutsideAlert

_APART: Final = timedelta(milliseconds=1)
_CLOUDS: Final = frozenset({"cloudwatch", "eventbridge"})


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


def stale(before: OutsideAlert | None, ended_at: datetime | None, told: OutsideAlert) -> bool:
    """Whether a word is older than what is known: `before` of the same alert, or when its last life ended.

    Clouds say when a state changed, and say it again and in any order: a late "alarm" after an "ok" would never end.
    """
    if told.source not in _CLOUDS:
        return False
    known = (before.ends_at or before.starts_at) if before is not None else ended_at
    return known is not None and (told.ends_at or told.starts_at) < known


def renewed(before: OutsideAlert | None, told: OutsideAlert) -> OutsideAlert:
    """What is kept after one more word: the beginning of a life goes on as long as that life does.

    No two words of an alert were told at the same time, so that the time tells them apart.
    """
    if before is None:
        return told
    renewed_at = max(told.renewed_at, before.renewed_at + _APART)
    if standing(before, told.renewed_at) is not Standing.FIRING:
        return replace(told, renewed_at=renewed_at)
    return replace(told, renewed_at=renewed_at, starts_at=min(before.starts_at, told.starts_at))
