"""Samples as arrays sorted by (series, time), and several such runs read as one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.table import ranges
from gwanje.keep.promql.windows import stale
from gwanje.keep.samples.local import pages, strands
from gwanje.keep.samples.local.strands import Strand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwanje.wire.columns import Times, Values

Ids = NDArray[np.int64]
"""Series by their number in the store."""
Offsets = NDArray[np.int64]

BYTES_OF_SAMPLE = 16
_MANY = 16
"""To look for one of so many series or more by number costs less than a table of all numbers."""
_ROWS_AT_ONCE = 64 * 1024


class Rows(NamedTuple):
    """Samples as they came: one series, time and value a row."""

    series: Ids
    times: Times
    values: Values

    def at(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> Rows:
        """Some of the rows, by their places or a mask."""
        return Rows(self.series[chosen], self.times[chosen], self.values[chosen])


class Part(NamedTuple):
    """What one source holds of the wanted series: series `i` has the next `counts[i]` of `times` and `values`."""

    counts: NDArray[np.int64]
    times: Times
    values: Values


class Assembled(NamedTuple):
    """Several parts as one: series `i` has `[offsets[i]:offsets[i+1]]`, ascending in time, no time twice."""

    offsets: Offsets
    times: Times
    values: Values


class Source(Protocol):
    """Where samples lie: a run of the head, or a block."""

    @property
    def ids(self) -> Ids:
        """Ascending."""
        ...

    @property
    def start_ms(self) -> int: ...

    @property
    def end_ms(self) -> int: ...

    def select(self, wanted: Ids, after_ms: int, until_ms: int) -> Part:
        """The samples of the wanted series with `after_ms < time <= until_ms`."""
        ...


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Run:
    """A source in memory. Series `ids[i]` owns `[offsets[i]:offsets[i+1]]`, in order of time."""

    ids: Ids
    offsets: Offsets
    times: Times
    values: Values
    start_ms: int
    end_ms: int
    marked: NDArray[np.bool_]
    """Of which series a stale marker is among the values."""

    @property
    def nbytes(self) -> int:
        return sum(own.nbytes for own in (self.ids, self.offsets, self.times, self.values, self.marked))

    def places_of(self, wanted: Ids) -> NDArray[np.int64]:
        """Which of its series each wanted one is; -1 where it is none of them."""
        return places(self.ids, wanted)

    def newest_of(self, _place: NDArray[np.int64]) -> int:
        """No sample of the series at these places is newer."""
        return self.end_ms

    def select(self, wanted: Ids, after_ms: int, until_ms: int) -> Part:
        low, high = bounds(self.ids, self.offsets, wanted)
        if self.start_ms <= after_ms:
            low = first_after(self.times, low, high, after_ms)
        if self.end_ms > until_ms:
            high = first_after(self.times, low, high, until_ms)
        return slices(self.times, self.values, low, high)

    def strand(self, place: int, after_ms: int, until_ms: int) -> Strand:
        """The samples of one of its series in a stretch of time."""
        low, high = self.offsets[place : place + 2].tolist()
        times = self.times[low:high]
        begin, end = times.searchsorted((after_ms, until_ms), "right").tolist()
        return Strand(times[begin:end], self.values[low + begin : low + end])

    def held(self, series: Ids, times: Times) -> tuple[NDArray[np.bool_], Values]:
        """Which of these samples are here already, and with which values."""
        low, high = bounds(self.ids, self.offsets, series)
        at = first_after(self.times, low, high, times) - 1
        inside = at >= low
        at = np.where(inside, at, 0)
        return inside & (self.times[at] == times), self.values[at]


def run_of(rows: Rows) -> Run:
    """Sort rows into a run; there must be at least one."""
    order = _by_series(rows)
    series, times = rows.series[order], pages.taken(rows.times, order)
    if ((series[1:] == series[:-1]) & (times[1:] <= times[:-1])).any():
        order = np.lexsort((rows.times, rows.series))
        times = pages.taken(rows.times, order)
    starts = np.flatnonzero(np.append(True, series[1:] != series[:-1]))
    offsets = np.append(starts, len(series))
    values = pages.taken(rows.values, order)
    marked = np.logical_or.reduceat(stale(values), starts)
    return Run(series[starts], offsets, times, values, int(times.min()), int(times.max()), marked)


def joined(parts: Sequence[Rows]) -> Rows:
    return Rows(
        np.concatenate([part.series for part in parts]),
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def merged(runs: Sequence[Run]) -> Run:
    """Several runs as one, some series after the other: beside what is there and what becomes of it little is needed."""
    start_ms, end_ms = min(run.start_ms for run in runs), max(run.end_ms for run in runs)
    if (side_by_side := _side_by_side(runs)) is not None:
        times, values = side_by_side
        offsets = np.arange(len(times) + 1) * times.shape[1]
        marked = np.logical_or.reduce([run.marked for run in runs])
        return Run(runs[0].ids, offsets, times.reshape(-1), values.reshape(-1), start_ms, end_ms, marked)
    ids = union([run.ids for run in runs])
    marked = np.zeros(len(ids), np.bool_)
    for run in runs:
        marked[ids.searchsorted(run.ids)] |= run.marked
    most = sum(len(run.times) for run in runs)
    times, values = pages.empty(most, np.int64), pages.empty(most, np.float64)
    counts, end = [], 0
    for some in np.array_split(ids, min(len(ids), -(-most // _ROWS_AT_ONCE))):
        part = assemble([run.select(some, start_ms - 1, end_ms) for run in runs])
        begin, end = end, end + len(part.times)
        times[begin:end], values[begin:end] = part.times, part.values
        counts.append(np.diff(part.offsets))
    if end < most:  # some stood twice
        times, values = pages.kept(times[:end]), pages.kept(values[:end])
    return Run(ids, _offsets(np.concatenate(counts)), times, values, start_ms, end_ms, marked)


def _side_by_side(runs: Sequence[Run]) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """Times and values, series by samples, where all runs have the same series and go on after each other.

    So it is wherever the same series are sent again and again. None where one has more samples of some series than of others.
    """
    series = len(runs[0].ids)
    for run in runs:
        each = len(run.times) // series
        if not np.array_equal(run.ids, runs[0].ids) or not np.array_equal(run.offsets, np.arange(series + 1) * each):
            return None
    times = [run.times.reshape(series, -1) for run in runs]
    if not all((before[:, -1] < after[:, 0]).all() for before, after in pairwise(times)):
        return None
    return _concatenated(times), _concatenated([run.values.reshape(series, -1) for run in runs])


def _concatenated(matrices: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Row by row."""
    rows, columns = len(matrices[0]), sum(matrix.shape[1] for matrix in matrices)
    into = pages.empty(rows * columns, matrices[0].dtype.type).reshape(rows, columns)
    return np.concatenate(matrices, axis=1, out=into)


