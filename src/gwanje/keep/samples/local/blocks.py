"""Blocks: the older past, one folder each, never changed after it got its name. Any Parquet reader can open them.

A block holds one period of samples, or of rollups, in three files.

- `samples.parquet` is sorted by series and time. A sample stands in `value`, or, where a series' values are decimals of few
  digits, as an integer in `scaled`: the value is `scaled / 10 ** decimals`, exactly. Integers take a third of the space.
- `series.parquet` names the series, and says how many samples each has, its newest, and its `decimals`.
- `block.json` says what the block is, with the checksums of the files.

Series are sorted by their labels as they are spelled in a request, so that blocks are merged by reading each once from front to
back. Row groups end where a series ends, so that a series' rows are known without reading the column that names it.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import zlib
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gwanje.errors import Damaged
from gwanje.keep.samples.local import decimals
from gwanje.keep.samples.local.cache import Footer, Plain
from gwanje.keep.samples.local.log import sync_folder
from gwanje.keep.samples.local.packed import Packed, pack
from gwanje.keep.samples.local.rollups import COLUMNS, Rolled, counted
from gwanje.keep.samples.local.runs import Ids, Offsets, Part, bounds, first_after, slices
from gwanje.keep.samples.local.tiles import OfGroups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from gwanje.keep.samples.local.cache import Cache
    from gwanje.wire.columns import Times, Values

_VERSION = 2
RAW = 0
"""The step of a block that holds samples as they came."""

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
_READ = ("key", "samples", "newest_ms", "newest_value", "decimals")
_OPTIONS = {"compression": "zstd", "compression_level": 3, "write_page_checksum": True, "store_schema": False}
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


class About(NamedTuple):
    """What a block says of itself."""

    step_ms: int
    period_ms: int
    """When its period begins."""
    start_ms: int
    end_ms: int
    rows: int


class Stretches(NamedTuple):
    """For each series of a block: how many samples, the newest of them, and its decimals (-1: none)."""

    counts: NDArray[np.int64]
    newest_ms: Times
    newest_values: Values
    decimals: NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A source on disk."""

    path: Path
    identity: int
    """Of its files in this process, wherever they are linked. An inode would not do: a deleted block's is given to the next."""
    about: About
    nbytes: int
    ids: Ids
    offsets: Offsets
    """Where each series lies in the file, in the file's order."""
    order: NDArray[np.int64] | None
    """The place of `ids[i]` in the file's order, None when it is `i`."""
    decimals: NDArray[np.int8]
    """Of each series, in the file's order."""
    groups: Offsets
    """The row at which each row group begins, and the end."""
    file: Any
    """Open, so that a query reads on when the block is deleted; read in place of mapped: pages of a map count as ours."""
    cache: Cache
    packs: bool = True
    """Whether what is read is packed before it is put there."""

    @property
    def rows(self) -> int:
        return self.about.rows

    @property
    def start_ms(self) -> int:
        return self.about.start_ms

    @property
    def end_ms(self) -> int:
        return self.about.end_ms

    @property
    def in_file_order(self) -> Ids:
        """The series as they lie in the file."""
        if self.order is None:
            return self.ids
        ids = np.empty_like(self.ids)
        ids[self.order] = self.ids
        return ids

    def select(self, wanted: Ids, after_ms: int, until_ms: int, column: str = "last") -> Part:
        """The samples of some series in a stretch of time; of a rollup the `column`, which a block of samples does not have."""
        times, values, low, high = self._read(*self.rows_of(wanted), column if self.about.step_ms else "value")
        if self.start_ms <= after_ms:
            low = first_after(times, low, high, after_ms)
        if self.end_ms > until_ms:
            high = first_after(times, low, high, until_ms)
        return slices(times, values, low, high)

    def count(self, wanted: Ids) -> int:
        """How many samples of these series the block holds."""
        low, high = self.rows_of(wanted)
        return int((high - low).sum())

    def rows_of(self, wanted: Ids) -> tuple[Offsets, Offsets]:
        """From which row to which each series lies in the file."""
        if self.order is None:
            return bounds(self.ids, self.offsets, wanted)
        at = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        place = self.order[at]
        low = self.offsets[place]
        return low, np.where(self.ids[at] == wanted, self.offsets[place + 1], low)

    def with_cache(self, cache: Cache) -> Block:
        """The same block, to be read once from front to back, past the cache that queries use."""
        stretches = Stretches(np.diff(self.offsets), *_NOTHING, self.decimals)
        return replace(open_block(self.path, self.in_file_order, stretches, cache), packs=False)

    def keys(self) -> tuple[Any, Any]:
        """The columns `key` and `labels`, in the file's order."""
        table = _checked(
            self.path,
            lambda: pq.read_table(self.path / "series.parquet", columns=["key", "labels"], page_checksum_verification=True),
        )
        return table.column(0).combine_chunks(), table.column(1).combine_chunks()

    def _read(self, low: Offsets, high: Offsets, column: str) -> tuple[Times, Values, Offsets, Offsets]:
        """The row groups that hold these rows, and where the rows lie in them."""
        group_of = np.searchsorted(self.groups, low, side="right") - 1
        needed = np.unique(group_of[high > low])
        if not len(needed):
            nothing = np.zeros(len(low), np.int64)
            return np.empty(0, np.int64), np.empty(0, np.float64), nothing, nothing
        columns = self._groups(needed.tolist(), column)
        sizes = self.groups[needed + 1] - self.groups[needed]
        shift = np.zeros(len(self.groups), np.int64)
        shift[needed] = np.cumsum(sizes) - sizes - self.groups[needed]
        moved = np.where(high > low, shift[group_of], -low)
        low, high = low + moved, np.where(high > low, high + moved, 0)
        if len(columns) == 1:
            return *columns[0], low, high
        return np.concatenate([one[0] for one in columns]), np.concatenate([one[1] for one in columns]), low, high

    def part(self, wanted: Ids) -> OfGroups:
        """What the block holds of some series, packed."""
        low, high = self.rows_of(wanted)
        there = np.flatnonzero(high > low)
        group_of = np.searchsorted(self.groups, low[there], side="right") - 1
        order = np.argsort(group_of, kind="stable")
        edges = np.flatnonzero(np.diff(group_of[order], prepend=-1, append=len(self.groups)))
        rows = [there[order[start:end]] for start, end in pairwise(edges.tolist())]
        needed = group_of[order[edges[:-1]]].tolist() if len(there) else []
        packed = cast("list[Packed]", self._held(needed, "value"))
        groups = [
            (one, np.searchsorted(one.begins, low[own] - self.groups[group]), own)
            for one, group, own in zip(packed, needed, rows, strict=True)
        ]
        return OfGroups(groups, high - low)

    def _groups(self, needed: list[int], column: str) -> list[tuple[Times, Values]]:
        return [held.columns() for held in self._held(needed, column)]

    def _held(self, needed: list[int], column: str) -> list[Packed | Plain]:
        held = {group: cast("Packed | Plain | None", self.cache.get((self.identity, column, group))) for group in needed}
        missing = [group for group, columns in held.items() if columns is None]
        if missing:
            for group, (times, values) in zip(missing, _checked(self.path, lambda: self._columns(missing, column)), strict=True):
                found = held[group] = self._packed(group, times, values, column) if self.packs else Plain(times, values)
                self.cache.put((self.identity, column, group), found)
        return [held[group] for group in needed]  # type: ignore[misc]  # every group is there now

    def _packed(self, group: int, times: Times, values: Values, column: str) -> Packed:
        first, end = np.searchsorted(self.offsets, self.groups[group : group + 2]).tolist()
        offsets = self.offsets[first : end + 1] - self.offsets[first]
        return pack(offsets, times, values, int(self.decimals[first:end].max()) if column == "value" else -1)

    def _columns(self, groups: list[int], column: str) -> list[tuple[Times, Values]]:
        reader = pq.ParquetFile(self.file, metadata=self._footer(), page_checksum_verification=True)
        names = {"value": ["time_ms", "value", "scaled"], "last": ["last_ms", "last"]}.get(column, ["time_ms", column, "count"])
        read = [(group, reader.read_row_group(group, columns=names, use_threads=False)) for group in groups]
        return [(_plain(table, names[0]), self._values(group, table, column)) for group, table in read]

    def _footer(self) -> Any:
        key = (self.identity, "", 0)
        held = self.cache.get(key)
        if not isinstance(held, Footer):
            held = Footer(pq.ParquetFile(self.file).metadata)
            self.cache.put(key, held)
        return held.metadata

    def _values(self, group: int, table: Any, column: str) -> Values:
        if column == "last":
            return np.asarray(_plain(table, column))
        if column != "value":
            return counted(_plain(table, column).astype(np.float64), _plain(table, "count"))
        scaled = table.column("scaled")
        if scaled.null_count == len(scaled):
            return np.asarray(_plain(table, column))
        first, end = np.searchsorted(self.offsets, self.groups[group : group + 2]).tolist()
        values = decimals.unscaled(
            pc.fill_null(scaled, 0).to_numpy(), self.decimals[first:end], np.diff(self.offsets[first : end + 1])
        )
        if scaled.null_count:
            there = pc.is_valid(scaled).to_numpy()
            values = np.where(there, values, pc.fill_null(table.column("value"), 0.0).to_numpy())
        return values


