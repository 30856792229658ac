"""Blocks: the older past, one folder each, never changed after it got its name. `block_writing.py` says what lies in it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gwanje.errors import Damaged
from gwanje.keep.samples.local import decimals, making, pages, strands
from gwanje.keep.samples.local.cache import Footer, Plain
from gwanje.keep.samples.local.facts import VERSION, About, Stretches, read_about
from gwanje.keep.samples.local.of_groups import OfGroups
from gwanje.keep.samples.local.packed import Packed, pack
from gwanje.keep.samples.local.parts import dense
from gwanje.keep.samples.local.rollups import counted
from gwanje.keep.samples.local.runs import Ids, Offsets, Part, distinct, first_after, places, slices, stretches

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from gwanje.keep.samples.local.cache import Cache
    from gwanje.keep.samples.local.parts import Rows
    from gwanje.wire.columns import Times, Values

_AT_BORDER_MS = 60_000
"""A block that ends so shortly before its period is over was cut there, and not when a head was full."""
_STRETCHES = ("samples", "newest_ms", "newest_value", "decimals")


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
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
    firsts: Offsets
    """The first series of each row group, and the end."""
    ends: Times
    """When the newest sample of each row group was."""
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

    def places_of(self, wanted: Ids) -> NDArray[np.int64]:
        """Which series of the file each wanted one is; -1 where it is none of them."""
        at = places(self.ids, wanted)
        return at if self.order is None else np.where(at < 0, -1, self.order[at])

    def newest_of(self, place: NDArray[np.int64]) -> int:
        """No sample of the series at these places of the file is newer: the newest of the row groups in which they lie."""
        return int(self.ends[self._group_of(place)].max())

    def rows_of(self, wanted: Ids) -> tuple[Offsets, Offsets]:
        """From which row to which each series lies in the file."""
        return stretches(self.offsets, self.places_of(wanted))

    def with_cache(self, cache: Cache) -> Block:
        """The same block, to be read once from front to back, past the cache that queries use."""
        newest = np.repeat(self.ends, np.diff(self.firsts))
        stretches = Stretches(np.diff(self.offsets), newest, np.zeros(len(newest)), self.decimals)
        return replace(open_block(self.path, self.in_file_order, stretches, cache), packs=False)

    def keys(self) -> tuple[Any, Any]:
        """The columns `key` and `labels`, in the file's order."""
        keys, labels = _series(self.path, "key", "labels")
        return keys.combine_chunks(), labels.combine_chunks()

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

    def part(self, place: NDArray[np.int64], after_ms: int) -> OfGroups | None:
        """What the block holds of the series at these places of the file, packed; -1 is a series that it does not hold.

        Row groups without a sample after `after_ms` are left out; None where all are.
        """
        shares = self._shares(place, after_ms)
        if not shares:
            return None
        packed = cast("list[Packed]", self._held([group for group, _, _ in shares], "value"))
        return OfGroups.of([(held, own, tile) for held, (_, own, tile) in zip(packed, shares, strict=True)], len(place))

    def _shares(self, place: NDArray[np.int64], after_ms: int) -> list[tuple[int, Rows, Rows]]:
        """Row groups, which rows of them are wanted, and which of the wanted these are."""
        first = int(place[0])
        if first >= 0 and (np.diff(place) == 1).all():
            low, high = self._group_of(place[[0, -1]]).tolist()
            borders = np.clip(self.firsts[low : high + 2], first, first + len(place)).tolist()
            begins = self.firsts[low : high + 1].tolist()
            late = (self.ends[low : high + 1] > after_ms).tolist()
            return [
                (low + number, slice(begin - own, end - own), slice(begin - first, end - first))
                for number, (own, (begin, end)) in enumerate(zip(begins, pairwise(borders), strict=True))
                if late[number]
            ]
        there = np.flatnonzero(place >= 0)
        group_of = self._group_of(place[there])
        late = self.ends[group_of] > after_ms
        there, group_of = there[late], group_of[late]
        if not len(there):
            return []
        if (group_of[1:] < group_of[:-1]).any():
            order = np.argsort(group_of, kind="stable")
            there, group_of = there[order], group_of[order]
        begins = [0, *(np.flatnonzero(group_of[1:] != group_of[:-1]) + 1).tolist()]
        rows = [there[begin:end] for begin, end in pairwise([*begins, len(there)])]
        groups = zip(group_of[begins].tolist(), rows, strict=True)
        return [(group, dense(place[tile] - self.firsts[group]), dense(tile)) for group, tile in groups]

    def _group_of(self, place: NDArray[np.int64]) -> NDArray[np.int64]:
        """The row group in which each of these series of the file lies."""
        return self.firsts.searchsorted(place, "right") - 1

    def strand(self, place: int, after_ms: int, until_ms: int) -> strands.Strand:
        """The samples of one series of the file in a stretch of time, and perhaps some beside them."""
        group = int(self.firsts.searchsorted(place, "right")) - 1
        if self.ends[group] <= after_ms:
            return strands.NOTHING
        (packed,) = cast("list[Packed]", self._held([group], "value"))
        return packed.strand(place - int(self.firsts[group]), after_ms, until_ms)

    def cached(self, place: NDArray[np.int64], after_ms: int) -> bool:
        """True when what the series at these places of the file have after `after_ms` is in memory."""
        groups = distinct(self._group_of(place[place >= 0]))
        late = groups[self.ends[groups] > after_ms]
        return all(self.cache.get((self.identity, "value", group)) is not None for group in late.tolist())

    def _groups(self, needed: list[int], column: str) -> list[tuple[Times, Values]]:
        return [held.columns() for held in self._held(needed, column)]

    def _held(self, needed: list[int], column: str) -> list[Packed | Plain]:
        held = {group: cast("Packed | Plain | None", self.cache.get((self.identity, column, group))) for group in needed}
        missing = [group for group, columns in held.items() if columns is None]
        if missing:
            for group, (times, values) in zip(missing, _checked(self.path, lambda: self._columns(missing, column)), strict=True):
                plain = None if self.packs else Plain(pages.kept(times), pages.kept(values))
                found = held[group] = plain or self._packed(group, times, values, column)
                self.cache.put((self.identity, column, group), found)
        return [held[group] for group in needed]  # type: ignore[misc]  # every group is there now

    def _packed(self, group: int, times: Times, values: Values, column: str) -> Packed:
        first, end = self.firsts[group : group + 2].tolist()
        offsets = self.offsets[first : end + 1] - self.offsets[first]
        over_ms = making.period_end(self.about.step_ms, self.about.period_ms)
        known = int(self.decimals[first:end].max()) if column == "value" else -1
        return pack(offsets, times, values, known, at_end=self.end_ms < over_ms - _AT_BORDER_MS)

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
        first, end = self.firsts[group : group + 2].tolist()
        values = decimals.unscaled(
            pc.fill_null(scaled, 0).to_numpy(), self.decimals[first:end], np.diff(self.offsets[first : end + 1])
        )
        if scaled.null_count:
            there = pc.is_valid(scaled).to_numpy()
            values = np.where(there, values, pc.fill_null(table.column("value"), 0.0).to_numpy())
        return values


