"""Range vectors: for every series and step, which samples lie in the window that ends there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.selection import Selected
from gwanje.keep.promql.table import Indices, Mask, Table
from gwanje.model import STALE_NAN_BITS
from gwanje.wire.columns import Times, Values

TILE_CELLS = 1 << 15
"""Series times steps worked on at once, so that the arrays of one tile stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Samples of several series, and per series and step the window `[first, past)` of indices into them.

    A window holds the samples with `end - range < time <= end`, without stale markers. `ends` are the steps' window ends
    (after offset and @), `now` the steps themselves.
    """

    selected: Selected
    first: Indices
    past: Indices
    ends: Times
    now: Times
    range_ms: int
    one_metric: bool

    @property
    def times(self) -> Times:
        return self.selected.times

    @property
    def values(self) -> Values:
        return self.selected.values

    @property
    def lengths(self) -> Indices:
        return self.past - self.first


Result = tuple[NDArray[np.float64], Mask]
"""Values and presence, series by steps."""


def edges(times: Times, offsets: Indices, ends: Times) -> Indices:
    """Per series and end: the index of the first sample after the end."""
    found = np.empty((len(offsets) - 1, len(ends)), np.int64)
    size = max(1, TILE_CELLS // max(1, len(ends)))
    for start in range(0, len(found), size):
        found[start : start + size] = _edges(times, offsets[start : start + size + 1], ends)
    return found


def _edges(times: Times, offsets: Indices, ends: Times) -> Indices:
    """Guess as if the samples were evenly spaced, move by one where that misses, and search where it still does."""
    first, past = offsets[:-1, None], offsets[1:, None]
    if not len(times) or not len(ends):
        return np.broadcast_to(first, (len(offsets) - 1, len(ends)))
    last = len(times) - 1
    oldest = times[np.minimum(first, last)]
    newest = times[np.clip(past - 1, 0, last)]
    per_ms = np.divide(past - first - 1, newest - oldest, out=np.zeros(first.shape), where=newest > oldest)
    guess: Indices = np.clip((ends - oldest) * per_ms + 1, 0, past - first).astype(np.int64) + first
    late = (guess < past) & (times[np.minimum(guess, last)] <= ends)
    early = (guess > first) & (times[np.maximum(guess - 1, 0)] > ends)
    guess += late
    guess -= early
    moved = np.flatnonzero(late | early)
    if len(moved):
        _search(times, offsets, ends, guess, moved)
    return guess


def _search(times: Times, offsets: Indices, ends: Times, found: Indices, cells: Indices) -> None:
    """Bisect those of the cells whose place was not found by moving one sample."""
    series, step = np.divmod(cells, len(ends))
    low, high, end = offsets[series], offsets[series + 1], ends[step]
    flat = found.reshape(-1)
    place = flat[cells]
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
    marked: Mask = np.ascontiguousarray(values).view(np.uint64) == STALE_NAN_BITS
    return marked


def without_stale(selected: Selected) -> Selected:
    """The samples that are numbers: ranges never see a stale marker."""
    marked = stale(selected.values)
    if not marked.any():
        return selected
    kept = ~marked
    before = np.concatenate(([0], np.cumsum(kept)))
    return Selected(selected.labels, before[selected.offsets], selected.times[kept], selected.values[kept])


def windows(selected: Selected, ends: Times, now: Times, range_ms: int, *, one_metric: bool, exact: bool = False) -> Windows:
    """The windows `(end - range, end]`. `exact` says that `selected` holds nothing but the one window that all ends share."""
    clean = without_stale(selected)
    if exact:
        shape = (len(clean.labels), len(ends))
        first = np.broadcast_to(clean.offsets[:-1, None], shape)
        past = np.broadcast_to(clean.offsets[1:, None], shape)
    else:
        first, past = _both_edges(clean, ends, range_ms)
    return Windows(clean, first, past, ends, now, range_ms, one_metric)


def _both_edges(selected: Selected, ends: Times, range_ms: int) -> tuple[Indices, Indices]:
    """Where the windows begin and end. Where a window begins at the end of one before it, that place is not looked for twice."""
    step_ms = int(ends[1] - ends[0]) if len(ends) > 1 else 0
    ahead, rest = divmod(range_ms, step_ms) if step_ms > 0 else (0, 1)
    if rest or ahead >= len(ends):
        return edges(selected.times, selected.offsets, ends - range_ms), edges(selected.times, selected.offsets, ends)
    all_ends = ends[0] - range_ms + step_ms * np.arange(ahead + len(ends), dtype=np.int64)
    found = edges(selected.times, selected.offsets, all_ends)
    return found[:, : len(ends)], found[:, ahead:]


def newest(selected: Selected, ends: Times, look_back_ms: int, *, one_metric: bool) -> tuple[Table, Times]:
    """The value of each series at each end: its newest sample, if that is younger than the look-back and no stale marker.

    Also gives the times of those samples.
    """
    past = edges(selected.times, selected.offsets, ends)
    present = past > selected.offsets[:-1, None]
    index = np.where(present, past - 1, 0)
    if not len(selected.times):
        return Table(selected.labels, np.zeros(past.shape), present, one_metric), np.zeros(past.shape, np.int64)
    times = selected.times[index]
    values = selected.values[index]
    present &= times > ends - look_back_ms
    present &= ~stale(values)
    return Table(selected.labels, values, present, one_metric), times


def tiled(whole: Windows, function: Callable[[Windows], Result]) -> Result:
    """Apply a function to some series at a time."""
    series, steps = whole.first.shape
    size = max(1, TILE_CELLS // max(1, steps))
    if series <= size:
        return function(whole)
    results = [function(tile) for tile in _tiles(whole, size)]
    return np.concatenate([values for values, _ in results]), np.concatenate([present for _, present in results])


def _tiles(whole: Windows, size: int) -> Iterator[Windows]:
    offsets = whole.selected.offsets
    for start in range(0, len(offsets) - 1, size):
        rows = slice(start, start + size)
        own = offsets[start : start + size + 1]
        samples = slice(int(own[0]), int(own[-1]))
        yield Windows(
            Selected(whole.selected.labels[rows], own - own[0], whole.times[samples], whole.values[samples]),
            whole.first[rows] - own[0],
            whole.past[rows] - own[0],
            whole.ends,
            whole.now,
            whole.range_ms,
            whole.one_metric,
        )