def union(several: Sequence[Ids]) -> Ids:
    """Every series of some ascending lists of series, once, ascending."""
    first = several[0]
    if all(np.array_equal(ids, first) for ids in several[1:]):
        return first
    return distinct(np.concatenate(several))


def distinct(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each once, ascending; numpy's own hashes, which takes longer."""
    ordered = np.sort(numbers, kind="stable")  # which merges what is ascending
    once: NDArray[np.int64] = ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered
    return once


def assemble(parts: Sequence[Part]) -> Assembled:
    """One sequence for each series out of all parts. Where two hold the same time, the part named first wins."""
    counts = np.stack([part.counts for part in parts], axis=1)
    offsets = _offsets(counts.sum(axis=1))
    filled = [part for part in parts if len(part.times)]
    if len(filled) <= 1:
        times, values = (filled or parts)[0][1:]
    else:
        times, values = np.concatenate([part.times for part in parts]), np.concatenate([part.values for part in parts])
        of_part = np.cumsum([0] + [len(part.times) for part in parts[:-1]])
        starts = np.cumsum(counts, axis=0) - counts + of_part
        order = ranges(starts.ravel(), counts.ravel())
        times, values = times.take(order), values.take(order)
    return _in_order(Assembled(offsets, times, values))


def of_rows(ids: Ids, counts: NDArray[np.int64]) -> Ids:
    """The series of each row."""
    return ids if len(counts) and int(counts.min()) == int(counts.max()) == 1 else np.repeat(ids, counts)


def bounds(ids: Ids, offsets: Offsets, wanted: Ids) -> tuple[Offsets, Offsets]:
    """Where each wanted series lies; an empty stretch for those that are not here."""
    if len(ids) == len(wanted) and np.array_equal(ids, wanted):
        return offsets[:-1], offsets[1:]
    return stretches(offsets, places(ids, wanted))


def places(ids: Ids, wanted: Ids) -> NDArray[np.int64]:
    """Which of the ascending `ids` each wanted series is; -1 where it is none of them."""
    if len(wanted) <= strands.FEW:
        near = zip(ids.searchsorted(wanted).tolist(), wanted.tolist(), strict=True)
        return np.array([place if place < len(ids) and ids[place] == number else -1 for place, number in near], np.int64)
    most = int(ids[-1])
    if most < _MANY * len(wanted):
        place = np.full(most + 2, -1)
        place[ids] = np.arange(len(ids))
        return place[np.minimum(wanted, most + 1)]
    at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[at] == wanted, at, -1)


