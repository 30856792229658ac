"""Alerts that come and go: told once as such, then in a summary a period, until they are stable. Pure: told the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from gwanje.config import Duration, Settings


class Limits(Settings):
    """When an alert counts as coming and going."""

    changes: int = Field(default=6, ge=2, le=1000)
    """So many beginnings and ends."""
    within: Duration = timedelta(minutes=30)
    """In so much time."""
    stable_for: Duration = timedelta(minutes=30)
    """It is over when nothing changed for so long."""
    summary_every: Duration = timedelta(hours=1)
    """How often it is told meanwhile."""


class Word(StrEnum):
    """What is said of a flapping alert."""

    BEGAN = "flapping"
    GOES_ON = "still flapping"
    OVER = "stable again"


@dataclass(frozen=True, slots=True)
class Flap:
    """The beginnings and ends of one alert, by its identity, and since when it counts as flapping."""

    rule: str
    labels: Mapping[str, str]
    changes: tuple[datetime, ...] = ()
    """Within the last `within`; while it flaps, since the last word."""
    since: datetime | None = None
    told_at: datetime | None = None

    @property
    def flapping(self) -> bool:
        return self.since is not None


def step(flap: Flap, changes: int, limits: Limits, now: datetime) -> tuple[Flap | None, Word | None]:
    """The flap after so many more changes, None when there is nothing to remember; and what is said, if anything."""
    seen = (*flap.changes, *[now] * changes)
    if not flap.flapping:
        recent = tuple(at for at in seen if now - at < limits.within)
        if len(recent) > limits.changes:
            return replace(flap, changes=recent, since=recent[0], told_at=now), Word.BEGAN
        return (replace(flap, changes=recent) if recent else None), None
    last = seen[-1] if seen else flap.told_at or now
    if now - last >= limits.stable_for:
        return None, Word.OVER
    if flap.told_at is not None and now - flap.told_at >= limits.summary_every:
        return replace(flap, changes=seen[-1:], told_at=now), Word.GOES_ON
    return (replace(flap, changes=seen) if changes else flap), None
