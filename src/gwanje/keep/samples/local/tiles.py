"""Tiles: neighbouring series whose samples lie nearly alike in every source, laid side by side as rows of a matrix. Pure.

Scraped series have samples at nearly the same times, so that in a run or block most have equally many, and the others one more or
less, because of where it was cut. A stretch of time is then some columns, and sources are joined without looking at single
samples. Where that does not hold, `together` says so, and the samples are assembled series by series.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.selection import Moments, Samples
from gwanje.keep.samples.local.runs import distinct, first_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gwanje.keep.samples.local.packed import Packed
    from gwanje.keep.samples.local.runs import Offsets
    from gwanje.wire.columns import Times, Values

_SORTS = 16
"""How many different lengths and places the rows of one part may have."""

_NEAR = 4
"""How far apart, in samples, the begin of a range may be in series that are cut at one place."""

Rows = NDArray[np.int64] | slice
"""Some of the series; those that follow each other as a slice, which needs no copy."""


class Origin(NamedTuple):
    """From where times count, and as numbers of which kind."""

    since_ms: int
    kind: np.dtype[Any]

    @classmethod
    def of(cls, start_ms: int, end_ms: int) -> Origin:
        """Short numbers where all times between fit: half the bytes to move, and twice as many at once."""
        short = end_ms - start_ms < 1 << 31
        return cls(start_ms, np.dtype(np.int32)) if short else cls(0, np.dtype(np.int64))


class Matrix(NamedTuple):
    """Series by samples; the rows' ends may be empty."""

    since_ms: int
    times: Moments
    values: NDArray[np.float64]


class Between(NamedTuple):
    """For each series the first sample of a range and the one past it, counted from the series' own first."""

    first: Offsets
    past: Offsets


class Alike(NamedTuple):
    """Rows that take the same of their samples to the same columns."""

    rows: Rows
    samples: slice
    columns: slice


class Part(Protocol):
    """What one source holds of some series."""

    @property
    def counts(self) -> NDArray[np.int64]: ...

    @property
    def marked(self) -> bool:
        """False where it is known that no stale marker is among the samples."""
        ...

    def between(self, after_ms: int, until_ms: int) -> Between:
        """From which of its samples to which the range lies, for each series; perhaps some more."""
        ...

    def lay(self, into: Matrix, sorts: Sequence[Alike]) -> None:
        """Copy samples of each series into its row."""
        ...


def together(parts: Sequence[Part], after_ms: int, until_ms: int, origin: Origin) -> Samples | None:
    """All samples with `after_ms < time <= until_ms` of the series, and perhaps some beside them; None where they lie unlike.

    The origin must be of all times of the parts.
    """
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
    shape = (len(places[-1]), width)
    into = Matrix(origin.since_ms, np.empty(shape, origin.kind), np.empty(shape))
    for (part, first, lengths), ends in zip(cut, places, strict=True):
        at = ends - lengths
        sorts = _sorts(first, at, lengths)
        if len(sorts) > _SORTS:
            return None
        part.lay(into, sorts)
        if not _follow(into.times, at, lengths):
            return None
    offsets = np.arange(len(into.times) + 1, dtype=np.int64) * width
    marked = any(part.marked for part, _, _ in cut)
    times, values = into.times.reshape(-1), into.values.reshape(-1)
    return Samples(offsets, times, values, offsets[:-1] + places[-1], origin.since_ms, marked)


def _even(column: NDArray[np.int64]) -> bool:
    return len(column) == 1 or bool((column == column[0]).all())


def _follow(times: Moments, at: NDArray[np.int64], lengths: NDArray[np.int64]) -> bool:
    """True when each row goes on later than it ended before."""
    rows = np.flatnonzero((at > 0) & (lengths > 0))
    return bool((times[rows, at[rows] - 1] < times[rows, at[rows]]).all())


def _sorts(first: Offsets, at: Offsets, lengths: NDArray[np.int64]) -> list[Alike]:
    """Each row in one of several sorts; one more than may be where there are too many. Rows that take nothing are in none."""
    if _even(first) and _even(at) and _even(lengths):
        return [_alike(slice(0, len(at)), int(first[0]), int(at[0]), int(lengths[0]))]
    key: NDArray[np.int64] = (first * (int(at.max()) + 1) + at) * (int(lengths.max()) + 1) + lengths
    rows_of = [np.flatnonzero(key == one) for one in distinct(key[lengths > 0])[: _SORTS + 1].tolist()]
    return [_alike(dense(rows), *(int(column[rows[0]]) for column in (first, at, lengths))) for rows in rows_of]


def _alike(rows: Rows, first: int, at: int, length: int) -> Alike:
    return Alike(rows, slice(first, first + length), slice(at, at + length))


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


