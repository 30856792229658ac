"""Range vectors: for every series and step, which samples lie in the window that ends there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.names import Names
from gwanje.keep.promql.selection import Column, Found, Moments, Samples
from gwanje.keep.promql.table import Indices, Mask, Table
from gwanje.model import STALE_NAN_BITS
from gwanje.wire.columns import Times, Values

_FEW = 4
"""Series, each of which is searched sooner than guessed for; ends, for each of which a guess may be made by itself."""
_MOSTLY = 8
"""A guess that is wrong for more cells than one in so many is none."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Samples of several series, and per series and step the window `[first, past)` of indices into them.

    A window holds the samples with `end - range < time <= end`, without stale markers. `ends` are the steps' window ends
    (after offset and @), `now` the steps themselves; both count from where the samples' times do.
    """

    samples: Samples
    first: Indices
    past: Indices
    ends: Times
    now: Times
    range_ms: int
    one_metric: bool

    @property
    def times(self) -> Moments:
        return self.samples.times

    @property
    def values(self) -> Values:
        return self.samples.values

    @property
    def lengths(self) -> Indices:
        return self.past - self.first

    def instants(self, index: Indices) -> Times:
        """When samples were, since 1970."""
        return self.times[index] + np.int64(self.samples.since_ms)


Result = tuple[NDArray[np.float64], Mask]
"""Values and presence, series by steps."""


def edges(samples: Samples, ends: Times) -> Indices:
    """Per series and end: the index of the first sample after the end. The ends rise, and count from where the samples' times do.

    In a few series it is searched for. In many it is guessed, and looked on which side of the end the samples beside it lie: for
    a few ends at the same place in all series, else where the nearest sample would be if they were evenly spaced. Where the guess
    was wrong it is searched for, too.
    """
    first, past = samples.begins, samples.ends
    if not len(samples.values) or not len(ends):
        return np.broadcast_to(first[:, None], (len(first), len(ends)))
    if not isinstance(samples.when, np.ndarray) and (counts := samples.when.passed(ends)) is not None:
        return first[:, None] + counts
    times = samples.times
    instants = _as(times.dtype, ends)
    if len(first) <= _FEW:
        places = np.empty((len(first), len(ends)), np.int64)
        for row, (low, high) in enumerate(zip(first.tolist(), past.tolist(), strict=True)):
            places[row] = low + times[low:high].searchsorted(instants, "right")
        return places
    guessed = _alike(times, first, past, instants) if len(ends) <= _FEW else None
    found, unsure = guessed or _along_lines(times, first, past, instants)
    if len(unsure):
        _search(times, first, past, instants, found, unsure)
    empty = np.flatnonzero(first == past)
    found[empty] = first[empty, None]
    return found


def _alike(times: Moments, first: Indices, past: Indices, ends: Moments) -> tuple[Indices, Indices] | None:
    """A guess for series that lie side by side: the place in the longest, one sample more or less; and which cells are not sure.

    None where those are many.
    """
    longest = int((past - first).argmax())
    columns = times[first[longest] : past[longest]].searchsorted(ends, "right")
    end = ends[:, None]

    def passed(place: Indices) -> Mask:
        """What would be before the first sample is not after any end, and what would be past the last after all."""
        not_after: Mask = times.take(place, mode="clip") <= end
        not_after &= place < past
        not_after |= place < first
        return not_after

    place = first + columns[:, None]  # ends by series, for numpy runs along the series, which are many
    early, late = passed(place), ~passed(place - 1)
    place += early
    place -= late
    # What it was moved over is known; left to see is what lies beyond.
    unsure = np.flatnonzero((passed(place - late) != late).T)
    return None if _MOSTLY * len(unsure) > place.size else (np.ascontiguousarray(place.T), unsure)


def _along_lines(times: Moments, first: Indices, past: Indices, ends: Moments) -> tuple[Indices, Indices]:
    """A guess for many ends, right where samples are off an even line by less than half their distance; and the unsure cells."""
    near = _nearest(times, first, past, ends)
    passed = times.take(near, mode="clip") <= ends
    ahead = passed.astype(np.int64)
    found = near
    found += ahead
    beside = found + ahead
    beside -= 1
    return found, np.flatnonzero((times.take(beside, mode="clip") <= ends) == passed)


def _as(kind: np.dtype[Any], ends: Times) -> Moments:
    """The ends as the samples' times are; one beyond what these can say as the outermost that they can."""
    if kind == ends.dtype:
        return ends
    bounds = np.iinfo(kind)
    return np.clip(ends, bounds.min, bounds.max).astype(kind)


def _nearest(times: Moments, first: Indices, past: Indices, ends: Moments) -> Indices:
    """Which sample of each series would be nearest to each end if they were evenly spaced."""
    newest = np.maximum(past - 1, first)
    begin = times.take(first, mode="clip").astype(np.float64)
    span = times.take(newest, mode="clip") - begin
    per_ms = np.divide(newest - first, span, out=np.zeros(len(first)), where=span > 0)
    near = np.multiply.outer(per_ms, ends.astype(np.float64))
    near += (first + 0.5 - begin * per_ms)[:, None]
    np.maximum(near, first[:, None], out=near)
    np.minimum(near, newest[:, None], out=near)
    return near.astype(np.int64)


