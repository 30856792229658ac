"""The write-ahead log: what was accepted, as it came, before it was answered.

Segments `0000000001.log`, … of a fixed size hold records one after another: a header, a bitmap of the accepted rows where
not all of them were, and the body. A record is whole when its two checksums say so.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from gwanje.errors import Damaged, StoreFull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAGIC = b"gwanjeL1"
_HEADER = struct.Struct(
    "<HHIIqI"
)  # kind, length of the protocol's name, of the bitmap, of the body, accepted at, CRC of the rest
_CHECKED = struct.Struct("<I")  # CRC of the header
_HEADER_BYTES = _HEADER.size + _CHECKED.size
_BODY = 1


class Record(NamedTuple):
    """One accepted batch. `accepted` is a bitmap of its rows, empty when all were."""

    accepted_at_ms: int
    protocol: str
    accepted: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Segment:
    number: int
    path: Path


def segments(folder: Path) -> list[Segment]:
    """The log's segments, oldest first. Raises Damaged when one is missing between two others."""
    found = sorted((Segment(int(path.stem), path) for path in folder.glob("*.log")), key=lambda segment: segment.number)
    for before, after in pairwise(found):
        if after.number != before.number + 1:
            raise Damaged(
                f"{folder}: the log's segments between {before.path.name} and {after.path.name} are missing; "
                "put them back, or move the later ones away to go on without what they hold"
            )
    return found


def read(segment: Segment, *, last: bool) -> Iterator[tuple[Record, int]]:
    """Each record of a segment, with the offset where it ends. Of the last segment a torn last record is left out.

    Raises Damaged for anything else that is not whole.
    """
    data = segment.path.read_bytes()
    if len(data) < len(_MAGIC) and last and _MAGIC.startswith(data.rstrip(b"\0")):
        return
    if not data.startswith(_MAGIC):
        if last and not data.strip(b"\0"):
            return
        raise _damaged(segment, 0, "does not begin like a log of gwanje")
    at = len(_MAGIC)
    while at < len(data):
        record, end, problem = _record(data, at)
        if record is None:
            if last and (end >= len(data) or not data[at:].strip(b"\0")):
                return
            raise _damaged(segment, at, problem)
        yield record, end
        at = end


def _record(data: bytes, at: int) -> tuple[Record | None, int, str]:
    """The record at an offset and where it ends; None, where it should end, and what is wrong."""
    body_at = at + _HEADER_BYTES
    header = data[at : at + _HEADER.size]
    if body_at > len(data):
        return None, len(data), "ends in the middle of a record's header"
    if _CHECKED.unpack_from(data, at + _HEADER.size)[0] != zlib.crc32(header):
        return None, at, "holds a record whose header does not fit its checksum"
    kind, name_bytes, bitmap_bytes, body_bytes, accepted_at_ms, checksum = _HEADER.unpack(header)
    bitmap_at = body_at + name_bytes
    payload_at, end = bitmap_at + bitmap_bytes, bitmap_at + bitmap_bytes + body_bytes
    if end > len(data):
        return None, end, "ends in the middle of a record"
    if zlib.crc32(data[body_at:end]) != checksum:
        return None, end, "holds a record that does not fit its checksum"
    if kind != _BODY:
        return None, at, f"holds a record of kind {kind}, which this version of gwanje does not know"
    return Record(accepted_at_ms, data[body_at:bitmap_at].decode(), data[bitmap_at:payload_at], data[payload_at:end]), end, ""


def _damaged(segment: Segment, offset: int, problem: str) -> Damaged:
    return Damaged(
        f"{segment.path} {problem} at offset {offset}; put the file back from a backup, "
        f"or cut it there to go on without what follows: truncate -s {offset} {segment.path}"
    )


