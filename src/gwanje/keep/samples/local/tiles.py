"""Tiles: neighbouring series whose samples lie nearly alike in every source, laid side by side as rows of a matrix. Pure.

Scraped series have samples at nearly the same times, so that in a run or block most have equally many, and the others one more or
less, because of where it was cut. A stretch of time is then some columns, and sources are joined without looking at single
samples. Where that does not hold, `together` says so, and the samples are assembled series by series.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.samples.local.runs import distinct, first_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gwanje.keep.samples.local.packed import Packed
    from gwanje.keep.samples.local.runs import Offsets
    from gwanje.wire.columns import Times, Values

_SORTS = 16
"""How many different lengths and places the rows of one part may have."""

_NEAR = 4
"""How far apart, in samples, the begin of a range may be in series that are cut at one place."""

Rows = NDArray[np.int64] | slice


class Laid(NamedTuple):
    """Series `i` has `[offsets[i]:past[i]]`, ascending in time; what lies between two series is nobody's."""

    offsets: Offsets
    past: Offsets
    times: Times
    values: Values


class Matrix(NamedTuple):
    """Series by samples; the rows' ends may be empty."""

    times: NDArray[np.int64]
    values: NDArray[np.float64]


class Between(NamedTuple):
    """For each series the first sample of a range and the one past it, counted from the series' own first."""

    first: Offsets
    past: Offsets


class Part(Protocol):
    """What one source holds of some series."""

    @property
    def counts(self) -> NDArray[np.int64]: ...

    def between(self, after_ms: int, until_ms: int) -> Between:
        """From which of its samples to which the range lies, for each series; perhaps some more."""
        ...

    def lay(self, into: Matrix, first: Offsets, at: Offsets, lengths: NDArray[np.int64]) -> None:
        """Copy `lengths[i]` samples of series `i`, from its sample `first[i]` on, into its row from column `at[i]` on."""
        ...


def together(parts: Sequence[Part], after_ms: int, until_ms: int) -> Laid | None:
    """All samples with `after_ms < time <= until_ms` of the series, and perhaps some beside them; None where they lie unlike."""
    cut: list[tuple[Part, Offsets, NDArray[np.int64]]] = []
    for part in parts:
        first, past = part.between(after_ms, until_ms)
        lengths = np.maximum(np.minimum(part.counts, past) - first, 0)
        if lengths.any():
            cut.append((part, first, lengths))
    if not cut:
        return None
    places = np.cumsum([lengths for _, _, lengths in cut], axis=0)
    width = int(places[-1].max())
    into = Matrix(np.empty((len(places[-1]), width), np.int64), np.empty((len(places[-1]), width)))
    for (part, first, lengths), ends in zip(cut, places, strict=True):
        at = ends - lengths
        if not _alike(first, at, lengths) and len(distinct(_sort(first, at, lengths))) > _SORTS:
            return None
        part.lay(into, first, at, lengths)
        if not _follow(into.times, at, lengths):
            return None
    offsets = np.arange(len(into.times) + 1, dtype=np.int64) * width
    return Laid(offsets, offsets[:-1] + places[-1], into.times.reshape(-1), into.values.reshape(-1))


def _alike(*columns: NDArray[np.int64]) -> bool:
    return all(bool((column == column[0]).all()) for column in columns)


