"""The store's upkeep: a full head becomes blocks, in a thread of its own; another one merges blocks and lets old ones go."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import structlog

from gwanje import processors
from gwanje.errors import Damaged, StoreFull
from gwanje.keep.samples.local import making
from gwanje.keep.samples.local.admission import NEVER
from gwanje.keep.samples.local.behind import give_way
from gwanje.keep.samples.local.compaction import Closing, Compaction, held_back
from gwanje.keep.samples.local.forgetting import Forgetting
from gwanje.keep.samples.local.generations import Name
from gwanje.keep.samples.local.memory import in_ms
from gwanje.keep.samples.local.runs import joined, run_of, union

if TYPE_CHECKING:
    from collections.abc import Callable

    from gwanje.keep.samples.local.log import Log
    from gwanje.keep.samples.local.memory import Memory
    from gwanje.keep.samples.local.runs import Ids
    from gwanje.keep.samples.local.shelf import Shelf

_log = structlog.get_logger()

_HOUSEKEEPING_MS = 10 * 60_000
_POURING_S = 10.0
"""Samples pour in while a head is full sooner than this; where none leaves for as long, they do so no more."""
_REMEMBERED_SERIES = 50_000
"""Of more the names would take tens of megabytes."""


class _Head(NamedTuple):
    """The series of a head, of an index as it was."""

    revision: int
    ids: Ids
    series: making.Series


class Upkeep:
    """Lets the head leave when it is full. `keep_house` and `keep_compact` each run in a thread of their own until `close`."""

    def __init__(self, memory: Memory, log: Log, shelf: Shelf) -> None:
        self._memory = memory
        self._log = log
        self._shelf = shelf
        self._closing = threading.Event()
        self._compaction = Compaction(memory, shelf, self._closing)
        self._forgetting = Forgetting(memory)
        self._housekeeping_ms = NEVER
        self._leaving_until = 0
        """The last log segment of the head that leaves; 0 when none does. Changed under `_written`."""
        self._attempts = self._failed_attempt = 0
        """How often a head's block was begun, and which of those attempts was the last to fail. Changed under `_written`."""
        self._last_head: _Head | None = None
        self._work = threading.Event()
        self._compact = threading.Event()
        self._compacting = threading.Lock()
        self._pouring = False
        self.waiting = 0
        """How many blocks wait to be merged."""
        self._written = threading.Condition()

    def make_way(self, samples: int) -> None:
        """Hold so many samples back a little while blocks come faster than they are merged, as each takes memory until it is.

        Not while they cannot be merged, for then it would not help.
        """
        if self._compacting.locked() and (seconds := held_back(self.waiting, samples)):
            self._memory.totals["held_back_batches"] += 1
            self._closing.wait(seconds)

    def make_room(self) -> None:
        """Wait for a block that is being written when the head is half as full again as it should be; StoreFull if that fails.

        A block that failed is tried again now: there may be room since, and a sender should not have to wait for the next try.
        """
        if self._leaving_until and 2 * self._memory.view.head_bytes > 3 * self._memory.settings.head_bytes:
            attempts = self._attempts
            self._work.set()
            self._wait_written(attempts, timeout=5)
            if self._leaving_until:
                raise StoreFull(
                    "the head is full and its block cannot be written yet; look for the reason in the log, then send again"
                )

    def leave_when_full(self, now_ms: int) -> None:
        """After each append: begin a new head when this one is full or old, and look after the blocks now and then."""
        settings, age_ms = self._memory.settings, now_ms - self._memory.head_since_ms
        full = self._memory.view.head_bytes > settings.head_bytes or age_ms > in_ms(settings.block_span)
        if full and not self._leaving_until:
            self._pouring = age_ms < _POURING_S * 1000
            self._leave()
        self._forgetting.step()
        if self._memory.now_ms - self._housekeeping_ms > _HOUSEKEEPING_MS:
            self._housekeeping_ms = self._memory.now_ms
            self._compact.set()

    def write_block(self) -> None:
        """Write the whole head into a block now, and return when it stands there. Raises StoreFull when it could not."""
        attempts = self._attempts
        self._work.set()
        self._wait_written(attempts)
        if not self._leaving_until:
            attempts = self._attempts
            self._leave()
            if self._memory.view.runs or self._memory.view.staged:
                raise StoreFull(
                    f"no new segment can be begun in {self._log.folder}; free some space, everything is still in the log"
                )
            self._wait_written(attempts)
        if self._leaving_until:
            raise StoreFull(f"no block could be written in {self._shelf.folder}; free some space, everything is still in the log")

    def compact(self) -> None:
        """Merge, roll up and delete blocks now, as far as there is something to do. Raises OSError, Damaged or ArrowException."""
        self._pouring = False
        self._compact_some()

    def close(self) -> None:
        self._closing.set()
        self._work.set()
        self._compact.set()

    def keep_house(self) -> None:
        give_way()
        while not self._closing.is_set():
            self._work.wait(timeout=10 if self._leaving_until else None)  # a block that failed is tried again
            self._work.clear()
            logged(self._write_leaving, "the head could not be written into a block; it stays in memory and in the log")

    @processors.apart()
    def keep_compact(self) -> None:
        give_way()
        while not self._closing.is_set():
            if not self._compact.wait(_POURING_S if self._pouring else None):
                self._pouring = False
            self._compact.clear()
            if not logged(self._compact_some, "blocks could not be merged, rolled up or deleted; they stay as they are"):
                self._memory.totals["failed_compactions"] += 1

    def _compact_some(self) -> None:
        """While samples pour in only as much as must be: what is merged then takes the processors from those who send."""
        with self._compacting, suppress(Closing):
            while not self._closing.is_set() and self._compaction.step(pouring=self._pouring):
                self.waiting = self._compaction.waiting
            self._forgetting.look()

    def _leave(self) -> None:
        """Begin a new log segment and a new head; the old head is on its way into a block that covers the segments so far."""
        with self._memory.settling:
            view = self._memory.view
            runs = (*view.runs, run_of(joined([part.rows for part in view.staged]))) if view.staged else view.runs
            if not runs:
                return
            try:
                number = self._log.rotate()
            except OSError as error:
                _log.warning("no new log segment, the head stays", reason=str(error))
                return
            with self._written:
                self._leaving_until = number
            with self._memory.lock:
                self._memory.view = replace(self._memory.view, leaving=runs, runs=(), staged=())
        self._memory.generation += 1
        self._memory.active = int(np.count_nonzero(self._memory.newest.seen >= self._memory.generation - 1))
        self._work.set()

    def _write_leaving(self) -> None:
        if not self._leaving_until:
            return
        with self._written:
            self._attempts += 1
        runs = self._memory.view.leaving
        ids = union([run.ids for run in runs])
        series = self._series_of(ids)
        try:
            name = Name(self._leaving_until, 0)
            self._shelf.make(name, lambda folder: making.write_head(folder, runs, series), left=True)
        except (OSError, Damaged, pa.ArrowException):
            with self._written:
                self._failed_attempt = self._attempts
                self._memory.totals["failed_blocks"] += 1
                self._written.notify_all()
            raise
        self.waiting = self._compaction.waiting
        try:
            with self._shelf.standing_still:
                self._log.delete(name.number)
        finally:  # segments that stay are deleted with the next ones, or at the next start
            with self._written:
                self._leaving_until = 0
                self._written.notify_all()
        self._compact.set()

    def _series_of(self, ids: Ids) -> making.Series:
        """The series of a head by their names; mostly they are those of the head before."""
        index, last = self._memory.index, self._last_head
        if last is not None and last.revision == index.revision and np.array_equal(last.ids, ids):
            return last.series
        revision = index.revision  # before the names: what is named anew meanwhile belongs to the next one
        series = making.series_of_labels(ids, index.labels(ids))
        self._last_head = _Head(revision, ids, series) if len(ids) <= _REMEMBERED_SERIES else None
        return series

    def _wait_written(self, attempts: int, timeout: float | None = None) -> None:
        """Return when no head is leaving any more, an attempt after these `attempts` has failed, or `timeout` seconds passed."""
        with self._written:
            self._written.wait_for(lambda: not self._leaving_until or self._failed_attempt > attempts, timeout)


def logged(step: Callable[[], None], problem: str) -> bool:
    """Do the step; False when it failed. The thread lives on and tries again."""
    try:
        step()
    except (OSError, Damaged, pa.ArrowException) as error:
        with suppress(OSError):  # our own log may lie on the same full disk; this thread must live on
            _log.error(problem, reason=str(error))
        return False
    return True