class Log:
    """The open end of the log. One thread writes; any thread may call `sync`."""

    def __init__(self, folder: Path, *, number: int, size: int, segment_bytes: int) -> None:
        """Open segment `number` to go on at `size`: 0 begins it anew."""
        self.folder = folder
        self._segment_bytes = segment_bytes
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._closing: list[int] = []
        self._waiting: list[tuple[int, Future[None]]] = []
        self._written = 0
        self._synced = 0
        self._half = False
        self.dirty = threading.Event()
        self.number = number
        self._file, self._size = self._opened(number, size)
        self._sizes = {segment.number: segment.path.stat().st_size for segment in segments(folder)}

    @property
    def nbytes(self) -> int:
        return sum(self._sizes.copy().values())

    @property
    def unsynced(self) -> int:
        """Records that a power cut would lose now."""
        return self._written - self._synced

    def write(self, record: Record) -> int:
        """Write one record; returns the position to give to `synced`. Raises StoreFull; then nothing of it is kept."""
        name = record.protocol.encode()
        payload = b"".join((name, record.accepted, record.body))
        header = _HEADER.pack(
            _BODY, len(name), len(record.accepted), len(record.body), record.accepted_at_ms, zlib.crc32(payload)
        )
        try:
            self._cut_half_written()
            if self._size > len(_MAGIC) and self._size + _HEADER_BYTES + len(payload) > self._segment_bytes:
                self.rotate()
            self._half = True
            _write_all(self._file, header + _CHECKED.pack(zlib.crc32(header)) + payload)
        except OSError as error:
            self._try_to_cut()
            raise StoreFull(
                f"the log in {self.folder} cannot be written ({error.strerror}); free some space, nothing of the batch was kept"
            ) from error
        self._half = False
        self._size += _HEADER_BYTES + len(payload)
        self._sizes[self.number] = self._size
        with self._lock:
            self._written += 1
            self.dirty.set()
            return self._written

    def rotate(self) -> int:
        """Begin the next segment; returns the number of the one that ended. OSError leaves everything as it was."""
        file, size = self._opened(self.number + 1, 0)
        with self._lock:
            self._closing.append(self._file)
            self._file, self._size = file, size
            self.dirty.set()
        ended, self.number = self.number, self.number + 1
        self._sizes[self.number] = size
        return ended

    def synced(self, position: int) -> Future[None]:
        """Done when everything up to a position has reached the disk."""
        future: Future[None] = Future()
        with self._lock:
            if position <= self._synced:
                future.set_result(None)
            else:
                self._waiting.append((position, future))
        return future

    def sync(self) -> None:
        """Bring everything written so far to the disk: one wait for all who wait."""
        with self._syncing:
            with self._lock:
                self.dirty.clear()
                position, ended, file = self._written, list(self._closing), self._file
            error = _sync_all([*ended, file])
            for old in ended:
                os.close(old)
            with self._lock:
                self._closing = [one for one in self._closing if one not in ended]
                done = [future for until, future in self._waiting if until <= position]
                self._waiting = [(until, future) for until, future in self._waiting if until > position]
                self._synced = self._synced if error else position
        for future in done:
            _finish(future, error)
        if error is not None:
            raise error

    def delete(self, until: int) -> None:
        """Delete the segments up to a number: a block holds what they held."""
        for segment in segments(self.folder):
            if segment.number <= until:
                segment.path.unlink()
                self._sizes.pop(segment.number, None)

    def cut(self) -> tuple[int, int]:
        """The segment that is written now, and up to where it holds whole records. From any thread."""
        number = self.number
        return number, self._sizes.get(number, 0)

    def close(self) -> None:
        self.sync()
        os.close(self._file)

    def _opened(self, number: int, size: int) -> tuple[int, int]:
        path = self.folder / f"{number:010d}.log"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(file, size)
            os.lseek(file, size, os.SEEK_SET)
            if not size:
                _write_all(file, _MAGIC)
            sync_folder(self.folder)
        except OSError:
            os.close(file)
            if not size:
                path.unlink()
            raise
        return file, size or len(_MAGIC)

    def _cut_half_written(self) -> None:
        """Take back what a failed write left; until that works nothing can be written behind it."""
        if self._half:
            os.ftruncate(self._file, self._size)
            os.lseek(self._file, self._size, os.SEEK_SET)
            self._half = False

    def _try_to_cut(self) -> None:
        try:
            self._cut_half_written()
        except OSError:
            self._half = True  # the next write tries again


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable: created, renamed, removed."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _finish(future: Future[None], error: OSError | None) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(StoreFull(f"the log could not be brought to the disk ({error.strerror})"))


def _sync_all(files: list[int]) -> OSError | None:
    """The first error; the files after it are synced all the same."""
    first: OSError | None = None
    for file in files:
        try:
            os.fsync(file)
        except OSError as error:
            first = first or error
    return first