def _sort(first: Offsets, at: Offsets, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number for rows that take the same samples to the same columns."""
    key: NDArray[np.int64] = (first * (int(at.max()) + 1) + at) * (int(lengths.max()) + 1) + lengths
    return key


def _follow(times: NDArray[np.int64], at: NDArray[np.int64], lengths: NDArray[np.int64]) -> bool:
    """True when each row goes on later than it ended before."""
    rows = np.flatnonzero((at > 0) & (lengths > 0))
    return bool((times[rows, at[rows] - 1] < times[rows, at[rows]]).all())


def _sorts(first: Offsets, at: Offsets, lengths: NDArray[np.int64]) -> Iterator[tuple[Rows, slice, slice]]:
    """Rows that take the same samples to the same columns, those samples, and those columns."""
    if not len(at):
        return
    if _alike(first, at, lengths):
        every: Iterable[Rows] = [slice(0, len(at))]
    else:
        key = _sort(first, at, lengths)
        every = (dense(np.flatnonzero(key == one)) for one in distinct(key).tolist())
    for rows in every:
        own, begin, count = (int(column[rows][0]) for column in (first, at, lengths))
        if count:
            yield rows, slice(own, own + count), slice(begin, begin + count)


def _levelled(first: Offsets, past: Offsets, counts: NDArray[np.int64]) -> Between:
    """Let series whose ranges begin at nearly the same sample begin at one; those that began earlier or later do so apart."""
    first = np.maximum(first, 0)
    inside = (first < counts) & (first < past)
    if inside.all() and int(first.max()) - int(first.min()) <= _NEAR:
        return Between(np.full(len(first), first.min()), np.full(len(first), past.max()))
    there = np.flatnonzero(inside)
    begins = distinct(first[there])
    levels = [0, *(np.flatnonzero(np.diff(begins) > _NEAR) + 1).tolist(), len(begins)]
    if len(levels) > _SORTS:
        return Between(first, past)
    level = Between(np.zeros(len(first), np.int64), np.zeros(len(first), np.int64))
    for begin, end in pairwise(levels):
        if begin < end:
            near = there[(first[there] >= begins[begin]) & (first[there] <= begins[end - 1])]
            level.first[near], level.past[near] = begins[begin], past[near].max()
    return level


def dense(rows: NDArray[np.int64]) -> Rows:
    """Rows that follow each other as a slice, which needs no copy."""
    begin, end = int(rows[0]), int(rows[-1]) + 1
    return slice(begin, end) if end - begin == len(rows) and (len(rows) == 1 or (rows[1:] > rows[:-1]).all()) else rows


@dataclass(frozen=True, slots=True, eq=False)
class OfColumns:
    """Series in whole columns, from `low` on."""

    times: Times
    values: Values
    low: Offsets
    counts: NDArray[np.int64]

    def between(self, after_ms: int, until_ms: int) -> Between:
        """Guessed from the longest row, then moved as far as others need; looked for in each where that is far."""
        longest = int(self.counts.argmax())
        count = int(self.counts[longest])
        own = self.times[int(self.low[longest]) : int(self.low[longest]) + count]
        first, past = int(np.searchsorted(own, after_ms, "right")), int(np.searchsorted(own, until_ms, "right"))
        for _ in range(_NEAR):
            if first > 0 and self._any_after(first - 1, after_ms):
                first -= 1
            if past < count and not self._all_after(past, until_ms):
                past += 1
        if (first > 0 and self._any_after(first - 1, after_ms)) or (past < count and not self._all_after(past, until_ms)):
            high = self.low + self.counts
            begins, ends = (first_after(self.times, self.low, high, instant) - self.low for instant in (after_ms, until_ms))
            return _levelled(begins, ends, self.counts)
        return Between(np.full(len(self.low), first), np.full(len(self.low), past))

    def lay(self, into: Matrix, first: Offsets, at: Offsets, lengths: NDArray[np.int64]) -> None:
        for rows, chosen, columns in _sorts(first, at, lengths):
            low, whole = self.low[rows], int(self.counts[rows][0])
            number, rest = np.divmod(low - int(low.min()), whole)
            if not rest.any():  # the columns are a matrix of such rows
                stretch = slice(int(low.min()), int(low.max()) + whole)
                own = dense(number)
                into.times[rows, columns] = self.times[stretch].reshape(-1, whole)[own, chosen]
                into.values[rows, columns] = self.values[stretch].reshape(-1, whole)[own, chosen]
            else:
                places = low[:, None] + np.arange(chosen.start, chosen.stop)
                into.times[rows, columns], into.values[rows, columns] = self.times.take(places), self.values.take(places)

    def _any_after(self, column: int, instant_ms: int) -> bool:
        """True when a series goes on later than `instant_ms` at a column, or, where it is shorter, at its end."""
        there = self.counts > 0
        last = self.low[there] + np.minimum(self.counts[there] - 1, column)
        return bool((self.times[last] > instant_ms).any())

    def _all_after(self, column: int, instant_ms: int) -> bool:
        low = self.low[self.counts > column]
        return bool((self.times[low + column] > instant_ms).all())


@dataclass(frozen=True, slots=True, eq=False)
class OfGroups:
    """Series in packed row groups: for each group, which of its rows become which rows of the tile."""

    groups: Sequence[tuple[Packed, NDArray[np.int64], NDArray[np.int64]]]
    counts: NDArray[np.int64]

    def between(self, after_ms: int, until_ms: int) -> Between:
        """From the lines along which the samples lie, and how far off they are at most."""
        first, past = np.zeros(len(self.counts), np.int64), np.zeros(len(self.counts), np.int64)
        for group, rows, tile in self.groups:
            starts, steps = group.starts[rows], group.steps[rows]
            first[tile] = (after_ms - group.furthest - starts) // steps + 1
            past[tile] = (until_ms + group.furthest - starts) // steps + 1
        return _levelled(first, past, self.counts)

    def lay(self, into: Matrix, first: Offsets, at: Offsets, lengths: NDArray[np.int64]) -> None:
        for group, own, tile in self.groups:
            for some, chosen, columns in _sorts(first[tile], at[tile], lengths[tile]):
                rows = dense(tile[some])
                if isinstance(rows, slice):
                    group.cut(dense(own[some]), chosen.start, into.times[rows, columns], into.values[rows, columns])
                else:
                    shape = (len(rows), chosen.stop - chosen.start)
                    times, values = np.empty(shape, np.int64), np.empty(shape)
                    group.cut(dense(own[some]), chosen.start, times, values)
                    into.times[rows, columns], into.values[rows, columns] = times, values