def read_series(path: Path) -> tuple[list[bytes], Stretches]:
    """The keys of a block's series, in the order of the file, and their stretches. Raises Damaged."""
    _checked(path, lambda: read_about(path))
    keys, *columns = _series(path, "key", *_STRETCHES)
    return keys.to_pylist(), Stretches(*(column.to_numpy() for column in columns))


def read_stretches(path: Path) -> Stretches:
    """The stretches alone, for who knows the series: their keys would take far more room. Raises Damaged."""
    return Stretches(*(column.to_numpy() for column in _series(path, *_STRETCHES)))


def open_block(path: Path, ids: Ids, stretches: Stretches, cache: Cache) -> Block:
    """Open a block whose series have these numbers, in the order of its file. Raises Damaged."""
    about = _checked(path, lambda: read_about(path))
    if about.get("version") != VERSION:
        raise _damaged(path, f"is of version {about.get('version')}, which this version of gwanje does not know")
    file = _checked(path, lambda: pa.OSFile(str(path / "samples.parquet")))
    metadata = _checked(path, lambda: pq.ParquetFile(file).metadata)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(stretches.counts)])
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    if not offsets[-1] == sum(sizes) == about["rows"]:
        raise _damaged(path, f"holds {sum(sizes)} samples, its series have {offsets[-1]}")
    order = None if (ids[1:] > ids[:-1]).all() else np.argsort(ids, kind="stable")
    groups = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    firsts = np.searchsorted(offsets, groups)
    return Block(
        path=path,
        identity=next(_identities),
        about=About(*(about[name] for name in About._fields)),
        nbytes=sum(entry.stat().st_size for entry in path.iterdir()),
        ids=ids if order is None else ids[order],
        offsets=pages.kept(offsets),
        order=order,
        decimals=stretches.decimals,
        groups=groups,
        firsts=firsts,
        ends=np.maximum.reduceat(stretches.newest_ms, firsts[:-1]),
        file=file,
        cache=cache,
    )


def sharing(block: Block, other: Block) -> Block:
    """The block with another's arrays where they are equal: those who write the same series hour by hour need them once."""
    names = ("ids", "offsets", "order", "decimals")
    equal = {name: getattr(other, name) for name in names if np.array_equal(getattr(block, name), getattr(other, name))}
    return replace(block, **equal)


_identities = itertools.count()


def _series(path: Path, *columns: str) -> list[Any]:
    def read() -> Any:
        return pq.read_table(path / "series.parquet", columns=list(columns), page_checksum_verification=True)

    return list(_checked(path, read).columns)


def _plain(table: Any, name: str) -> Any:
    return table.column(name).to_numpy()


def _checked(path: Path, read: Callable[[], Any]) -> Any:
    """What is read, or Damaged in place of the reader's own errors."""
    try:
        return read()
    except (OSError, ValueError, LookupError, pa.ArrowException) as error:
        raise _damaged(path, f"cannot be read: {' '.join(str(error).split())}") from error


def _damaged(path: Path, problem: str) -> Damaged:
    return Damaged(f"the block {path} {problem}; put it back from a backup, or move it away to go on without what it holds")
