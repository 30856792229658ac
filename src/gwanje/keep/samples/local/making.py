"""Making blocks: out of the runs of a head that leaves, out of other blocks, out of samples that become rollups."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gwanje.keep.samples.local import block_writing
from gwanje.keep.samples.local.facts import RAW
from gwanje.keep.samples.local.rollups import Rolled, combined, roll
from gwanje.keep.samples.local.runs import Ids, Run, assemble, bounds, first_after
from gwanje.wire.remote_write.encode import key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from gwanje.keep.samples.local.blocks import Block
    from gwanje.wire.columns import Labels

DAY_MS = 86_400_000
_ROWS_OF_GROUP = 64 * 1024
_STEPS_OF_PERIOD = 2016
_EVER = (-(1 << 62), 1 << 62)


Proceed = Callable[[], None]
"""Called before each row group; raises where the work is to be given up."""


def _always() -> None:
    """Nothing keeps the work from going on."""


class Series(NamedTuple):
    """Series in the order of a block's file: by their keys."""

    ids: Ids
    keys: Any
    labels: Any

    def some(self, chosen: NDArray[np.bool_]) -> Series:
        return Series(self.ids[chosen], self.keys.filter(pa.array(chosen)), self.labels.filter(pa.array(chosen)))


def period_of(times: NDArray[np.int64] | int, step_ms: int) -> Any:
    """When the period begins that holds these times: a UTC day of samples, 2016 steps of rollups; open on the left."""
    length = step_ms * _STEPS_OF_PERIOD or DAY_MS
    return (-(-times // length) - 1) * length


def period_end(step_ms: int, period_ms: int) -> int:
    return period_ms + (step_ms * _STEPS_OF_PERIOD or DAY_MS)


def series_of_labels(ids: Ids, labels: Sequence[Labels]) -> Series:
    """The series of a head, sorted."""
    keys = pa.array([key_of(one) for one in labels], pa.binary())
    order = pc.sort_indices(keys)
    spelled = pa.array(labels, pa.map_(pa.string(), pa.string()))
    return Series(ids[order.to_numpy()], keys.take(order), spelled.take(order))


def series_of_blocks(members: Sequence[Block]) -> Series:
    """The series of several blocks, each once, sorted; names are read only where blocks before lack some of them."""
    ids, keys, labels = np.empty(0, np.int64), [], []
    for block in members:
        own = block.in_file_order
        fresh = ~np.isin(own, ids)
        if fresh.any():
            ids = np.concatenate([ids, own[fresh]])
            of_block = Series(own, *block.keys()).some(fresh)
            keys.append(of_block.keys)
            labels.append(of_block.labels)
    if len(keys) == 1:
        return Series(ids, keys[0], labels[0])
    every = Series(ids, pa.concat_arrays(keys), pa.concat_arrays(labels))
    order = pc.sort_indices(every.keys)
    return Series(ids[order.to_numpy()], every.keys.take(order), every.labels.take(order))


def write_head(folder: Path, runs: Sequence[Run], series: Series) -> list[Ids]:
    """Write a head as blocks of a day each, brief ones; gives the series of each, in the file's order."""
    written = []
    for place, period_ms in enumerate(sorted(set().union(*(_periods(run) for run in runs)))):
        span = (period_ms, period_end(RAW, period_ms))
        written.append(write_samples(folder / f"{place:04}", period_ms, series, runs, span=span, brief=True))
    return written


def write_samples(
    path: Path,
    period_ms: int,
    series: Series,
    sources: Sequence[Run | Block],
    *,
    span: tuple[int, int] = _EVER,
    proceed: Proceed = _always,
    brief: bool = False,
) -> Ids:
    """Write what the sources hold of one day as one block. Of two samples for one time the source named first wins."""
    counts = sum(_counts(source, series.ids, span) for source in sources)
    series, counts = series.some(counts > 0), counts[counts > 0]
    tiles = (_tile(ids, sources, span) for ids in _tiles(series.ids, counts, proceed))
    block_writing.write(path, (RAW, period_ms), (series.keys, series.labels), tiles, brief=brief)
    return series.ids


def write_rollup(path: Path, step_ms: int, series: Series, samples: Sequence[Block], proceed: Proceed = _always) -> Ids:
    """Write the steps of one day's samples as a block."""
    counts = sum(_counts(block, series.ids, _EVER) for block in samples)
    tiles = (_tile(ids, samples, _EVER) for ids in _tiles(series.ids, counts, proceed))
    rolled = (roll(*tile, step_ms) for tile in tiles)
    period_ms = int(period_of(samples[0].about.period_ms + 1, step_ms))
    block_writing.write(path, (step_ms, period_ms), (series.keys, series.labels), _gathered(rolled))
    return series.ids


def merge_rollups(path: Path, series: Series, members: Sequence[Block], proceed: Proceed = _always) -> Ids:
    """Write several blocks of steps as one."""
    counts = sum(_counts(block, series.ids, _EVER) for block in members)
    about = members[0].about
    tiles = (combined([_steps(block, ids) for block in members]) for ids in _tiles(series.ids, counts, proceed))
    block_writing.write(path, (about.step_ms, about.period_ms), (series.keys, series.labels), tiles)
    return series.ids


def _steps(block: Block, ids: Ids) -> Rolled:
    columns = {name: block.select(ids, *_EVER, name) for name in ("min", "max", "sum", "count", "last")}
    count = columns["count"]
    return Rolled(
        offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(count.counts)]),
        times=count.times,
        last_ms=columns["last"].times,
        counts=np.nan_to_num(count.values).astype(np.int64),
        min=columns["min"].values,
        max=columns["max"].values,
        sum=columns["sum"].values,
        last=columns["last"].values,
    )


