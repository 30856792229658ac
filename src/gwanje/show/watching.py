"""When nobody evaluated rules, hour by hour: an hour without alerts is good only where somebody looked.

What gwanje stores of itself tells it: every few seconds, how many rounds were completed. A process that lives and completes
none, because it hangs or another one has the turn, looks at nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from gwanje.model import from_ms, to_ms
from gwanje.show.rooms import Rooms

STEP: Final = timedelta(minutes=5)
LONGEST: Final = timedelta(days=31)
"""So far back from the end it is told."""
_QUERY: Final = "count(increase(gwanje_rounds_total[10m]) > 0)"
"""Whoever completes rounds, also without any rule. A restart, which takes seconds, leaves no gap in it."""


async def unjudged(rooms: Rooms, since: datetime, until: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """The hours of a zone's clock in which nobody evaluated for ten minutes or longer, and for how long; nothing of what is to
    come. `from` is where it begins to be told.
    """
    step_ms = STEP // timedelta(milliseconds=1)
    end = to_ms(min(until, rooms.now())) // step_ms * step_ms
    start = -(-to_ms(max(since, until - LONGEST)) // step_ms) * step_ms + step_ms
    seen: set[int] = set()
    if start <= end:
        seen = {int(at) for at in (await rooms.samples.range(_QUERY, start, end, step_ms)).times}
    return {"from": start - step_ms, "to": end, "hours": missed(range(start, end + 1, step_ms), seen, zone)}


def missed(steps: range, seen: Collection[int], zone: ZoneInfo) -> list[dict[str, int]]:
    """Of the steps that were not seen, how many seconds lie in which hour. A step stands for the time before it."""
    length_ms = steps.step
    counts = Counter(_hour(at - length_ms, zone) for at in steps if at not in seen)
    return [{"at": at, "seconds": count * length_ms // 1000} for at, count in sorted(counts.items())]


def _hour(at_ms: int, zone: ZoneInfo) -> int:
    return to_ms(from_ms(at_ms).astimezone(zone).replace(minute=0, second=0, microsecond=0))
