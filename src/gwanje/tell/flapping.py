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
    """Within the last `within`; while it flaps, since the last word, beginning with the change before it."""
    since: datetime | None = None
    told_at: datetime | None = None
    """None while nobody could be told that it flaps."""

    @property
    def flapping(self) -> bool:
        return self.since is not None


def step(flap: Flap, changes: int, limits: Limits, now: datetime, *, heard: bool = True) -> tuple[Flap | None, Word | None]:
    """The flap after so many more changes, None when there is nothing to remember; and what is said, if anything.

    What is not `heard` now, because a storm leaves no room for it, is said later; what is stable before it was said never is.
    """
    seen = (*flap.changes, *[now] * changes)
    if not flap.flapping:
        seen = tuple(at for at in seen if now - at < limits.within)
        if len(seen) <= limits.changes:
            return (replace(flap, changes=seen) if seen else None), None
        flap = replace(flap, changes=(), since=seen[0])
    word = _word(flap, seen[-1] if seen else flap.told_at or now, limits, now)
    if word is Word.OVER and flap.told_at is None:
        return None, None
    if word is None or not heard:
        return (replace(flap, changes=seen) if seen != flap.changes else flap), None
    return (None if word is Word.OVER else replace(flap, changes=seen[-1:], told_at=now)), word


def since_told(flap: Flap, changes: int) -> int:
    """How often a flapping alert changed since the last word on it: the change at which that was said does not count."""
    return max(0, len(flap.changes) - 1) + changes


def _word(flap: Flap, last: datetime, limits: Limits, now: datetime) -> Word | None:
    """What there is to say of a flapping alert that changed last then."""
    if now - last >= limits.stable_for:
        return Word.OVER
    if flap.told_at is None:
        return Word.BEGAN
    return Word.GOES_ON if now - flap.told_at >= limits.summary_every else None
