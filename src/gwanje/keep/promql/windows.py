"""Range vectors: for every series and step, which samples lie in the window that ends there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.edges import FEW_ENDS, Edges, edges
from gwanje.keep.promql.names import Names
from gwanje.keep.promql.selection import Column, Found, Moments, Samples
from gwanje.keep.promql.table import Indices, Mask, Table
from gwanje.model import STALE_NAN_BITS
from gwanje.wire.columns import Times, Values


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
    if apart and 2 * len(ends) <= FEW_ENDS:
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