def write(path: Path, about: tuple[int, int], series: tuple[Any, Any], tiles: Iterable[Tile | Rolled]) -> None:
    """Write a block of `(step_ms, period_ms)` whose series are `(keys, labels)`, and bring it to the disk. Raises OSError.

    Row group by row group, so that the memory is that of one.
    """
    step_ms, period_ms = about
    path.mkdir()
    stretches, start_ms, end_ms = _write_samples(path / "samples.parquet", step_ms, tiles)
    _write_series(path / "series.parquet", series, stretches)
    rows = int(stretches.counts.sum())
    facts: dict[str, int] = {"version": _VERSION, "step_ms": step_ms, "period_ms": period_ms, "rows": rows}
    facts |= {"series": len(stretches.counts), "start_ms": start_ms, "end_ms": end_ms}
    facts |= {"footer_crc32": _footer_sum(path / "samples.parquet"), "series_crc32": _sum(path / "series.parquet")}
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


def read_series(path: Path) -> tuple[list[bytes], Stretches]:
    """The keys of a block's series, in the order of the file, and their stretches. Raises Damaged."""
    _checked(path, lambda: _about(path))
    table = _checked(path, lambda: pq.read_table(path / "series.parquet", columns=list(_READ), page_checksum_verification=True))
    return table.column(0).to_pylist(), Stretches(*(table.column(i).to_numpy() for i in range(1, len(_READ))))


