"""Writing a block: a folder of three files, one period of samples or of rollups. Any Parquet reader can open them.

- `samples.parquet` is sorted by series and time. A sample stands in `value`, or, where a series' values are decimals of few
  digits, as an integer in `scaled`: the value is `scaled / 10 ** decimals`, exactly. Integers take a third of the space.
- `series.parquet` names the series, and says how many samples each has, its newest, and its `decimals`.
- `block.json` says what the block is, with the checksums of the files (`facts.py`).

Series are sorted by their labels as they are spelled in a request, so that blocks are merged by reading each once from front to
back. Row groups end where a series ends, so that a series' rows are known without reading the column that names it.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gwanje.keep.samples.local import decimals
from gwanje.keep.samples.local.facts import VERSION, Stretches, file_sum, footer_sum, summed
from gwanje.keep.samples.local.log import sync_folder
from gwanje.keep.samples.local.rollups import COLUMNS, Rolled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from gwanje.keep.samples.local.blocks import Block
    from gwanje.keep.samples.local.runs import Offsets
    from gwanje.wire.columns import Times, Values

_COMMON = [("series", pa.uint32()), ("time_ms", pa.int64())]
_SAMPLES = pa.schema([*_COMMON, ("value", pa.float64()), ("scaled", pa.int64())])
_ROLLUP = pa.schema([*_COMMON, ("last_ms", pa.int64()), ("count", pa.int64()), *((name, pa.float64()) for name in COLUMNS)])
_SERIES = pa.schema(
    [
        ("series", pa.uint32()),
        ("labels", pa.map_(pa.string(), pa.string())),
        ("key", pa.binary()),
        ("samples", pa.int64()),
        ("newest_ms", pa.int64()),
        ("newest_value", pa.float64()),
        ("decimals", pa.int8()),
    ]
)
_OPTIONS = {"write_page_checksum": True, "store_schema": False}
_SMALL = {"compression": "zstd", "compression_level": 3}
_QUICK = {"compression": "lz4"}
"""A twentieth more on the disk, in two thirds of the time."""
_ENCODINGS = {
    "time_ms": "DELTA_BINARY_PACKED",
    "last_ms": "DELTA_BINARY_PACKED",
    "count": "DELTA_BINARY_PACKED",
    "scaled": "DELTA_BINARY_PACKED",
    "value": "BYTE_STREAM_SPLIT",
    **dict.fromkeys(COLUMNS, "BYTE_STREAM_SPLIT"),
}


class Tile(NamedTuple):
    """Neighbouring series that fill a row group together: series `i` owns `[offsets[i]:offsets[i+1]]`, at least one sample."""

    offsets: Offsets
    times: Times
    values: Values


def write(
    path: Path, about: tuple[int, int], series: tuple[Any, Any], tiles: Iterable[Tile | Rolled], *, brief: bool = False
) -> None:
    """Write a block of `(step_ms, period_ms)` whose series are `(keys, labels)`, and bring it to the disk. Raises OSError.

    Row group by row group, so that the memory is that of one. One that is `brief` will soon be merged into another.
    """
    step_ms, period_ms = about
    path.mkdir()
    stretches, start_ms, end_ms = _write_samples(path / "samples.parquet", step_ms, tiles, _QUICK if brief else _SMALL)
    _write_series(path / "series.parquet", series, stretches)
    rows = int(stretches.counts.sum())
    facts: dict[str, int] = {"version": VERSION, "step_ms": step_ms, "period_ms": period_ms, "rows": rows}
    facts |= {"series": len(stretches.counts), "start_ms": start_ms, "end_ms": end_ms}
    facts |= {"footer_crc32": footer_sum(path / "samples.parquet"), "series_crc32": file_sum(path / "series.parquet")}
    (path / "block.json").write_text(summed(facts), encoding="utf-8")
    for file in path.iterdir():
        _sync(file)
    sync_folder(path)


def link(block: Block, path: Path) -> None:
    """The same block at another place: its files have one more name."""
    path.mkdir()
    for file in block.path.iterdir():
        try:
            os.link(file, path / file.name)
        except OSError:  # a file system without hard links
            shutil.copy2(file, path / file.name)
            _sync(path / file.name)
    sync_folder(path)


def _write_samples(
    path: Path, step_ms: int, tiles: Iterable[Tile | Rolled], packed: Mapping[str, Any]
) -> tuple[Stretches, int, int]:
    schema = _ROLLUP if step_ms else _SAMPLES
    encodings = {name: encoding for name, encoding in _ENCODINGS.items() if name in schema.names}
    stretches: list[Stretches] = []
    start_ms, end_ms, first = (1 << 63) - 1, -(1 << 63), 0
    options = {"use_dictionary": ["series"], "column_encoding": encodings, **_OPTIONS, **packed}
    with pq.ParquetWriter(path, schema, **options) as writer:
        for tile in tiles:
            counts = np.diff(tile.offsets)
            series = pa.array(np.repeat(np.arange(first, first + len(counts), dtype=np.uint32), counts))
            columns, stretch = _rolled(tile) if isinstance(tile, Rolled) else _scaled(tile)
            writer.write_table(pa.table([series, *columns], schema=schema), row_group_size=len(series))
            stretches.append(Stretches(counts, *stretch))
            earliest = tile.last_ms if isinstance(tile, Rolled) else tile.times
            start_ms, end_ms = min(start_ms, int(earliest.min())), max(end_ms, int(tile.times.max()))
            first += len(counts)
    return Stretches(*(np.concatenate(column) for column in zip(*stretches, strict=True))), start_ms, end_ms


def _scaled(tile: Tile) -> tuple[Sequence[Any], tuple[Times, Values, NDArray[np.int8]]]:
    last = tile.offsets[1:] - 1
    of, scaled, there = decimals.scaled(tile.offsets, tile.values)
    columns = [pa.array(tile.times), pa.array(tile.values, mask=there), pa.array(scaled, mask=~there)]
    return columns, (tile.times[last], tile.values[last], of)


def _rolled(tile: Rolled) -> tuple[Sequence[Any], tuple[Times, Values, NDArray[np.int8]]]:
    last = tile.offsets[1:] - 1
    columns = [pa.array(column) for column in (tile.times, tile.last_ms, tile.counts, *(getattr(tile, name) for name in COLUMNS))]
    return columns, (tile.last_ms[last], tile.last[last], np.full(len(last), -1, np.int8))


def _write_series(path: Path, series: tuple[Any, Any], stretches: Stretches) -> None:
    keys, labels = series
    columns = [pa.array(np.arange(len(keys), dtype=np.uint32)), labels, keys, *(pa.array(column) for column in stretches)]
    pq.write_table(pa.table(columns, schema=_SERIES), path, compression="zstd", write_page_checksum=True, store_schema=False)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