def stretches(offsets: Offsets, place: NDArray[np.int64]) -> tuple[Offsets, Offsets]:
    """From where to where the series at these places lie; an empty stretch for -1."""
    low = offsets[place]
    return low, np.where(place < 0, low, offsets[place + 1])


def first_after(times: Times, low: Offsets, high: Offsets, instant: int | Times) -> Offsets:
    """For each stretch of ascending times the first place later than `instant`: one bisection of all at once."""
    low, high = low.copy(), high.copy()
    top = len(times) - 1
    while (low < high).any():
        middle = (low + high) >> 1
        later = times[np.minimum(middle, top)] > instant
        high = np.where(later, middle, high)
        low = np.where(later | (low >= high), low, middle + 1)
    return low


def slices(times: Times, values: Values, low: Offsets, high: Offsets) -> Part:
    """Cut the stretches out, one after another."""
    counts = high - low
    if not counts.any():
        return Part(counts, times[:0], values[:0])
    if np.array_equal(low[1:], high[:-1]):  # neighbours: no copy
        whole = slice(int(low[0]), int(high[-1]))
        return Part(counts, times[whole], values[whole])
    order = ranges(low, counts)
    return Part(counts, times.take(order), values.take(order))


def _by_series(rows: Rows) -> NDArray[np.int64]:
    """The places of the rows in order of their series, and then as they came."""
    narrow = int(rows.series.max()) < 1 << 16
    # A stable sort of 16-bit integers is a radix sort: ten times faster.
    return np.argsort(rows.series.astype(np.uint16) if narrow else rows.series, kind="stable")


def _in_order(assembled: Assembled) -> Assembled:
    """Sort and drop repeated times, where late samples or a repeated flush made it necessary."""
    offsets, times, values = assembled
    counts = np.diff(offsets)
    ascending = times[1:] > times[:-1]
    edges = offsets[1:-1]
    ascending[edges[(edges > 0) & (edges < len(times))] - 1] = True
    if ascending.all():
        return assembled
    series = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((times, series))
    series, times = series[order], times[order]
    first = np.append(True, (series[1:] != series[:-1]) | (times[1:] != times[:-1]))
    return Assembled(_offsets(np.bincount(series[first], minlength=len(counts))), times[first], values[order[first]])


def _offsets(counts: NDArray[np.int64]) -> Offsets:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
