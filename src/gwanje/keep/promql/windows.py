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
class Edges:
    """Per series and end the index of the first sample after the end."""

    place: Indices
    before: Moments | None = None
    """The times of the samples before these places, where they were looked at; anything for a series that has none there."""
    after: Moments | None = None
    """The times of the samples at these places."""

    def of(self, ends: slice) -> Edges:
        """Those of some of the ends."""
        before, after = (None if own is None else own[:, ends] for own in (self.before, self.after))
        return Edges(self.place[:, ends], before, after)


@dataclass(frozen=True, slots=True)
class Windows:
    """Samples of several series, and per series and step the window `[first, past)` of indices into them.

    A window holds the samples with `end - range < time <= end`, without stale markers. `ends` are the steps' window ends
    (after offset and @), `now` the steps themselves; both count from where the samples' times do.
    """

    samples: Samples
    begun: Edges
    ended: Edges
    ends: Times
    now: Times
    range_ms: int
    one_metric: bool

    @property
    def first(self) -> Indices:
        return self.begun.place

    @property
    def past(self) -> Indices:
        return self.ended.place

    @property
    def times(self) -> Moments:
        return self.samples.times

    @property
    def values(self) -> Values:
        return self.samples.values

    @property
    def lengths(self) -> Indices:
        return self.past - self.first

    def times_at(self, first: Indices, last: Indices) -> tuple[Moments, Moments]:
        """When the first and the last sample of each window were; these are where they are, in windows that are not empty."""
        first_ms, last_ms = self.begun.after, self.ended.before
        return (
            self.times.take(first) if first_ms is None else first_ms,
            self.times.take(last) if last_ms is None else last_ms,
        )

    def instants(self, index: Indices) -> Times:
        """When samples were, since 1970."""
        return self.times[index] + np.int64(self.samples.since_ms)


Result = tuple[NDArray[np.float64], Mask]
"""Values and presence, series by steps."""


def edges(samples: Samples, ends: Times) -> Edges:
    """Per series and end: the first sample after the end. The ends rise, and count from where the samples' times do.

    In a few series it is searched for. In many it is guessed, and looked on which side of the end the samples beside it lie: for
    a few ends at the same place in all series; for ends that are as evenly spaced as the samples as many samples on for each;
    else where the nearest sample would be if they were evenly spaced. Where the guess was wrong it is searched for, too.
    """
    first, past = samples.begins, samples.ends
    if not len(samples.values) or not len(ends):
        return Edges(np.broadcast_to(first[:, None], (len(first), len(ends))))
    if not isinstance(samples.when, np.ndarray) and (counts := samples.when.passed(ends)) is not None:
        return Edges(first[:, None] + counts)
    times = samples.times
    instants = _as(times.dtype, ends)
    if len(first) <= _FEW:
        places = np.empty((len(first), len(ends)), np.int64)
        for row, (low, high) in enumerate(zip(first.tolist(), past.tolist(), strict=True)):
            places[row] = low + times[low:high].searchsorted(instants, "right")
        return Edges(places)
    if len(ends) > _FEW and (even := _in_step(times, first, past, instants)):
        return even
    return Edges(_places(times, first, past, instants))


def _places(times: Moments, first: Indices, past: Indices, ends: Moments) -> Indices:
    guessed = _alike(times, first, past, ends) if len(ends) <= _FEW else None
    found, unsure = guessed or _along_lines(times, first, past, ends)
    if len(unsure):
        _search(times, first, past, ends, found, unsure)
    empty = np.flatnonzero(first == past)
    found[empty] = first[empty, None]
    return found


def _in_step(times: Moments, first: Indices, past: Indices, ends: Moments) -> Edges | None:
    """From the place at one end, for series of which equally many samples lie between all ends; None where most are not so.

    The times of the samples beside each end, which say whether that is so, are kept: whoever has windows needs them again.
    """
    step_ms = int(ends[1]) - int(ends[0])
    if (np.diff(ends) != step_ms).any():
        return None
    middle = len(ends) // 2
    _, _, per_ms = _lines(times, first, past)
    samples = np.rint(per_ms * step_ms)
    astray = np.abs(per_ms * step_ms - samples) * middle > 1
    if _MOSTLY * np.count_nonzero(astray) > len(first):
        return None
    begin, _ = _along_lines(times, first, past, ends[middle : middle + 1])  # where not sure, it is seen at the ends beside it
    every = samples[:1] if (samples == samples[0]).all() else samples[:, None]
    place = begin + every.astype(np.int64) * np.arange(-middle, len(ends) - middle)
    if (place[:, 0] < first).any():
        np.maximum(place, first[:, None], out=place)
    if (place[:, -1] > past).any():
        np.minimum(place, past[:, None], out=place)
    before, after = times.take(place - 1, mode="clip"), times.take(place, mode="clip")
    unsure = np.flatnonzero((before > ends) | (after <= ends))
    if _MOSTLY * len(unsure) > place.size:
        return None
    if len(unsure):
        _search(times, first, past, ends, place, unsure)
        found = place.reshape(-1)[unsure]
        before.reshape(-1)[unsure] = times.take(found - 1, mode="clip")
        after.reshape(-1)[unsure] = times.take(found, mode="clip")
    return Edges(place, before, after)


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
    newest, begin, per_ms = _lines(times, first, past)
    near = np.multiply.outer(per_ms, ends.astype(np.float64))
    near += (first + 0.5 - begin * per_ms)[:, None]
    np.maximum(near, first[:, None], out=near)
    np.minimum(near, newest[:, None], out=near)
    return near.astype(np.int64)