def _search(times: Moments, first: Indices, past: Indices, ends: Moments, found: Indices, cells: Indices) -> None:  # noqa: PLR0917 -- arrays that belong together
    """Bisect those of the cells whose place is wrong."""
    series, step = np.divmod(cells, len(ends))
    low, high, end = first[series], past[series], ends[step]
    flat = found.reshape(-1)
    place = flat[cells] = np.clip(flat[cells], low, high)
    last = len(times) - 1
    wrong = ((place < high) & (times[np.minimum(place, last)] <= end)) | ((place > low) & (times[np.maximum(place - 1, 0)] > end))
    cells, low, high, end = cells[wrong], low[wrong].copy(), high[wrong].copy(), end[wrong]
    while (open_ := low < high).any():
        middle = (low + high) >> 1
        before = open_ & (times[np.minimum(middle, last)] <= end)
        low = np.where(before, middle + 1, low)
        high = np.where(open_ & ~before, middle, high)
    flat[cells] = low


def stale(values: Values) -> Mask:
    """Which values are stale markers; their bits tell, for every other NaN is a value."""
    marked: Mask = values.view(np.uint64) == STALE_NAN_BITS
    return marked


def without_stale(samples: Samples) -> Samples:
    """The samples that are numbers: ranges never see a stale marker."""
    if not samples.marked or not (marked := stale(samples.values)).any():
        return samples
    kept = ~marked
    if samples.past is not None:
        kept &= _owned(samples)
    before = np.concatenate(([0], np.cumsum(kept)))
    return Samples(before[samples.offsets], samples.times[kept], samples.values[kept], since_ms=samples.since_ms, marked=False)


def _owned(samples: Samples) -> Mask:
    """Which samples belong to a series."""
    ends = np.zeros(len(samples.times) + 1, np.int64)
    np.add.at(ends, samples.begins, 1)
    np.add.at(ends, samples.ends, -1)
    return np.cumsum(ends)[:-1] > 0


def windows(samples: Samples, ends: Times, now: Times, range_ms: int, *, one_metric: bool, exact: bool = False) -> Windows:
    """The windows `(end - range, end]`. `exact` says that there is nothing but the one window that all ends share."""
    clean = without_stale(samples)
    ends, now = ends - clean.since_ms, now - clean.since_ms
    if exact:
        shape = (len(clean.begins), len(ends))
        first = np.broadcast_to(clean.begins[:, None], shape)
        past = np.broadcast_to(clean.ends[:, None], shape)
    else:
        first, past = _both_edges(clean, ends, range_ms)
    return Windows(clean, first, past, ends, now, range_ms, one_metric)


def _both_edges(samples: Samples, ends: Times, range_ms: int) -> tuple[Indices, Indices]:
    """Where the windows begin and end. Where a window begins at the end of one before it, that place is not looked for twice."""
    step_ms = int(ends[1] - ends[0]) if len(ends) > 1 else 0
    ahead, rest = divmod(range_ms, step_ms) if step_ms > 0 else (0, 1)
    if len(ends) and ends[-1] - range_ms <= ends[0]:
        found = edges(samples, np.concatenate((ends - range_ms, ends)))
        return found[:, : len(ends)], found[:, len(ends) :]
    if rest:
        return edges(samples, ends - range_ms), edges(samples, ends)
    all_ends = ends[0] - range_ms + step_ms * np.arange(ahead + len(ends), dtype=np.int64)
    found = edges(samples, all_ends)
    return found[:, : len(ends)], found[:, ahead:]


def newest(samples: Samples, ends: Times, look_back_ms: int) -> tuple[Values, Mask, Times]:
    """The value of each series at each end: its newest sample, if that is younger than the look-back and no stale marker.

    Gives values, which of them are there, and the times of those samples.
    """
    own = ends - samples.since_ms
    past = edges(samples, own)
    if not len(samples.values):
        return np.zeros(past.shape), np.zeros(past.shape, np.bool_), np.zeros(past.shape, np.int64)
    present = past > samples.begins[:, None]
    index = np.where(present, past - 1, 0)
    times, values = samples.times.take(index), samples.values.take(index)
    present &= times > own - look_back_ms
    if samples.marked:
        present &= ~stale(values)
    return values, present, times + np.int64(samples.since_ms)


@dataclass(frozen=True, slots=True)
class Ranged:
    """A range vector at every step: the windows of what was found, made of some series at a time."""

    found: Found
    ends: Times
    now: Times
    range_ms: int
    one_metric: bool
    look: Callable[[Samples], None] = lambda _: None
    """Told of every tile before it is worked on; may end the query."""

    @property
    def names(self) -> Names:
        return self.found.names

    def tiles(self, column: Column = "last") -> Iterator[tuple[slice | Indices, Windows]]:
        """The windows of the series, some after the other, and which rows they are."""
        for rows, read in self.found.tiles(len(self.ends), column):
            samples = read()
            self.look(samples)
            yield rows, windows(samples, self.ends, self.now, self.range_ms, one_metric=self.one_metric)

    def reduced(self, reduce: Callable[[Windows], Result], column: Column = "last") -> Table:
        """One value a window, under the series' own labels."""
        shape = (len(self.names), len(self.ends))
        values, present = np.zeros(shape), np.zeros(shape, np.bool_)
        with np.errstate(all="ignore"):
            for rows, window in self.tiles(column):
                values[rows], present[rows] = reduce(window)
        return Table(self.names, values, present, self.one_metric)
