"""How many PromQL queries were asked over HTTP, how they ended, and how long they took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from gwanje.wire.exposition.encode import series_name

INSTANT: Final = "instant"
RANGE: Final = "range"
_OUTCOMES: Final[Mapping[int, str]] = {200: "succeeded", 400: "bad_data", 499: "canceled", 503: "timeout"}
_OTHER: Final = "execution"


class Queries:
    """Counted by the API in its one loop; read from anywhere."""

    def __init__(self) -> None:
        self._counts = Counter({(kind, outcome): 0 for kind in (INSTANT, RANGE) for outcome in (*_OUTCOMES.values(), _OTHER)})
        self._seconds = {INSTANT: 0.0, RANGE: 0.0}

    def note(self, kind: str, status: int, seconds: float) -> None:
        """A query of a kind was answered with an HTTP status, so many seconds after it was asked."""
        self._counts[kind, _OUTCOMES.get(status, _OTHER)] += 1
        self._seconds[kind] += seconds

    def own_samples(self) -> Mapping[str, float]:
        counts = {
            series_name("gwanje_queries_total", {"kind": kind, "outcome": outcome}): float(count)
            for (kind, outcome), count in self._counts.items()
        }
        seconds = {series_name("gwanje_query_seconds_total", {"kind": kind}): self._seconds[kind] for kind in (INSTANT, RANGE)}
        return {**counts, **seconds}
