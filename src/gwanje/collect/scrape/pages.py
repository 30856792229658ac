"""One target's pages, one after another → messages: its labels on every series, stale markers for those that went. Told the time.

What a series is sent as is remembered by its key; the page that names the same series as the one before it costs only its values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gwanje.collect.scrape.relabel import relabelled
from gwanje.collect.scrape.spec import Job
from gwanje.collect.scrape.target import Labels
from gwanje.errors import BadInput, TooLarge
from gwanje.model import METRIC, STALE, Batch, BatchOf
from gwanje.wire.columns import About, Times, Values
from gwanje.wire.exposition.decode import Decoded, decode
from gwanje.wire.exposition.keys import pairs_of
from gwanje.wire.remote_write.decode import checked
from gwanje.wire.remote_write.encode import compressed, key_of
from gwanje.wire.remote_write.pattern import Pattern

_SERIES_A_PART: Final = 20_000
_SAMPLES_A_BATCH: Final = 25_000
_MOST_SAMPLES: Final = 1_000_000
_EXPORTED: Final = "exported_"

Series = bytes
"""A series' framed label messages; empty for one that relabelling dropped."""


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a remote write message, not compressed, and how many samples it holds."""

    message: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a page."""

    parts: Sequence[Part]
    scraped: int
    """Samples on the page."""
    kept: int
    """Samples after relabelling."""
    added: int
    """Series that the page before did not have."""
    refused: int
    """Lines that could not be read."""
    trouble: str
    """The first of those lines; empty where there was none."""


class Pages:
    """Remembers what a target's last page had. Not for two threads at once."""

    def __init__(self, job: Job, labels: Labels) -> None:
        self._job = job
        self._labels = dict(labels)
        self._known: dict[bytes, Series] = {}
        self._page: Decoded | None = None
        self._tracked: frozenset[Series] = frozenset()
        """Series of the last page whose end is ours to tell: those without a time of their own."""
        self._parts: list[_Kept] = []
        self._added = 0

    @property
    def about(self) -> Mapping[str, About]:
        """What the last page said of its metrics."""
        return self._page.about if self._page else {}

    def take(self, body: bytes, at_ms: int, *, openmetrics: bool = False) -> Taken:
        """What to send of a page that was scraped at `at_ms`.

        Raises BadInput for a page that is of no use and TooLarge for one over a limit; then `vanish` tells what that means.
        """
        page = decode(body, at_ms, openmetrics=openmetrics, previous=self._page, most_samples=_MOST_SAMPLES)
        trouble = f"line {page.bad[0].number}: {page.bad[0].reason}" if page.bad else ""
        if trouble and not len(page.columns.keys):
            raise BadInput(f"the page holds no sample that can be read: {trouble}")
        own = page.own_times if self._job.honor_timestamps else None
        times = page.columns.times if own is not None else np.full(len(page.columns.keys), at_ms, dtype=np.int64)
        gone: Iterable[Series] = ()
        if self._page is None or page.columns.keys is not self._page.columns.keys or own is not None or not self._tracked:
            gone = self._turn_to(page, own)
        else:
            self._added = 0
        self._page = replace(page, columns=replace(page.columns, body=b""))  # the text is not needed again
        parts = [kept.part(times, page.columns.values) for kept in self._parts]
        kept = sum(part.count for part in parts)
        return Taken([*parts, *_stale(gone, at_ms)], len(page.columns.keys), kept, self._added, page.refused, trouble)

    def vanish(self, at_ms: int) -> list[Part]:
        """Stale markers for everything that the last page had, because there is no page now."""
        gone, self._tracked = self._tracked, frozenset()
        return _stale(gone, at_ms)

    def _turn_to(self, page: Decoded, own: NDArray[np.bool_] | None) -> Iterable[Series]:
        """Learn the series of a page that differs from the one before; the series that went."""
        keys = page.columns.keys
        new = [key for key in dict.fromkeys(keys) if key not in self._known]
        learned = dict(zip(new, self._first_seen(new), strict=True))
        known = {key: learned[key] if key in learned else self._known[key] for key in keys}
        series = [known[key] for key in keys]
        kept = np.flatnonzero(np.fromiter(map(bool, series), dtype=np.bool_, count=len(series)))
        if 0 < self._job.sample_limit < len(kept):
            raise TooLarge(f"{len(kept)} samples, {self._job.sample_limit} are allowed by `sample_limit`")
        self._known = known
        self._added = sum(1 for one in learned.values() if one)
        self._parts = [
            _Kept(rows, Pattern([series[row] for row in rows.tolist()]))
            for rows in (kept[first : first + _SERIES_A_PART] for first in range(0, len(kept), _SERIES_A_PART))
        ]
        ours = kept if own is None else kept[~own[kept]]
        tracked = frozenset(series[row] for row in ours.tolist())
        there = tracked if own is None else frozenset(series)
        gone, self._tracked = self._tracked - there, tracked
        return gone

    def _first_seen(self, keys: Sequence[bytes]) -> list[Series]:
        """Each key as it is sent: with the target's labels, relabelled, its limits looked at."""
        named = [self._with_target(pairs_of(key)) for key in keys]
        found = relabelled(named, self._job.metric_relabel)
        return [b"" if labels is None else self._framed(labels) for labels in found]

    def _with_target(self, pairs: list[tuple[str, str]]) -> dict[str, str]:
        page = dict(pairs)
        if self._job.honor_labels:
            return {**self._labels, **page}  # also one without a value: the page says that there is none
        clashing = sorted((name for name in self._labels if page.get(name)), key=len)
        labels = {**page, **self._labels}
        for name in clashing:
            new = _EXPORTED + name
            while labels.get(new):
                new = _EXPORTED + new
            labels[new] = page[name]
        return labels

    def _framed(self, labels: Mapping[str, str]) -> Series:
        job = self._job
        if 0 < job.label_limit < len(labels):
            raise TooLarge(f"a series has {len(labels)} labels, {job.label_limit} are allowed by `label_limit`")
        for name, value in labels.items():
            if 0 < job.label_name_length_limit < len(name):
                raise TooLarge(f"the label name {name[:50]!r} is longer than `label_name_length_limit` allows")
            if 0 < job.label_value_length_limit < len(value):
                raise TooLarge(f"the value of label {name[:50]!r} is longer than `label_value_length_limit` allows")
        return key_of(checked(labels.items()), framed=True)