def _lines(times: Moments, first: Indices, past: Indices) -> tuple[Indices, NDArray[np.float64], NDArray[np.float64]]:
    """Of each series which sample is the newest, when the oldest was, and how many come in a millisecond."""
    newest = np.maximum(past - 1, first)
    begin = times.take(first, mode="clip").astype(np.float64)
    span = times.take(newest, mode="clip") - begin
    return newest, begin, np.divide(newest - first, span, out=np.zeros(len(first)), where=span > 0)


def _search(times: Moments, first: Indices, past: Indices, ends: Moments, found: Indices, cells: Indices) -> None:  # noqa: PLR0917 -- arrays that belong together
    """Move those of the cells whose place is wrong; most are wrong by one sample, the others are bisected."""
    series, step = np.divmod(cells, len(ends))
    low, high, end = first[series], past[series], ends[step]
    flat = found.reshape(-1)
    place = np.clip(flat[cells], low, high)
    place += _beside(times, place, low, high, end)
    flat[cells] = place
    wrong = np.flatnonzero(_beside(times, place, low, high, end))
    cells, low, high, end = cells[wrong], low[wrong], high[wrong], end[wrong]
    last = len(times) - 1
    while (open_ := low < high).any():
        middle = (low + high) >> 1
        before = open_ & (times[np.minimum(middle, last)] <= end)
        low = np.where(before, middle + 1, low)
        high = np.where(open_ & ~before, middle, high)
    flat[cells] = low


def _beside(times: Moments, place: Indices, low: Indices, high: Indices, end: Moments) -> NDArray[np.int8]:
    """Where to go from each place: 1 where its sample is not after the end, -1 where the one before it is, else 0."""
    on = (place < high) & (times.take(place, mode="clip") <= end)
    back = (place > low) & (times.take(place - 1, mode="clip") > end)
    return on.astype(np.int8) - back.astype(np.int8)


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
        begun, ended = (Edges(np.broadcast_to(own[:, None], shape)) for own in (clean.begins, clean.ends))
    else:
        begun, ended = _both_edges(clean, ends, range_ms)
    return Windows(clean, begun, ended, ends, now, range_ms, one_metric)


def _both_edges(samples: Samples, ends: Times, range_ms: int) -> tuple[Edges, Edges]:
    """Where the windows begin and end. Where a window begins at the end of one before it, that place is not looked for twice."""
    step_ms = int(ends[1] - ends[0]) if len(ends) > 1 else 0
    ahead, rest = divmod(range_ms, step_ms) if step_ms > 0 else (0, 1)
    apart = bool(len(ends)) and ends[-1] - range_ms <= ends[0]
    if apart and 2 * len(ends) <= _FEW:
        found = edges(samples, np.concatenate((ends - range_ms, ends)))
        return found.of(slice(0, len(ends))), found.of(slice(len(ends), None))
    if apart or rest:
        return edges(samples, ends - range_ms), edges(samples, ends)
    all_ends = ends[0] - range_ms + step_ms * np.arange(ahead + len(ends), dtype=np.int64)
    found = edges(samples, all_ends)
    return found.of(slice(0, len(ends))), found.of(slice(ahead, None))


def newest(samples: Samples, ends: Times, look_back_ms: int) -> tuple[Values, Mask, Times]:
    """The value of each series at each end: its newest sample, if that is younger than the look-back and no stale marker.

    Gives values, which of them are there, and the times of those samples.
    """
    own = ends - samples.since_ms
    past = edges(samples, own).place
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
            yield rows, self._windows(read())

    def _windows(self, samples: Samples) -> Windows:
        self.look(samples)
        return windows(samples, self.ends, self.now, self.range_ms, one_metric=self.one_metric)

    def reduced(self, reduce: Callable[[Windows], Result], column: Column = "last") -> Table:
        """One value a window, under the series' own labels."""
        shape = (len(self.names), len(self.ends))
        values, present = np.zeros(shape), np.zeros(shape, np.bool_)
        with np.errstate(all="ignore"):
            for rows, window in self.tiles(column):
                values[rows], present[rows] = reduce(window)
                del window  # its memory is for the next
        return Table(self.names, values, present, self.one_metric)
