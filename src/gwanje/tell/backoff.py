"""How long to wait before a message is tried again. Pure: chance comes in as a number."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

FIRST: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(minutes=5)
LONGEST_ASKED: Final = timedelta(hours=1)


def pause(tries: int, asked: timedelta | None, chance: float) -> timedelta:
    """Doubles with each try; `chance` in 0..1 spreads it over its upper half. A pause asked for is kept, up to an hour."""
    full = min(FIRST * float(1 << min(max(tries, 1) - 1, 20)), LONGEST)
    own = full * (0.5 + chance / 2)
    return max(own, min(asked, LONGEST_ASKED)) if asked else own


def rests(until: datetime | None, now: datetime) -> bool:
    """Whether a receiver that asked for a pause is left alone now, by every message. A clock set back makes none longer."""
    return until is not None and timedelta() < until - now <= LONGEST_ASKED