def _gathered(tiles: Iterator[Rolled]) -> Iterator[Rolled]:
    """Small tiles put together until they fill a row group."""
    waiting: list[Rolled] = []
    for tile in tiles:
        waiting.append(tile)
        if sum(len(one.times) for one in waiting) >= _ROWS_OF_GROUP // 2:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(tiles: Sequence[Rolled]) -> Rolled:
    counts = np.concatenate([np.diff(tile.offsets) for tile in tiles])
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    return Rolled(offsets, *(np.concatenate(column) for column in zip(*(tile[1:] for tile in tiles), strict=True)))


def _periods(run: Run) -> set[int]:
    """The periods that have samples; looked through piece by piece, as a whole column more would be felt."""
    first, last = int(period_of(run.start_ms, RAW)), int(period_of(run.end_ms, RAW))
    if first == last:
        return {first}
    found: set[int] = set()
    for at in range(0, len(run.times), _ROWS_OF_GROUP):
        periods = period_of(run.times[at : at + _ROWS_OF_GROUP], RAW)
        found.update(periods[:1].tolist(), periods[1:][periods[1:] != periods[:-1]].tolist())
    return found


def _tile(ids: Ids, sources: Sequence[Run | Block], span: tuple[int, int]) -> block_writing.Tile:
    return block_writing.Tile(*assemble([source.select(ids, *span) for source in sources]))


def _tiles(ids: Ids, counts: NDArray[np.int64], proceed: Proceed) -> Iterator[Ids]:
    """Neighbouring series whose samples fill a row group together."""
    group = (np.cumsum(counts) - 1) // _ROWS_OF_GROUP
    for some in np.split(ids, np.flatnonzero(np.diff(group)) + 1):
        proceed()
        yield some


def _counts(source: Run | Block, ids: Ids, span: tuple[int, int]) -> Any:
    if not isinstance(source, Run):  # a block lies within one period
        low, high = source.rows_of(ids)
        return high - low
    low, high = bounds(source.ids, source.offsets, ids)
    if source.start_ms <= span[0]:
        low = first_after(source.times, low, high, span[0])
    if source.end_ms > span[1]:
        high = first_after(source.times, low, high, span[1])
    return high - low
