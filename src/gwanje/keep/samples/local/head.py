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

    def staged_in(self, after_ms: int, until_ms: int) -> list[Rows]:
        """What is staged and may hold samples of a time range."""
        return [part.rows for part in self.staged if part.end_ms > after_ms and part.start_ms <= until_ms]

    def sources(self, after_ms: int, until_ms: int, column: str = "last") -> list[Source]:
        """The sources that may hold samples of a time range; nothing may be staged any more.

        `column` is what rollups give in place of samples that are gone: `min`, `max`, `sum`, `count` or `last`.
        """
        every: list[Source] = [*stepped(self.rollups, column), *self.blocks, *self.leaving, *self.runs]
        return [source for source in every if source.end_ms > after_ms and source.start_ms <= until_ms]


@dataclass(slots=True)
class Newest:
    """The newest time and value of every series, and the generation of the head in which it was last seen.

    Beside it stands the sample before the newest, where that is known: a question about a moment that passed just now, as rules
    ask them, is answered by it when a newer sample came in between.
    """

    times: Times = field(default_factory=lambda: np.full(1024, NEVER, np.int64))
    values: Values = field(default_factory=lambda: np.zeros(1024, np.float64))
    seen: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1024, np.int64))
    _times_before: Times = field(default_factory=lambda: np.full(1024, NEVER, np.int64))
    _values_before: Values = field(default_factory=lambda: np.zeros(1024, np.float64))
    _marks: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1024, np.int64))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    """A time and its value change together."""

    def at(self, ids: Ids) -> tuple[Times, Values]:
        """The newest time and value of some series, at one moment; from any thread. NEVER where there is none yet."""
        with self._lock:
            return self._now(self.times, self.values, ids)

    def until(self, ids: Ids, end_ms: int) -> tuple[Times, Values, NDArray[np.bool_]]:
        """The last time and value of some series up to a moment, and of which of them that is not known here."""
        with self._lock:
            times, values = self._now(self.times, self.values, ids)
            late = times > end_ms
            if not late.any():
                return times, values, late
            before, values_before = self._now(self._times_before, self._values_before, ids)
        unknown = late & ((before == NEVER) | (before > end_ms))
        return np.where(late, before, times), np.where(late, values_before, values), unknown

    @staticmethod
    def _now(times: Times, values: Values, ids: Ids) -> tuple[Times, Values]:
        if not len(ids) or int(ids.max()) < len(times):
            return times[ids], values[ids]
        known = np.minimum(ids, len(times) - 1)
        return np.where(known == ids, times[known], NEVER), values[known]

    def forget(self, ids: Ids) -> None:
        """Nothing is known of these series any more."""
        with self._lock:
            self.times[ids], self._times_before[ids], self.seen[ids] = NEVER, NEVER, 0

    def grow(self, count: int) -> None:
        more = max(count, 2 * len(self.times)) - len(self.times)
        if count > len(self.times):
            self.times = np.append(self.times, np.full(more, NEVER, np.int64))
            self.values = np.append(self.values, np.zeros(more, np.float64))
            self._times_before = np.append(self._times_before, np.full(more, NEVER, np.int64))
            self._values_before = np.append(self._values_before, np.zeros(more, np.float64))
            self._marks = np.append(self._marks, np.zeros(more, np.int64))
            self.seen = np.append(self.seen, np.zeros(more, np.int64))

    def each_once(self, ids: Ids) -> bool:
        """True when no series stands twice: each finds its own mark again."""
        places = np.arange(len(ids))
        self._marks[ids] = places
        return bool((self._marks[ids] == places).all())

    def take(self, rows: Rows, *, all_new: bool = False, gaps: bool = False) -> None:
        """Note samples in any order; of one series the latest stays.

        `all_new` says that they rise within each series and are newer than what is here; `gaps`, that others lie between.
        """
        # Of an index that stands twice, numpy keeps what it assigns last: the latest time.
        if not all_new:
            newer = np.flatnonzero(rows.times > self.times[rows.series])
            if len(newer) < len(rows.times) or not self.each_once(rows.series):
                with self._lock:  # what came late may lie between the newest and the one before
                    self._times_before[rows.series] = NEVER
                gaps = True
                rows = rows.at(newer[np.argsort(rows.times[newer], kind="stable")])
        gaps = gaps or not self.each_once(rows.series)
        with self._lock:
            self._times_before[rows.series] = NEVER if gaps else self.times[rows.series]
            self._values_before[rows.series] = self.values[rows.series]
            self.times[rows.series], self.values[rows.series] = rows.times, rows.values
