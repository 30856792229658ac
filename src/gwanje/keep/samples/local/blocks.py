"""Blocks: the older past, one folder each, never changed after it got its name.

`blocks/0000000007/` holds `samples.parquet` (series, time_ms, value, sorted so), `series.parquet` (series, labels and the series'
stretch in the other file) and `block.json`. Any Parquet reader can open them. The number is that of the last log segment the
block covers. Row groups end where a series ends, so that a series' rows are known without reading the column that names it.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gwanje.errors import Damaged
from gwanje.keep.samples.local.log import sync_folder
from gwanje.keep.samples.local.runs import Ids, Offsets, Part, Run, assemble, bounds, first_after, slices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from gwanje.wire.columns import Labels, Times, Values

_UNFINISHED, _GONE = "unfinished-", "gone-"
_ROWS_OF_GROUP = 64 * 1024
_VERSION = 1

_SAMPLES = pa.schema([("series", pa.uint32()), ("time_ms", pa.int64()), ("value", pa.float64())])
_SERIES = pa.schema(
    [
        ("series", pa.uint32()),
        ("labels", pa.map_(pa.string(), pa.string())),
        ("key", pa.binary()),
        ("samples", pa.int64()),
        ("newest_ms", pa.int64()),
        ("newest_value", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a block is made of. `keys` are the labels in the form in which they are looked up at start."""

    runs: Sequence[Run]
    ids: Ids
    labels: Sequence[Labels]
    keys: Sequence[bytes]

    @property
    def start_ms(self) -> int:
        return min(run.start_ms for run in self.runs)

    @property
    def end_ms(self) -> int:
        return max(run.end_ms for run in self.runs)


class Stretches(NamedTuple):
    """For each series of a block: how many samples, and the newest of them."""

    counts: NDArray[np.int64]
    newest_ms: Times
    newest_values: Values


class Cache:
    """Row groups read last, bounded by bytes. For several threads."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held: OrderedDict[tuple[int, int], tuple[Times, Values]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[int, int]) -> tuple[Times, Values] | None:
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found

    def put(self, key: tuple[int, int], columns: tuple[Times, Values]) -> None:
        with self._lock:
            if key in self._held:
                return
            self._held[key] = columns
            self._bytes += _nbytes(columns)
            while self._bytes > self._limit:
                self._bytes -= _nbytes(self._held.popitem(last=False)[1])


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A source on disk."""

    number: int
    path: Path
    nbytes: int
    rows: int
    start_ms: int
    end_ms: int
    ids: Ids
    offsets: Offsets
    """Where each series lies in the file, in the file's order."""
    order: NDArray[np.int64] | None
    """The place of `ids[i]` in the file's order, None when it is `i`."""
    groups: Offsets
    """The row at which each row group begins, and the end."""
    file: Any
    metadata: Any
    cache: Cache

    def select(self, wanted: Ids, after_ms: int, until_ms: int) -> Part:
        low, high = self._rows_of(wanted)
        times, values, low, high = self._read(low, high)
        if self.start_ms <= after_ms:
            low = first_after(times, low, high, after_ms)
        if self.end_ms > until_ms:
            high = first_after(times, low, high, until_ms)
        return slices(times, values, low, high)

    def count(self, wanted: Ids) -> int:
        """How many samples of these series the block holds."""
        low, high = self._rows_of(wanted)
        return int((high - low).sum())

    def _rows_of(self, wanted: Ids) -> tuple[Offsets, Offsets]:
        if self.order is None:
            return bounds(self.ids, self.offsets, wanted)
        at = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        place = self.order[at]
        low = self.offsets[place]
        return low, np.where(self.ids[at] == wanted, self.offsets[place + 1], low)

    def _read(self, low: Offsets, high: Offsets) -> tuple[Times, Values, Offsets, Offsets]:
        """The row groups that hold these rows, and where the rows lie in them."""
        group_of = np.searchsorted(self.groups, low, side="right") - 1
        needed = np.unique(group_of[high > low])
        if not len(needed):
            nothing = np.zeros(len(low), np.int64)
            return np.empty(0, np.int64), np.empty(0, np.float64), nothing, nothing
        columns = self._groups(needed.tolist())
        sizes = self.groups[needed + 1] - self.groups[needed]
        shift = np.zeros(len(self.groups), np.int64)
        shift[needed] = np.cumsum(sizes) - sizes - self.groups[needed]
        moved = np.where(high > low, shift[group_of], -low)
        low, high = low + moved, np.where(high > low, high + moved, 0)
        if len(columns) == 1:
            return *columns[0], low, high
        return np.concatenate([one[0] for one in columns]), np.concatenate([one[1] for one in columns]), low, high

    def _groups(self, needed: list[int]) -> list[tuple[Times, Values]]:
        held = {group: self.cache.get((self.number, group)) for group in needed}
        missing = [group for group, columns in held.items() if columns is None]
        if missing:
            for group, columns in _checked(self.path, lambda: _columns(self.file, self.metadata, missing)):
                held[group] = columns
                self.cache.put((self.number, group), columns)
        return [held[group] for group in needed]  # type: ignore[misc]  # every group is there now