def _among(rows: Rows, some: NDArray[np.int64]) -> Rows:
    """Some of the rows."""
    every = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
    return dense(every[some])


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
    marked: bool = True

    def between(self, after_ms: int, until_ms: int) -> Between:
        """Guessed from the longest row, then moved as far as others need; looked for in each where that is far."""
        longest = int(self.counts.argmax())
        count = int(self.counts[longest])
        own = self.times[int(self.low[longest]) : int(self.low[longest]) + count]
        first, past = int(np.searchsorted(own, after_ms, "right")), int(np.searchsorted(own, until_ms, "right"))
        for _ in range(_NEAR + 1):
            early = first > 0 and self._any_after(first - 1, after_ms)
            late = past < count and not self._all_after(past, until_ms)
            if not early and not late:
                return Between(np.full(len(self.low), first), np.full(len(self.low), past))
            first, past = first - early, past + late
        high = self.low + self.counts
        begins, ends = (first_after(self.times, self.low, high, instant) - self.low for instant in (after_ms, until_ms))
        return _levelled(begins, ends, self.counts)

    def lay(self, into: Matrix, sorts: Sequence[Alike]) -> None:
        for rows, chosen, columns in sorts:
            low, whole = self.low[rows], int(self.counts[rows][0])
            number, rest = np.divmod(low - int(low.min()), whole)
            if _even(self.counts[rows]) and not rest.any():  # the columns are a matrix of such rows
                stretch = slice(int(low.min()), int(low.max()) + whole)
                own = dense(number)
                into.times[rows, columns] = self.times[stretch].reshape(-1, whole)[own, chosen] - into.since_ms
                into.values[rows, columns] = self.values[stretch].reshape(-1, whole)[own, chosen]
            else:
                places = low[:, None] + np.arange(chosen.start, chosen.stop)
                into.times[rows, columns] = self.times.take(places) - into.since_ms
                into.values[rows, columns] = self.values.take(places)

    def _any_after(self, column: int, instant_ms: int) -> bool:
        """True when a series goes on later than `instant_ms` at a column, or, where it is shorter, at its end."""
        last = self.low + np.minimum(self.counts - 1, column)
        later = self.times.take(last, mode="clip") > instant_ms
        return bool((later & (self.counts > 0)).any())

    def _all_after(self, column: int, instant_ms: int) -> bool:
        low = self.low[self.counts > column]
        return bool((self.times[low + column] > instant_ms).all())


class Cut(NamedTuple):
    """Some rows of a packed row group, and the rows of the tile that they become."""

    group: Packed
    own: Rows
    tile: Rows


@dataclass(frozen=True, slots=True, eq=False)
class OfGroups:
    """Series in packed row groups. Their lines stand together, so that times are worked out for all groups at once."""

    cuts: Sequence[Cut]
    counts: NDArray[np.int64]
    starts: Times
    steps: NDArray[np.int64]

    @classmethod
    def of(cls, groups: Sequence[tuple[Packed, NDArray[np.int64], NDArray[np.int64]]], series: int) -> OfGroups:
        """Of each group which of its rows become which of the tile's; a series that stands in none has no samples."""
        cuts = [Cut(group, dense(own), dense(tile)) for group, own, tile in groups]
        counts, starts, steps = np.zeros(series, np.int64), np.zeros(series, np.int64), np.ones(series, np.int64)
        for group, own, tile in cuts:
            counts[tile], starts[tile], steps[tile] = group.counts[own], group.starts[own], group.steps[own]
        return cls(cuts, counts, starts, steps)

    @property
    def marked(self) -> bool:
        return any(not cut.group.divisor for cut in self.cuts)

    def between(self, after_ms: int, until_ms: int) -> Between:
        """From the lines along which the samples lie, and how far off they are at most."""
        furthest = max((cut.group.furthest for cut in self.cuts), default=0)
        first = (after_ms - furthest - self.starts) // self.steps + 1
        past = (until_ms + furthest - self.starts) // self.steps + 1
        return _levelled(first, past, self.counts)

    def lay(self, into: Matrix, sorts: Sequence[Alike]) -> None:
        for rows, chosen, columns in sorts:
            for group, own, tile in self._of(rows):
                if isinstance(tile, slice):
                    into.times[tile, columns] = group.cut(own, chosen, into.values[tile, columns])
                else:
                    values = np.empty((len(tile), chosen.stop - chosen.start))
                    into.times[tile, columns] = group.cut(own, chosen, values)
                    into.values[tile, columns] = values
            into.times[rows, columns] += self._lines(rows, chosen, into)

    def _of(self, rows: Rows) -> Iterable[Cut]:
        """The pieces that become these rows."""
        if isinstance(rows, slice) and rows == slice(0, len(self.counts)):
            return self.cuts
        wanted = np.zeros(len(self.counts), np.bool_)
        wanted[rows] = True
        chosen = ((cut, np.flatnonzero(wanted[cut.tile])) for cut in self.cuts)
        return (Cut(cut.group, _among(cut.own, some), _among(cut.tile, some)) for cut, some in chosen if len(some))

    def _lines(self, rows: Rows, chosen: slice, into: Matrix) -> NDArray[Any]:
        """Where the samples' times would be if they were evenly spaced."""
        kind = into.times.dtype
        starts: NDArray[Any] = (self.starts[rows] - into.since_ms).astype(kind)
        steps: NDArray[Any] = self.steps[rows].astype(kind)
        places = np.arange(chosen.start, chosen.stop, dtype=kind)
        ahead = steps[0] * places if _even(self.steps[rows]) else steps[:, None] * places
        lines: NDArray[Any] = starts[:, None] + ahead
        return lines
