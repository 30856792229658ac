"""What this process has fetched since it started, as samples. They exist from 0 on, so that the first failure is an increase."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from gwanje.collect.pipelines.fetch import Fetch
from gwanje.collect.sources.base import Outcome
from gwanje.model import Sample

BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, float("inf"))
"""Upper ends of the latency buckets in seconds."""

_A_JUMP_MS: Final = 60_000


@dataclass(slots=True)
class _Row:
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    buckets: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))
    seconds: float = 0.0
    rows: int = 0
    bytes: int = 0


class FetchCounters:
    """Counts fetches by pipeline and source. Owned by one loop; `samples` may be read from any thread.

    `labels` stand on every series beside `pipeline` and `source`; give each process its own where several write to one store.
    """

    def __init__(self, pipelines: Iterable[tuple[str, str]], labels: Mapping[str, str] | None = None) -> None:
        self._rows = {pipeline: _Row() for pipeline in pipelines}
        self._labels = dict(labels or {})
        self._written_ms = 0

    def count(self, fetch: Fetch) -> None:
        """Add one fetch. A cancelled one has an outcome, but no latency that means anything."""
        row = self._rows.setdefault((fetch.pipeline, fetch.source), _Row())
        row.outcomes[fetch.outcome] += 1
        row.rows += fetch.rows
        row.bytes += fetch.bytes
        if fetch.outcome is Outcome.CANCELLED:
            return
        seconds = fetch.latency_ms / 1000
        row.seconds += seconds
        for index, upper in enumerate(BUCKETS):
            row.buckets[index] += seconds <= upper

    def samples(self, at_ms: int) -> list[Sample]:
        """Every series as it stands."""
        return [sample for (pipeline, source), row in self._rows.items() for sample in self._series(pipeline, source, row, at_ms)]

    def to_write(self, now_ms: int) -> list[Sample]:
        """The same, at a time that was not written before: two values at one time would be a conflict in the store."""
        follows_the_clock = now_ms > self._written_ms or now_ms < self._written_ms - _A_JUMP_MS
        self._written_ms = now_ms if follows_the_clock else self._written_ms + 1
        return self.samples(self._written_ms)

    def _series(self, pipeline: str, source: str, row: _Row, at_ms: int) -> Iterator[Sample]:
        labels = {**self._labels, "pipeline": pipeline, "source": source}
        for outcome, count in row.outcomes.items():
            yield Sample("gwanje_fetch_total", {**labels, "outcome": outcome.value}, count, at_ms)
        for upper, count in zip(BUCKETS, row.buckets, strict=True):
            yield Sample("gwanje_fetch_seconds_bucket", {**labels, "le": _le(upper)}, count, at_ms)
        yield Sample("gwanje_fetch_seconds_sum", labels, row.seconds, at_ms)
        yield Sample("gwanje_fetch_seconds_count", labels, row.buckets[-1], at_ms)
        yield Sample("gwanje_fetch_rows_total", labels, row.rows, at_ms)
        yield Sample("gwanje_fetch_bytes_total", labels, row.bytes, at_ms)


def _le(upper: float) -> str:
    return "+Inf" if upper == float("inf") else f"{upper:g}"