def write(folder: Path, number: int, contents: Contents) -> Path:
    """Write a block; it gets its name when everything of it is on the disk. Raises OSError; then there is no block."""
    unfinished, path = folder / f"{_UNFINISHED}{number:010d}", folder / f"{number:010d}"
    remove_unfinished(folder)
    if path.exists():  # from a try that failed at the very end
        delete(path)
    unfinished.mkdir()
    stretches = _write_samples(unfinished / "samples.parquet", contents)
    _write_series(unfinished / "series.parquet", contents, stretches)
    rows = int(stretches.counts.sum())
    about = {"version": _VERSION, "covers_log_until": number, "rows": rows, "series": len(contents.ids)}
    times = {"start_ms": contents.start_ms, "end_ms": contents.end_ms}
    sums = {"footer_crc32": _footer_sum(unfinished / "samples.parquet"), "series_crc32": _sum(unfinished / "series.parquet")}
    about = about | times | sums
    (unfinished / "block.json").write_text(json.dumps(about | {"crc32": _sum_of(about)}, indent=1) + "\n", encoding="utf-8")
    for file in unfinished.iterdir():
        _sync(file)
    sync_folder(unfinished)
    unfinished.rename(path)
    sync_folder(folder)
    return path


def read_series(path: Path) -> tuple[list[bytes], Stretches]:
    """The keys of a block's series, in the order of the file, and their stretches. Raises Damaged."""
    _checked(path, lambda: _about(path))
    columns = ["key", "samples", "newest_ms", "newest_value"]
    table = _checked(path, lambda: pq.read_table(path / "series.parquet", columns=columns, page_checksum_verification=True))
    counts, newest_ms, values = (table.column(i).to_numpy() for i in (1, 2, 3))
    return table.column(0).to_pylist(), Stretches(counts, newest_ms, values)


def open_block(path: Path, ids: Ids, counts: NDArray[np.int64], cache: Cache) -> Block:
    """Open a block whose series have these numbers, in the order of its file. Raises Damaged."""
    about = _checked(path, lambda: _about(path))
    file = _checked(path, lambda: pa.memory_map(str(path / "samples.parquet")))
    metadata = _checked(path, lambda: pq.ParquetFile(file).metadata)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    if about.get("version") != _VERSION:
        raise _damaged(path, f"is of version {about.get('version')}, which this version of gwanje does not know")
    if not offsets[-1] == sum(sizes) == about["rows"]:
        raise _damaged(path, f"holds {sum(sizes)} samples, its series have {offsets[-1]}")
    order = None if (ids[1:] > ids[:-1]).all() else np.argsort(ids, kind="stable")
    return Block(
        number=int(path.name),
        path=path,
        nbytes=sum(entry.stat().st_size for entry in path.iterdir()),
        rows=about["rows"],
        start_ms=about["start_ms"],
        end_ms=about["end_ms"],
        ids=ids if order is None else ids[order],
        offsets=offsets,
        order=order,
        groups=np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]),
        file=file,
        metadata=metadata,
        cache=cache,
    )


def found(folder: Path) -> list[Path]:
    """The finished blocks, oldest first; what a crash left unfinished or half deleted is removed."""
    remove_unfinished(folder)
    return sorted(entry for entry in folder.iterdir() if entry.name.isdigit())


