"""The time in which nobody looked at a rule: the process was away, or the store did not answer. Pure.

What was missing then is not missing data, and says nothing of a series that stopped. An evaluation or two that failed are
no pause: a store that fails now and then must not hide what is gone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

_REMEMBERED: Final = 100


@dataclass(frozen=True, slots=True)
class Pauses:
    """The latest stretches without an evaluation, in the order of time; those longer than missing data may be."""

    _stretches: deque[tuple[datetime, datetime]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def note(self, last: datetime, at: datetime, longest: timedelta) -> bool:
        """An evaluation `at`, after the `last`; returns whether that was a pause: longer than missing data may be."""
        paused = at - last > longest
        if paused:
            self._stretches.append((last, at))
        return paused

    def since(self, seen_at: datetime) -> timedelta:
        """For how much of the time since then nobody looked."""
        return sum((ended - max(began, seen_at) for began, ended in self._stretches if ended > seen_at), timedelta())
