"""What the last fetches say together: fail rate, latency, throughput. Pure: told the time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from gwanje.collect.pipelines.fetch import Fetch
from gwanje.collect.sources.base import Outcome
from gwanje.stats import percentile

WINDOW: Final = timedelta(minutes=15)
STRIP: Final = 48
"""How many fetches the strip on the page shows."""


@dataclass(frozen=True, slots=True)
class FailRate:
    """Failed fetches of all that succeeded or failed in the window; cancelled ones are left out of both."""

    failed: int
    total: int
    window_seconds: int

    @property
    def ratio(self) -> float | None:
        """None where nothing was fetched: unknown is not zero."""
        return self.failed / self.total if self.total else None


def fail_rate(fetches: Iterable[Fetch], now_ms: int, window: timedelta = WINDOW) -> FailRate:
    """Of the fetches that began in the window that ends now."""
    ended = _ended(fetches, now_ms, window)
    failed = sum(fetch.outcome is Outcome.FAILED for fetch in ended)
    return FailRate(failed, len(ended), round(window.total_seconds()))


def latency_ms(fetches: Iterable[Fetch], now_ms: int, window: timedelta = WINDOW, *, share: float = 0.95) -> float | None:
    """The latency that `share` of the window's fetches stayed below; None of none."""
    return percentile([fetch.latency_ms for fetch in _ended(fetches, now_ms, window)], share)


def per_minute(fetches: Iterable[Fetch], now_ms: int, window: timedelta = WINDOW) -> float:
    """How many fetches ended a minute, on average over the window."""
    return len(_ended(fetches, now_ms, window)) / (window / timedelta(minutes=1))


def strip(fetches: Iterable[Fetch], count: int = STRIP) -> Sequence[Fetch]:
    """The newest fetches, the oldest of them first."""
    return sorted(fetches, key=lambda fetch: (fetch.at_ms, fetch.id))[-count:]


def _ended(fetches: Iterable[Fetch], now_ms: int, window: timedelta) -> list[Fetch]:
    since_ms = now_ms - window // timedelta(milliseconds=1)
    return [fetch for fetch in fetches if since_ms < fetch.at_ms <= now_ms and fetch.outcome is not Outcome.CANCELLED]