def remove_unfinished(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.name.startswith((_UNFINISHED, _GONE)):
            shutil.rmtree(entry)


def delete(path: Path) -> None:
    """Delete a block. Queries that read it go on reading."""
    gone = path.with_name(_GONE + path.name)
    path.rename(gone)
    sync_folder(path.parent)
    shutil.rmtree(gone)


def _write_samples(path: Path, contents: Contents) -> Stretches:
    """Row group by row group, so that the memory is that of one."""
    stretches = []
    options = {"compression": "zstd", "compression_level": 3, "write_page_checksum": True, "store_schema": False}
    columns = {"use_dictionary": ["series"], "column_encoding": {"time_ms": "DELTA_BINARY_PACKED"}}
    with pq.ParquetWriter(path, _SAMPLES, **options, **columns) as writer:
        first = 0
        for ids in _tiles(contents):
            parts = [run.select(ids, contents.start_ms - 1, contents.end_ms) for run in contents.runs]
            offsets, times, values = assemble(parts)
            counts = np.diff(offsets)
            series = np.repeat(np.arange(first, first + len(ids), dtype=np.uint32), counts)
            writer.write_table(pa.table([series, times, values], schema=_SAMPLES), row_group_size=len(series))
            stretches.append(Stretches(counts, times[offsets[1:] - 1], values[offsets[1:] - 1]))
            first += len(ids)
    return Stretches(*(np.concatenate(column) for column in zip(*stretches, strict=True)))


def _tiles(contents: Contents) -> Iterator[Ids]:
    """Neighbouring series that fill a row group together."""
    rows = np.zeros(len(contents.ids), np.int64)
    for run in contents.runs:
        low, high = bounds(run.ids, run.offsets, contents.ids)
        rows += high - low
    group = (np.cumsum(rows) - 1) // _ROWS_OF_GROUP
    cuts = np.flatnonzero(np.diff(group)) + 1
    yield from np.split(contents.ids, cuts)


def _write_series(path: Path, contents: Contents, stretches: Stretches) -> None:
    columns = [
        pa.array(np.arange(len(contents.ids), dtype=np.uint32)),
        pa.array(contents.labels, _SERIES.field("labels").type),
        pa.array(contents.keys, pa.binary()),
        *(pa.array(column) for column in stretches),
    ]
    table = pa.table(columns, schema=_SERIES)
    pq.write_table(table, path, compression="zstd", write_page_checksum=True, store_schema=False)


def _columns(file: Any, metadata: Any, groups: list[int]) -> list[tuple[int, tuple[Times, Values]]]:
    reader = pq.ParquetFile(file, metadata=metadata, page_checksum_verification=True)
    tables = [reader.read_row_group(group, columns=["time_ms", "value"], use_threads=False) for group in groups]
    return [
        (group, (table.column(0).to_numpy(), table.column(1).to_numpy())) for group, table in zip(groups, tables, strict=True)
    ]


def _about(path: Path) -> dict[str, int]:
    """What `block.json` says, when all sums are right: Parquet's own cover its pages, and nothing else."""
    about: dict[str, int] = json.loads((path / "block.json").read_text(encoding="utf-8"))
    if about.pop("crc32") != _sum_of(about):
        raise ValueError("block.json does not fit its checksum")
    if about["footer_crc32"] != _footer_sum(path / "samples.parquet"):
        raise ValueError("the footer of samples.parquet does not fit its checksum")
    if about["series_crc32"] != _sum(path / "series.parquet"):
        raise ValueError("series.parquet does not fit its checksum")
    return about


def _sum_of(about: Mapping[str, int]) -> int:
    return zlib.crc32(json.dumps(about, sort_keys=True).encode())


def _sum(path: Path) -> int:
    return zlib.crc32(path.read_bytes())


def _footer_sum(path: Path) -> int:
    """Of everything behind the last page: Parquet's file ends with its footer, the footer's length and a mark of 4 bytes."""
    with path.open("rb") as file:
        end = file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(max(end - length, 0))
        return zlib.crc32(file.read())


def _nbytes(columns: tuple[Times, Values]) -> int:
    return columns[0].nbytes + columns[1].nbytes


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _checked(path: Path, read: Callable[[], Any]) -> Any:
    """What is read, or Damaged in place of the reader's own errors."""
    try:
        return read()
    except (OSError, ValueError, LookupError, pa.ArrowException) as error:
        raise _damaged(path, f"cannot be read: {error}") from error


def _damaged(path: Path, problem: str) -> Damaged:
    return Damaged(f"the block {path} {problem}; put it back from a backup, or move it away to go on without what it holds")
