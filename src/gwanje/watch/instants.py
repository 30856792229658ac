"""When what is due: the instants of a fixed schedule. Pure; a process that woke late looks at the same instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

CATCH_UP: Final = timedelta(minutes=1)
"""What was missed in so much time is made up for; beyond, the schedule goes on with the newest."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def due(interval: timedelta, last: datetime | None, now: datetime) -> list[datetime]:
    """The multiples of the interval after the last one that was looked at, not older than `CATCH_UP`; the newest in any case.

    While a clock that was set back a little catches up, there are none; after a larger step the schedule goes on from there,
    for else nothing would be looked at for as long as the clock had been wrong.
    """
    newest = floor(now, interval)
    if last is None or last - newest > max(CATCH_UP, interval):
        return [newest]
    missed = max((newest - last) // interval, 0)
    return [newest - interval * back for back in range(min(missed, max(CATCH_UP // interval, 1)) - 1, -1, -1)]


def floor(instant: datetime, step: timedelta) -> datetime:
    """The multiple of `step` at or before the instant."""
    return _EPOCH + (instant - _EPOCH) // step * step


def until_next(now: datetime, tick: timedelta) -> float:
    """Seconds to the next multiple of `tick`."""
    return max((floor(now, tick) + tick - now).total_seconds(), 0.001)