@dataclass(frozen=True, slots=True)
class _Kept:
    """Rows of a page that travel in one batch."""

    rows: NDArray[np.int64]
    pattern: Pattern

    def part(self, times: Times, values: Values) -> Part:
        if len(self.rows) < len(values):
            times, values = times[self.rows], values[self.rows]
        return _part(self.pattern, times, values)


def batches(parts: Iterable[Part]) -> Iterator[Batch]:
    """The parts as few bodies, none of them large; messages stand one after another in a body."""
    together: list[Part] = []
    for part in parts:
        if together and sum(one.count for one in together) + part.count > _SAMPLES_A_BATCH:
            yield _batch(together)
            together = []
        together.append(part)
    if together:
        yield _batch(together)


def _batch(parts: Sequence[Part]) -> Batch:
    return Batch(BatchOf.SAMPLES, compressed(b"".join(part.message for part in parts)), sum(part.count for part in parts))


def report(series: Pattern, figures: Sequence[float], at_ms: int) -> Part:
    """What a scrape says of itself, in the order of the pattern's series."""
    return _part(series, np.full(len(figures), at_ms, dtype=np.int64), np.array(figures, dtype=np.float64))


def own_series(labels: Labels, names: Sequence[str]) -> Pattern:
    """Series of the target itself, under these names."""
    return Pattern([key_of(tuple(sorted((*labels, (METRIC, name)))), framed=True) for name in names])


def _stale(series: Iterable[Series], at_ms: int) -> list[Part]:
    listed = sorted(series)
    parts = [listed[first : first + _SERIES_A_PART] for first in range(0, len(listed), _SERIES_A_PART)]
    return [report(Pattern(part), [STALE] * len(part), at_ms) for part in parts]


def _part(pattern: Pattern, times: Times, values: Values) -> Part:
    return Part(pattern.message(times, values), pattern.count)
