"""The head: what lies in memory, and the newest sample of every series."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gwanje.keep.samples.local.admission import NEVER
from gwanje.keep.samples.local.runs import BYTES_OF_SAMPLE, Ids, Rows, Run, Source
from gwanje.keep.samples.local.stepped import stepped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gwanje.keep.samples.local.blocks import Block
    from gwanje.wire.columns import Times, Values


class Staged(NamedTuple):
    """Samples as they came, and the first and last of their times."""

    rows: Rows
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class View:
    """What queries read, at one moment; sources named first win where two hold the same time."""

    rollups: tuple[Block, ...] = ()
    blocks: tuple[Block, ...] = ()
    leaving: tuple[Run, ...] = ()
    """The part of the head that is being written into a block."""
    runs: tuple[Run, ...] = ()
    staged: tuple[Staged, ...] = ()
    """The newest samples as they came."""

    @property
    def head_bytes(self) -> int:
        return sum(run.nbytes for run in self.runs) + self.staged_rows * (BYTES_OF_SAMPLE + 8)

    @property
    def head_rows(self) -> int:
        return sum(len(run.times) for run in (*self.leaving, *self.runs)) + self.staged_rows

    @property
    def staged_rows(self) -> int:
        return sum(len(part.rows.times) for part in self.staged)

    def sources(self, after_ms: int, until_ms: int, column: str = "last") -> list[Source]:
        """The sources that may hold samples of a time range; nothing may be staged any more.

        `column` is what rollups give in place of samples that are gone: `min`, `max`, `sum`, `count` or `last`.
        """
        every: list[Source] = [*stepped(self.rollups, column), *self.blocks, *self.leaving, *self.runs]
        return [source for source in every if source.end_ms > after_ms and source.start_ms <= until_ms]


@dataclass(slots=True)
class Newest:
    """The newest time and value of every series, and the generation of the head in which it was last seen."""

    times: Times = field(default_factory=lambda: np.full(1024, NEVER, np.int64))
    values: Values = field(default_factory=lambda: np.zeros(1024, np.float64))
    seen: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1024, np.int64))

    _marks: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1024, np.int64))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    """A time and its value change together."""

    def at(self, ids: Ids) -> tuple[Times, Values]:
        """The newest time and value of some series, at one moment; from any thread. NEVER where there is none yet."""
        with self._lock:
            if not len(ids) or int(ids.max()) < len(self.times):
                return self.times[ids], self.values[ids]
            known = np.minimum(ids, len(self.times) - 1)
            return np.where(known == ids, self.times[known], NEVER), self.values[known]

    def grow(self, count: int) -> None:
        more = max(count, 2 * len(self.times)) - len(self.times)
        if count > len(self.times):
            self.times = np.append(self.times, np.full(more, NEVER, np.int64))
            self.values = np.append(self.values, np.zeros(more, np.float64))
            self._marks = np.append(self._marks, np.zeros(more, np.int64))
            self.seen = np.append(self.seen, np.zeros(more, np.int64))

    def each_once(self, ids: Ids) -> bool:
        """True when no series stands twice: each finds its own mark again."""
        places = np.arange(len(ids))
        self._marks[ids] = places
        return bool((self._marks[ids] == places).all())

    def take(self, rows: Rows, *, all_new: bool = False) -> None:
        """Note samples in any order; of one series the latest stays.

        `all_new` says that they rise within each series and are newer than what is here.
        """
        # Of an index that stands twice, numpy keeps what it assigns last: the latest time.
        if not all_new:
            newer = np.flatnonzero(rows.times > self.times[rows.series])
            if len(newer) < len(rows.times) or not self.each_once(rows.series):
                rows = rows.at(newer[np.argsort(rows.times[newer], kind="stable")])
        with self._lock:
            self.times[rows.series], self.values[rows.series] = rows.times, rows.values
