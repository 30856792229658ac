"""Opening: the blocks of a folder, then what the log holds beyond them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import structlog

from gwanje.errors import BadInput, Damaged
from gwanje.keep.samples.local import columnar, generations
from gwanje.keep.samples.local.layouts import Layout, Layouts
from gwanje.keep.samples.local.log import Log, Record, Segment, read, segments
from gwanje.keep.samples.local.runs import Ids, Rows, of_rows
from gwanje.wire.remote_write.decode import PROTOCOL, Limits, decode, labels_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from gwanje.keep.samples.local.memory import Memory
    from gwanje.keep.samples.local.shelf import Shelf
    from gwanje.wire.columns import Columns

_log = structlog.get_logger()

_NO_LIMITS = Limits(body_bytes=1 << 31, samples=1 << 31)


class Opening:
    """Fills the memory of a store that begins."""

    def __init__(self, memory: Memory, shelf: Shelf, log_folder: Path) -> None:
        self._memory = memory
        self._shelf = shelf
        self._log_folder = log_folder
        self._layouts = Layouts(memory.index)
        self._columns = columnar.ColumnsReader()

    def blocks(self) -> None:
        """Raise Damaged when a file does not hold what it should."""
        for generation in generations.found(self._shelf.folder):
            for ids, stretches in self._shelf.open(generation, self._known):
                self._memory.newest.grow(len(self._memory.index))
                self._memory.newest.take(Rows(ids, stretches.newest_ms, stretches.newest_values), gaps=True)

    def log(self) -> Log:
        """The open end of the log, behind what it holds. Raises Damaged."""
        covered = self._shelf.covered
        there = segments(self._log_folder)
        for segment in there:
            if segment.number <= covered:  # a crash came between the block's name and the end of its segments
                segment.path.unlink()
        left = [segment for segment in there if segment.number > covered]
        size = 0
        for segment in left:
            size = self._replay(segment, last=segment is left[-1])
        number = left[-1].number if left else covered + 1
        return Log(self._log_folder, number=number, size=size, segment_bytes=self._memory.settings.segment_bytes)

    def _known(self, keys: Sequence[bytes]) -> Ids:
        return self._numbers(keys, np.ones(len(keys), np.bool_))

    def _every_number(self, batch: Columns) -> tuple[Ids, Layout | None]:
        layout = self._layouts.find(batch.protocol, batch.keys)
        if layout is not None:
            return layout.ids, layout
        ids = self._numbers(batch.keys, batch.counts > 0)
        return ids, self._layouts.remember(batch.protocol, batch.keys, ids)

    def _numbers(self, keys: Sequence[bytes], needed: NDArray[np.bool_]) -> Ids:
        """The numbers of series on disk, known from now on; -1 where none is needed. Raises BadInput."""
        known = self._memory.index.known(PROTOCOL, keys)
        if None in known:
            wanted = needed.tolist()
            seen: dict[bytes, int] = {}
            for i, number in enumerate(known):
                if number is None and not wanted[i]:
                    known[i] = -1
                elif number is None:
                    found = seen.get(keys[i])
                    known[i] = seen[keys[i]] = self._number_of(keys[i]) if found is None else found
        return np.array(known, np.int64)

    def _number_of(self, key: bytes) -> int:
        labels = labels_of(key)
        number = self._memory.index.number(labels)
        number = self._memory.index.add(labels) if number is None else number
        self._memory.index.remember(PROTOCOL, key, number)
        return number

    def _replay(self, segment: Segment, *, last: bool) -> int:
        """Take a segment's records; returns the offset behind the last whole one."""
        end = 0
        for record, record_end in read(segment, last=last):
            try:
                batch = self._batch(record)
                rows, layout = self._rows_of(record, batch)
            except BadInput as error:
                raise Damaged(
                    f"{segment.path} holds a record before offset {record_end} that cannot be read: {error}; "
                    "put the file back from a backup, or move it away to go on without what it holds"
                ) from error
            self._memory.newest.grow(len(self._memory.index))
            self._memory.take(rows, record.accepted_at_ms, all_new=self._all_new(rows, layout))
            end = record_end
        torn = segment.path.stat().st_size - end
        if last and torn and end:
            _log.warning("torn end of the log cut off", file=str(segment.path), offset=end, bytes=torn)
        return end

    def _batch(self, record: Record) -> Columns:
        if record.protocol == columnar.PROTOCOL:
            return self._columns.columns(record.body)
        return decode(record.body, _NO_LIMITS)

    def _rows_of(self, record: Record, batch: Columns) -> tuple[Rows, Layout | None]:
        """The accepted rows, and their layout where it is known and each of its keys has one of them."""
        if not record.accepted:
            ids, layout = self._every_number(batch)
            once = len(batch.counts) and int(batch.counts.min()) == int(batch.counts.max()) == 1
            return Rows(of_rows(ids, batch.counts), batch.times, batch.values), layout if once else None
        accepted = np.unpackbits(np.frombuffer(record.accepted, np.uint8), count=len(batch.times)).astype(np.bool_)
        keys = np.repeat(np.arange(len(batch.keys)), batch.counts)[accepted]
        needed = np.zeros(len(batch.keys), np.bool_)
        needed[keys] = True  # the labels of a series that was refused may not be readable
        return Rows(self._numbers(batch.keys, needed)[keys], batch.times[accepted], batch.values[accepted]), None

    def _all_new(self, rows: Rows, layout: Layout | None) -> bool:
        """Whether it is plain that the rows rise within each series and are newer than what it has."""
        if layout is None or not layout.ascending(rows.times):
            return False
        return bool((rows.times > self._memory.newest.times[rows.series]).all())
