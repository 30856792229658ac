"""Range vectors: for every series and step, which samples lie in the window that ends there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.names import Names
from gwanje.keep.promql.selection import Column, Found, Selected, Tile
from gwanje.keep.promql.table import Indices, Mask, Table
from gwanje.model import STALE_NAN_BITS
from gwanje.wire.columns import Times, Values

MANY_TILES = 8
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


def edges(selected: Selected, ends: Times) -> Indices:
    """Per series and end: the index of the first sample after the end."""
    begins, past = selected.begins, selected.ends
    found = np.empty((len(begins), len(ends)), np.int64)
    size = max(1, TILE_CELLS // max(1, len(ends)))
    for start in range(0, len(found), size):
        rows = slice(start, start + size)
        found[rows] = _edges(selected.times, begins[rows, None], past[rows, None], ends)
    return found


def _edges(times: Times, first: Indices, past: Indices, ends: Times) -> Indices:
    """Guess as if the samples were evenly spaced, move by one where that misses, and search where it still does."""
    if not len(times) or not len(ends):
        return np.broadcast_to(first, (len(first), len(ends)))
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
        _search(times, first[:, 0], past[:, 0], ends, guess, moved)
    return guess


def _search(times: Times, first: Indices, past: Indices, ends: Times, found: Indices, cells: Indices) -> None:  # noqa: PLR0917 -- arrays that belong together
    """Bisect those of the cells whose place was not found by moving one sample."""
    series, step = np.divmod(cells, len(ends))
    low, high, end = first[series], past[series], ends[step]
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
    if selected.past is not None:
        kept &= _owned(selected)
    before = np.concatenate(([0], np.cumsum(kept)))
    return Selected(selected.labels, before[selected.offsets], selected.times[kept], selected.values[kept])


def _owned(selected: Selected) -> Mask:
    """Which samples belong to a series."""
    ends = np.zeros(len(selected.times) + 1, np.int64)
    np.add.at(ends, selected.begins, 1)
    np.add.at(ends, selected.ends, -1)
    return np.cumsum(ends)[:-1] > 0


def windows(selected: Selected, ends: Times, now: Times, range_ms: int, *, one_metric: bool, exact: bool = False) -> Windows:
    """The windows `(end - range, end]`. `exact` says that `selected` holds nothing but the one window that all ends share."""
    clean = without_stale(selected)
    if exact:
        shape = (len(clean.labels), len(ends))
        first = np.broadcast_to(clean.begins[:, None], shape)
        past = np.broadcast_to(clean.ends[:, None], shape)
    else:
        first, past = _both_edges(clean, ends, range_ms)
    return Windows(clean, first, past, ends, now, range_ms, one_metric)


def _both_edges(selected: Selected, ends: Times, range_ms: int) -> tuple[Indices, Indices]:
    """Where the windows begin and end. Where a window begins at the end of one before it, that place is not looked for twice."""
    step_ms = int(ends[1] - ends[0]) if len(ends) > 1 else 0
    ahead, rest = divmod(range_ms, step_ms) if step_ms > 0 else (0, 1)
    if rest or ahead >= len(ends):
        return edges(selected, ends - range_ms), edges(selected, ends)
    all_ends = ends[0] - range_ms + step_ms * np.arange(ahead + len(ends), dtype=np.int64)
    found = edges(selected, all_ends)
    return found[:, : len(ends)], found[:, ahead:]


def newest(selected: Selected, ends: Times, look_back_ms: int, *, one_metric: bool) -> tuple[Table, Times]:
    """The value of each series at each end: its newest sample, if that is younger than the look-back and no stale marker.

    Also gives the times of those samples.
    """
    past = edges(selected, ends)
    present = past > selected.begins[:, None]
    index = np.where(present, past - 1, 0)
    if not len(selected.times):
        return Table(selected.labels, np.zeros(past.shape), present, one_metric), np.zeros(past.shape, np.int64)
    times = selected.times[index]
    values = selected.values[index]
    present &= times > ends - look_back_ms
    present &= ~stale(values)
    return Table(selected.labels, values, present, one_metric), times


@dataclass(frozen=True, slots=True)
class Ranged:
    """A range vector at every step: the windows of what was found, made of some series at a time."""

    found: Found
    ends: Times
    now: Times
    range_ms: int
    one_metric: bool
    look: Callable[[Selected], None] = lambda _: None
    """Told of every tile before it is worked on; may end the query."""

    @property
    def names(self) -> Names:
        return self.found.names

    def tiles(self, column: Column = "last") -> Iterator[tuple[slice, Windows]]:
        """The windows of the series one after another, and which rows they are."""
        for tile in self._tiles(column):
            yield tile.rows, self._windows(tile)

    def reduced(self, reduce: Callable[[Windows], Result], column: Column = "last") -> Table:
        """One value a window, under the series' own labels."""
        shape = (len(self.names), len(self.ends))
        values, present = np.zeros(shape), np.zeros(shape, np.bool_)

        def work(tile: Tile) -> None:
            with np.errstate(all="ignore"):  # each thread has its own
                values[tile.rows], present[tile.rows] = reduce(self._windows(tile))

        side_by_side(work, self._tiles(column))
        return Table(self.names, values, present, self.one_metric)

    def _tiles(self, column: Column) -> Sequence[Tile]:
        return self.found.tiles(max(1, TILE_CELLS // max(1, len(self.ends))), column)

    def _windows(self, tile: Tile) -> Windows:
        selected = tile.read()
        self.look(selected)
        return windows(selected, self.ends, self.now, self.range_ms, one_metric=self.one_metric)


def side_by_side(work: Callable[[Tile], None], tiles: Sequence[Tile]) -> None:
    """Work on all tiles; on many by two threads, for numpy lets both run."""
    if len(tiles) < MANY_TILES:
        for tile in tiles:
            work(tile)
        return
    with ThreadPoolExecutor(2, thread_name_prefix="samples-tiles") as threads:
        # In halves: neighbouring tiles share row groups.
        running = [threads.submit(_each, work, half) for half in (tiles[: len(tiles) // 2], tiles[len(tiles) // 2 :])]
        for half in running:
            half.result()


def _each(work: Callable[[Tile], None], tiles: Sequence[Tile]) -> None:
    for tile in tiles:
        work(tile)
