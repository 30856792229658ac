"""Tiles: neighbouring series whose samples lie nearly alike in every source, laid side by side as rows of a matrix. Pure.

Scraped series have samples at nearly the same times, so that in a run or block most have equally many, and the others one more or
less, because of where it was cut. A stretch of time is then some columns, and sources are joined without looking at single
samples. Where that does not hold, `together` says so, and the samples are assembled series by series.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gwanje.keep.samples.local.packed import Packed
    from gwanje.keep.samples.local.runs import Offsets
    from gwanje.wire.columns import Times, Values

_SORTS = 16
"""How many different lengths and places the rows of one part may have."""

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


class Part(Protocol):
    """What one source holds of some series."""

    @property
    def counts(self) -> NDArray[np.int64]: ...

    def between(self, after_ms: int, until_ms: int) -> tuple[int, int]:
        """From which sample to which of every series the range lies; perhaps some more."""
        ...

    def lay(self, into: Matrix, first: int, at: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
        """Copy `lengths[i]` samples of series `i`, from its `first` on, into its row from column `at[i]` on."""
        ...


def together(parts: Sequence[Part], after_ms: int, until_ms: int) -> Laid | None:
    """All samples with `after_ms < time <= until_ms` of the series, and perhaps some beside them; None where they lie unlike."""
    cut: list[tuple[Part, int, NDArray[np.int64]]] = []
    for part in parts:
        first, past = part.between(after_ms, until_ms)
        if first < past:
            cut.append((part, first, np.maximum(np.minimum(part.counts, past) - first, 0)))
    if not cut:
        return None
    places = np.cumsum([lengths for _, _, lengths in cut], axis=0)
    width = int(places[-1].max())
    into = Matrix(np.empty((len(places[-1]), width), np.int64), np.empty((len(places[-1]), width)))
    for (part, first, lengths), ends in zip(cut, places, strict=True):
        at = ends - lengths
        if not _few_sorts(at, lengths, width):
            return None
        part.lay(into, first, at, lengths)
        if not _follow(into.times, at, lengths):
            return None
    offsets = np.arange(len(into.times) + 1, dtype=np.int64) * width
    return Laid(offsets, offsets[:-1] + places[-1], into.times.reshape(-1), into.values.reshape(-1))


def _few_sorts(at: NDArray[np.int64], lengths: NDArray[np.int64], width: int) -> bool:
    return bool((at == at[0]).all() and (lengths == lengths[0]).all()) or len(np.unique(at * (width + 1) + lengths)) <= _SORTS


def _follow(times: NDArray[np.int64], at: NDArray[np.int64], lengths: NDArray[np.int64]) -> bool:
    """True when each row goes on later than it ended before."""
    rows = np.flatnonzero((at > 0) & (lengths > 0))
    return bool((times[rows, at[rows] - 1] < times[rows, at[rows]]).all())


def _sorts(at: NDArray[np.int64], lengths: NDArray[np.int64]) -> Iterator[tuple[Rows, int, int]]:
    """Rows that begin and end at the same columns, and those columns."""
    if (at == at[0]).all() and (lengths == lengths[0]).all():
        yield slice(0, len(at)), int(at[0]), int(at[0] + lengths[0])
        return
    key = at * (int(lengths.max()) + 1) + lengths
    for one in np.unique(key).tolist():
        rows = np.flatnonzero(key == one)
        yield dense(rows), int(at[rows[0]]), int(at[rows[0]] + lengths[rows[0]])


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

    def between(self, after_ms: int, until_ms: int) -> tuple[int, int]:
        """Guessed from the longest row, then moved as far as others need."""
        longest = int(self.counts.argmax())
        count = int(self.counts[longest])
        if not count:
            return 0, 0
        own = self.times[int(self.low[longest]) : int(self.low[longest]) + count]
        first, past = int(np.searchsorted(own, after_ms, "right")), int(np.searchsorted(own, until_ms, "right"))
        step = 1
        while first > 0 and self._any_after(first - 1, after_ms):
            first, step = max(0, first - step), 2 * step
        step = 1
        while past < count and not self._all_after(past, until_ms):
            past, step = min(count, past + step), 2 * step
        return first, past

    def lay(self, into: Matrix, first: int, at: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
        for rows, begin, end in _sorts(at, lengths):
            if begin == end:
                continue
            low, whole = self.low[rows], int(self.counts[rows][0])
            here, chosen = (rows, slice(begin, end)), slice(first, first + end - begin)
            number, rest = np.divmod(low - int(low.min()), whole)
            if not rest.any():  # the columns are a matrix of such rows
                stretch = slice(int(low.min()), int(low.max()) + whole)
                own = dense(number)
                into.times[here] = self.times[stretch].reshape(-1, whole)[own, chosen]
                into.values[here] = self.values[stretch].reshape(-1, whole)[own, chosen]
            else:
                places = low[:, None] + np.arange(chosen.start, chosen.stop)
                into.times[here], into.values[here] = self.times.take(places), self.values.take(places)

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

    def between(self, after_ms: int, until_ms: int) -> tuple[int, int]:
        """From the lines along which the samples lie, and how far off they are at most."""
        if not self.groups:
            return 0, 0
        starts = np.concatenate([group.starts[rows] for group, rows, _ in self.groups])
        steps = np.concatenate([group.steps[rows] for group, rows, _ in self.groups])
        off = max(group.furthest for group, _, _ in self.groups)
        first = int(((after_ms - off - starts) // steps).min()) + 1
        past = int(((until_ms + off - starts) // steps).max()) + 1
        longest = int(self.counts.max())
        return min(max(0, first), longest), min(max(0, past), longest)

    def lay(self, into: Matrix, first: int, at: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
        for group, own, tile in self.groups:
            for some, begin, end in _sorts(at[tile], lengths[tile]):
                if begin >= end:
                    continue
                rows, columns = dense(tile[some]), slice(begin, end)
                if isinstance(rows, slice):
                    group.cut(dense(own[some]), first, into.times[rows, columns], into.values[rows, columns])
                else:
                    times, values = np.empty((len(rows), end - begin), np.int64), np.empty((len(rows), end - begin))
                    group.cut(dense(own[some]), first, times, values)
                    into.times[rows, columns], into.values[rows, columns] = times, values