def open_block(path: Path, ids: Ids, stretches: Stretches, cache: Cache) -> Block:
    """Open a block whose series have these numbers, in the order of its file. Raises Damaged."""
    about = _checked(path, lambda: _about(path))
    if about.get("version") != _VERSION:
        raise _damaged(path, f"is of version {about.get('version')}, which this version of gwanje does not know")
    file = _checked(path, lambda: pa.OSFile(str(path / "samples.parquet")))
    metadata = _checked(path, lambda: pq.ParquetFile(file).metadata)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(stretches.counts)])
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    if not offsets[-1] == sum(sizes) == about["rows"]:
        raise _damaged(path, f"holds {sum(sizes)} samples, its series have {offsets[-1]}")
    order = None if (ids[1:] > ids[:-1]).all() else np.argsort(ids, kind="stable")
    return Block(
        path=path,
        identity=next(_identities),
        about=About(*(about[name] for name in About._fields)),
        nbytes=sum(entry.stat().st_size for entry in path.iterdir()),
        ids=ids if order is None else ids[order],
        offsets=offsets,
        order=order,
        decimals=stretches.decimals,
        groups=np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]),
        file=file,
        cache=cache,
    )


def sharing(block: Block, other: Block) -> Block:
    """The block with another's arrays where they are equal: those who write the same series hour by hour need them once."""
    names = ("ids", "offsets", "order", "decimals")
    equal = {name: getattr(other, name) for name in names if np.array_equal(getattr(block, name), getattr(other, name))}
    return replace(block, **equal)


def summed(facts: Mapping[str, Any]) -> str:
    """The text of a small file of facts that carries its own checksum."""
    return json.dumps({**facts, "crc32": _sum_of(facts)}, indent=1) + "\n"


def read_summed(path: Path) -> dict[str, Any]:
    """What `summed` wrote. Raises ValueError, OSError or LookupError where it is not whole."""
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if facts.pop("crc32") != _sum_of(facts):
        raise ValueError(f"{path.name} does not fit its checksum")
    return facts


_identities = itertools.count()
_NOTHING = (np.empty(0, np.int64), np.empty(0, np.float64))


def _write_samples(path: Path, step_ms: int, tiles: Iterable[Tile | Rolled]) -> tuple[Stretches, int, int]:
    schema = _ROLLUP if step_ms else _SAMPLES
    encodings = {name: encoding for name, encoding in _ENCODINGS.items() if name in schema.names}
    stretches: list[Stretches] = []
    start_ms, end_ms, first = (1 << 63) - 1, -(1 << 63), 0
    with pq.ParquetWriter(path, schema, use_dictionary=["series"], column_encoding=encodings, **_OPTIONS) as writer:
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


def _plain(table: Any, name: str) -> Any:
    return table.column(name).to_numpy()


def _about(path: Path) -> dict[str, int]:
    """What `block.json` says, when all sums are right: Parquet's own cover its pages, and nothing else."""
    about: dict[str, int] = read_summed(path / "block.json")
    if about["footer_crc32"] != _footer_sum(path / "samples.parquet"):
        raise ValueError("the footer of samples.parquet does not fit its checksum")
    if about["series_crc32"] != _sum(path / "series.parquet"):
        raise ValueError("series.parquet does not fit its checksum")
    return about


def _sum_of(facts: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(facts, sort_keys=True).encode())


def _sum(path: Path) -> int:
    return zlib.crc32(path.read_bytes())


def _footer_sum(path: Path) -> int:
    """Of everything behind the last page: Parquet's file ends with its footer, the footer's length and a mark of 4 bytes."""
    with path.open("rb") as file:
        end = file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(max(end - length, 0))
        return zlib.crc32(file.read())


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
