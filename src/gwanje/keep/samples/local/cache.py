"""What stays in memory of the blocks read last: columns of row groups, and footers; bounded by bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gwanje.keep.samples.local.packed import Packed

if TYPE_CHECKING:
    from gwanje.wire.columns import Times, Values

_CHUNK_BYTES = 900
"""What the parsed description of one column of one row group takes, measured."""


@dataclass(frozen=True, slots=True, eq=False)
class Footer:
    """A file's parsed footer: too large to keep for every block, as it grows with the samples in it."""

    metadata: Any

    @property
    def nbytes(self) -> int:
        return int(self.metadata.num_row_groups * self.metadata.num_columns * _CHUNK_BYTES)


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """The columns of a row group as they are: for who reads a block once, series by series, and soon lets it go."""

    times: Times
    values: Values

    @property
    def nbytes(self) -> int:
        return self.times.nbytes + self.values.nbytes

    def columns(self) -> tuple[Times, Values]:
        return self.times, self.values


Held = Packed | Plain | Footer


class Cache:
    """Keys are a block, a column and a row group; a footer has no column. For several threads."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held: OrderedDict[tuple[int, str, int], Held] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        return self._bytes

    def get(self, key: tuple[int, str, int]) -> Held | None:
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found

    def put(self, key: tuple[int, str, int], found: Held) -> None:
        with self._lock:
            if key in self._held:
                return
            self._held[key] = found
            self._bytes += found.nbytes
            while self._bytes > self._limit:
                self._bytes -= self._held.popitem(last=False)[1].nbytes
