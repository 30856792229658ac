"""The store itself: log, head and blocks held together. Everything here is synchronous.

One thread appends, one writes blocks, one syncs the log, any thread asks. What they share is the `View`: frozen, replaced
whole, so that a query sees every sample exactly once while a part of the head becomes a block.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import structlog

from gwanje.errors import BadInput, Damaged, QueryLimit, StoreFull
from gwanje.keep.promql import Matcher, Selected
from gwanje.keep.samples.base import Appended
from gwanje.keep.samples.local import blocks, log
from gwanje.keep.samples.local.admission import NEVER, Bounds, Outcome, all_new, judge
from gwanje.keep.samples.local.head import Newest, View
from gwanje.keep.samples.local.index import Index
from gwanje.keep.samples.local.runs import Ids, Rows, Run, assemble, joined, merged, run_of
from gwanje.model import from_ms
from gwanje.wire.remote_write.decode import PROTOCOL, Limits, decode, labels_of
from gwanje.wire.remote_write.encode import body_of, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from numpy.typing import NDArray

    from gwanje.keep.samples.local import Settings
    from gwanje.wire.columns import Columns, Labels, Times, Values

_log = structlog.get_logger()

_STAGED_PARTS = 256
_STAGED_ROWS = 500_000
_RUN_ROWS = 2_000_000
_HOUSEKEEPING_MS = 10 * 60_000
_NO_LIMITS = Limits(body_bytes=1 << 31, samples=1 << 31)
_EVERYTHING = (-(1 << 63), (1 << 63) - 1)


@dataclass(slots=True)
class Named:
    """The series of a batch: their numbers (-1: refused), what was refused and why, and which spellings are new."""

    ids: Ids
    refused: Counter[str] = field(default_factory=Counter)
    problem: str = ""
    fresh: list[tuple[bytes, int]] = field(default_factory=list)
    added: int = 0


class Store:
    """Opens a folder, repairs a torn end of the log, and keeps samples until `close`. One process a folder."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Raise Damaged when a file does not hold what it should."""
        self._settings = settings
        self._blocks_folder, self._log_folder = folder / "blocks", folder / "log"
        for part in (self._blocks_folder, self._log_folder):
            part.mkdir(parents=True, exist_ok=True)
        self._index = Index()
        self._newest = Newest()
        self._cache = blocks.Cache(settings.cache_bytes)
        self._lock = threading.Lock()
        self._settling = threading.Lock()
        self._view = View()  # replaced under `_lock`; replaced runs and a head that leaves also under `_settling`
        self._totals: Counter[str] = Counter()
        self._generation = 2
        self._active = 0
        self._head_since_ms = self._now_ms = self._housekeeping_ms = NEVER
        self._leaving_until = 0
        """The last log segment of the head that leaves; 0 when none does. Changed under `_written`."""
        self._failing = False
        self._open_blocks()
        self._log = self._open_log()
        self._closing = threading.Event()
        self._work = threading.Event()
        self._written = threading.Condition()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._keep_synced, self._keep_house)]
        for thread in self._threads:
            thread.start()

    # --- writing ---------------------------------------------------------------------------------------------------------

    def append(self, batch: Columns, now_ms: int) -> tuple[Appended, int]:
        """Keep what can be kept; returns also the log's position for `synced`. From one thread at a time."""
        self._make_room()
        self._now_ms = max(self._now_ms, now_ms)
        count = len(self._index)
        named = self._named(batch)
        self._newest.grow(len(self._index))
        rows = Rows(_of_rows(named.ids, batch.counts), batch.times, batch.values)
        outcome = self._outcome(rows, batch.counts, named.ids, now_ms)
        accepted = rows if outcome is None else rows.at(outcome == Outcome.ACCEPTED)
        position = 0
        try:
            if len(accepted.times):
                position = self._log.write(self._record(batch, accepted, outcome, now_ms))
        except StoreFull:
            self._index.forget_since(count)
            raise
        for key, number in named.fresh:
            self._index.remember(batch.protocol, key, number)
        self._take(accepted, now_ms)
        self._leave_when_full(now_ms)
        return self._counted(batch, named, outcome, len(accepted.times), now_ms), position

    def synced(self, position: int) -> Future[None]:
        return self._log.synced(position)

    def write_block(self) -> None:
        """Write the whole head into a block now, and return when it stands there. Raises StoreFull when it could not."""
        self._wait_written()
        self._leave()
        if self._view.runs or self._view.staged:
            raise StoreFull(f"no new segment can be begun in {self._log_folder}; free some space, everything is still in the log")
        self._wait_written()

    def close(self) -> None:
        self._closing.set()
        self._work.set()
        self._log.dirty.set()
        for thread in self._threads:
            thread.join()
        self._log.close()

    # --- reading ---------------------------------------------------------------------------------------------------------

    def fetch(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Selected:
        """The samples of the series that all matchers take, `start_ms < time <= end_ms`; stale markers are among them."""
        view = self._settled()  # before the index: whatever stands in the view has its number by then
        ids = self._index.select(matchers)
        sources = view.sources(start_ms, end_ms) if len(ids) else []
        if not sources:
            return Selected([], np.zeros(1, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))
        self._limit(sum(source.count(ids) for source in sources if isinstance(source, blocks.Block)))
        parts = [source.select(ids, start_ms, end_ms) for source in sources]
        self._limit(sum(len(part.times) for part in parts))
        offsets, times, values = assemble(parts)
        there = offsets[1:] > offsets[:-1]
        return Selected(self._index.labels(ids[there]), np.append(0, offsets[1:][there]), times, values)

    def series(self, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int) -> list[Labels]:
        """The series that one of the selectors takes (all, when there is none) and that a source of the time range holds."""
        view = self._settled()
        every = [self._index.select(matchers) for matchers in selectors or [[]]]
        ids = reduce(np.union1d, every)
        there = np.zeros(len(ids), np.bool_)
        for source in view.sources(start_ms - 1, end_ms):
            there |= np.isin(ids, source.ids, assume_unique=True)
        return self._index.labels(ids[there])

    def own_samples(self) -> Mapping[str, float]:
        view = self._view
        return {
            "gwanje_store_series": len(self._index),
            "gwanje_store_active_series": self._active,
            "gwanje_store_head_samples": view.head_rows,
            "gwanje_store_head_bytes": view.head_bytes + sum(run.nbytes for run in view.leaving),
            "gwanje_store_blocks": len(view.blocks),
            "gwanje_store_block_samples": sum(block.rows for block in view.blocks),
            "gwanje_store_block_bytes": sum(block.nbytes for block in view.blocks),
            "gwanje_store_log_bytes": self._log.nbytes,
            "gwanje_store_log_unsynced_records": self._log.unsynced,
            **{
                f"gwanje_store_{what}_total": self._totals[what]
                for what in ("appended_samples", "duplicate_samples", "conflicting_samples", "refused_samples", "failed_blocks")
            },
        }

    # --- opening ---------------------------------------------------------------------------------------------------------

    def _open_blocks(self) -> None:
        opened = []
        for path in blocks.found(self._blocks_folder):
            keys, stretches = blocks.read_series(path)
            ids = self._numbers(keys, stretches.counts > 0)
            opened.append(blocks.open_block(path, ids, stretches.counts, self._cache))
            self._newest.grow(len(self._index))
            self._newest.take(Rows(ids, stretches.newest_ms, stretches.newest_values))
        self._view = View(blocks=tuple(opened))

    def _numbers(self, keys: Sequence[bytes], needed: NDArray[np.bool_]) -> Ids:
        """The numbers of series on disk, known from now on; -1 where none is needed. Raises BadInput."""
        known = self._index.known(PROTOCOL, keys)
        if None in known:
            wanted = needed.tolist()
            for i, number in enumerate(known):
                if number is None:
                    known[i] = self._number_of(keys[i]) if wanted[i] else -1
        return np.array(known, np.int64)

    def _number_of(self, key: bytes) -> int:
        labels = labels_of(key)
        number = self._index.number(labels)
        number = self._index.add(labels) if number is None else number
        self._index.remember(PROTOCOL, key, number)
        return number

    def _open_log(self) -> log.Log:
        covered = max((block.number for block in self._view.blocks), default=0)
        segments = log.segments(self._log_folder)
        for segment in segments:
            if segment.number <= covered:  # a crash came between the block's name and the end of its segments
                segment.path.unlink()
        left = [segment for segment in segments if segment.number > covered]
        size = 0
        for segment in left:
            size = self._replay(segment, last=segment is left[-1])
        number = left[-1].number if left else covered + 1
        return log.Log(self._log_folder, number=number, size=size, segment_bytes=self._settings.segment_bytes)

    def _replay(self, segment: log.Segment, *, last: bool) -> int:
        """Take a segment's records; returns the offset behind the last whole one."""
        end = 0
        for record, record_end in log.read(segment, last=last):
            try:
                batch = decode(record.body, _NO_LIMITS)
                rows = self._rows_of(record, batch)
            except BadInput as error:
                raise Damaged(
                    f"{segment.path} holds a record before offset {record_end} that cannot be read: {error}; "
                    "put the file back from a backup, or move it away to go on without what it holds"
                ) from error
            self._newest.grow(len(self._index))
            self._take(rows, record.accepted_at_ms)
            end = record_end
        torn = segment.path.stat().st_size - end
        if last and torn and end:
            _log.warning("torn end of the log cut off", file=str(segment.path), offset=end, bytes=torn)
        return end

    def _rows_of(self, record: log.Record, batch: Columns) -> Rows:
        if not record.accepted:
            return Rows(_of_rows(self._numbers(batch.keys, batch.counts > 0), batch.counts), batch.times, batch.values)
        accepted = np.unpackbits(np.frombuffer(record.accepted, np.uint8), count=len(batch.times)).astype(np.bool_)
        keys = np.repeat(np.arange(len(batch.keys)), batch.counts)[accepted]
        needed = np.zeros(len(batch.keys), np.bool_)
        needed[keys] = True  # the labels of a series that was refused may not be readable
        return Rows(self._numbers(batch.keys, needed)[keys], batch.times[accepted], batch.values[accepted])

    # --- the steps of an append ------------------------------------------------------------------------------------------

    def _make_room(self) -> None:
        """Wait for a block that is being written when the head is twice as full as it should be; StoreFull if that fails."""
        if self._leaving_until and self._view.head_bytes > 2 * self._settings.head_bytes:
            with self._written:
                self._written.wait_for(lambda: not self._leaving_until or self._failing, timeout=5)
            if self._leaving_until:
                raise StoreFull(
                    "the head is full and its block cannot be written yet; look for the reason in the log, then send again"
                )

    def _named(self, batch: Columns) -> Named:
        known = self._index.known(batch.protocol, batch.keys)
        named = Named(np.empty(0, np.int64))
        if None in known:
            counts = batch.counts.tolist()
            for i, number in enumerate(known):
                if number is None:
                    known[i] = self._newcomer(batch, batch.keys[i], counts[i], named)
        named.ids = np.array(known, np.int64)
        return named

    def _newcomer(self, batch: Columns, key: bytes, count: int, named: Named) -> int:
        """The number of a series whose spelling is new; -1 when it is refused or brings nothing."""
        if not count:
            return -1
        try:
            labels = batch.labels_of(key)
            number = self._index.number(labels)
            if number is None:
                reason, problem = self._over_limit(labels, named)
                if reason:
                    return _refused(named, reason, problem, count)
                number = self._index.add(labels)
                named.added += 1
        except BadInput as error:
            return _refused(named, "bad_labels", str(error), count)
        named.fresh.append((key, number))
        return number

    def _over_limit(self, labels: Labels, named: Named) -> tuple[str, str]:
        settings = self._settings
        if len(labels) > settings.labels:
            return "label_limit", f"{_shown(labels)} has {len(labels)} labels, {settings.labels} are allowed (setting `labels`)"
        for name, value in labels:
            if len(name) > settings.name_length:
                return (
                    "label_limit",
                    f"the label name {name[:40]}… has {len(name)} characters, {settings.name_length} are allowed",
                )
            if len(value) > settings.value_length:
                return "label_limit", f"the label {name!r} has {len(value)} characters, {settings.value_length} are allowed"
        if self._active + named.added >= settings.active_series:
            problem = f"{_shown(labels)} is new, and {settings.active_series} series are active already"
            return "series_limit", f"{problem}; send fewer, or raise the setting `active_series`"
        return "", ""

    def _outcome(self, rows: Rows, counts: NDArray[np.int64], ids: Ids, now_ms: int) -> NDArray[np.int8] | None:
        """What becomes of each row; None when all are accepted, which is seen without looking at each."""
        bounds = self._bounds(now_ms)
        if all_new(rows, self._newest.times, bounds, ascending=self._ascending(ids, counts, rows.times)):
            return None
        outcome = judge(rows, self._newest.times, self._newest.values, bounds, self._held)
        return outcome if outcome.any() else None

    def _ascending(self, ids: Ids, counts: NDArray[np.int64], times: Times) -> bool:
        """True when each series stands once, and its samples in order of time."""
        if not self._newest.each_once(ids):
            return False
        if not len(counts) or int(counts.max()) <= 1:
            return True
        rising = times[1:] > times[:-1]
        edges = np.cumsum(counts)[:-1]
        rising[edges[(edges > 0) & (edges < len(times))] - 1] = True
        return bool(rising.all())

    def _bounds(self, now_ms: int) -> Bounds:
        settings = self._settings
        return Bounds(now_ms - _ms(settings.retention), now_ms + _ms(settings.ahead), _ms(settings.out_of_order))

    def _held(self, series: Ids, times: Times) -> tuple[NDArray[np.bool_], Values]:
        view = self._settled()
        found, values = np.zeros(len(series), np.bool_), np.zeros(len(series), np.float64)
        for run in (*view.leaving, *view.runs):
            if run.start_ms <= int(times.max()) and run.end_ms >= int(times.min()):
                here, there = run.held(series, times)
                values = np.where(here & ~found, there, values)
                found |= here
        return found, values

    def _record(self, batch: Columns, accepted: Rows, outcome: NDArray[np.int8] | None, now_ms: int) -> log.Record:
        if batch.protocol != PROTOCOL:
            return log.Record(now_ms, PROTOCOL, b"", self._rewritten(accepted))
        bitmap = b"" if outcome is None else np.packbits(outcome == Outcome.ACCEPTED).tobytes()
        return log.Record(now_ms, PROTOCOL, bitmap, batch.body)

    def _rewritten(self, rows: Rows) -> bytes:
        """What came in another protocol, as remote write: the log knows one form."""
        labels = self._index.labels(rows.series)
        samples = zip(rows.times.tolist(), rows.values.tolist(), strict=True)
        return body_of((of, [sample]) for of, sample in zip(labels, samples, strict=True))

    def _take(self, rows: Rows, now_ms: int) -> None:
        """Make accepted samples part of the head: from here on queries see them."""
        if not len(rows.times):
            return
        self._now_ms = max(self._now_ms, now_ms)
        if not self._view.runs and not self._view.staged:
            self._head_since_ms = now_ms
        self._newest.take(rows)
        asleep = rows.series[self._newest.seen[rows.series] < self._generation - 1]
        self._active += len(np.unique(asleep))
        self._newest.seen[rows.series] = self._generation
        with self._lock:
            self._view = view = replace(self._view, staged=(*self._view.staged, rows))
        if len(view.staged) >= _STAGED_PARTS or sum(len(part.times) for part in view.staged) >= _STAGED_ROWS:
            self._settled()

    def _counted(self, batch: Columns, named: Named, outcome: NDArray[np.int8] | None, accepted: int, now_ms: int) -> Appended:
        totals = Counter([] if outcome is None else outcome.tolist())
        refused = Counter(named.refused)
        problem = named.problem
        for one, reason in ((Outcome.TOO_OLD, "too_old"), (Outcome.TOO_FAR_AHEAD, "too_far_ahead")):
            if outcome is not None and totals[one]:
                refused[reason] += totals[one]
                problem = problem or self._why(one, batch, named.ids, int(np.flatnonzero(outcome == one)[0]), now_ms)
        appended = Appended(accepted, totals[Outcome.DUPLICATE], totals[Outcome.CONFLICT], dict(refused), problem)
        self._totals["appended_samples"] += accepted
        self._totals["duplicate_samples"] += appended.duplicates
        self._totals["conflicting_samples"] += appended.conflicts
        self._totals["refused_samples"] += refused.total()
        return appended

    def _why(self, outcome: Outcome, batch: Columns, ids: Ids, row: int, now_ms: int) -> str:
        number = int(_of_rows(ids, batch.counts)[row])
        series, at_ms = _shown(self._index.labels(np.array([number]))[0]), int(batch.times[row])
        if outcome is Outcome.TOO_FAR_AHEAD:
            return f"{series} has a sample of {_instant(at_ms)}, the time here is {_instant(now_ms)}; set the sender's clock"
        if at_ms < self._bounds(now_ms).oldest_ms:
            return f"{series} has a sample of {_instant(at_ms)}, older than the retention (setting `retention`)"
        newest = _instant(int(self._newest.times[number]))
        return (
            f"{series} has a sample of {_instant(at_ms)}, its newest is of {newest}; "
            "send in order of time, or raise the setting `out_of_order`"
        )

    # --- the head --------------------------------------------------------------------------------------------------------

    def _settled(self) -> View:
        """The view with nothing staged: what came is sorted into the last run, small runs are merged."""
        with self._settling:
            view = self._view
            if not view.staged:
                return view
            runs = [*view.runs, run_of(joined(view.staged))]
            while len(runs) > 1 and _small(runs[-2], runs[-1]):
                runs[-2:] = [merged(runs[-2:])]
            with self._lock:
                staged = self._view.staged[len(view.staged) :]  # what came while we sorted
                self._view = replace(self._view, runs=tuple(runs), staged=staged)
                return replace(self._view, staged=())

    def _leave_when_full(self, now_ms: int) -> None:
        settings = self._settings
        full = self._view.head_bytes > settings.head_bytes or now_ms - self._head_since_ms > _ms(settings.block_span)
        if full and not self._leaving_until:
            self._leave()
        if self._now_ms - self._housekeeping_ms > _HOUSEKEEPING_MS:
            self._housekeeping_ms = self._now_ms
            self._work.set()

    def _leave(self) -> None:
        """Begin a new log segment and a new head; the old head is on its way into a block that covers the segments so far."""
        with self._settling:
            view = self._view
            runs = (*view.runs, run_of(joined(view.staged))) if view.staged else view.runs
            if not runs:
                return
            try:
                number = self._log.rotate()
            except OSError as error:
                _log.warning("no new log segment, the head stays", reason=str(error))
                return
            with self._written:
                self._leaving_until = number
            with self._lock:
                self._view = replace(self._view, leaving=runs, runs=(), staged=())
        self._generation += 1
        self._active = int(np.count_nonzero(self._newest.seen >= self._generation - 1))
        self._work.set()

    # --- the two other threads -------------------------------------------------------------------------------------------

    def _keep_synced(self) -> None:
        while not self._closing.is_set():
            self._log.dirty.wait()
            if self._settings.fsync == "every second":
                self._closing.wait(0.5)
            problem = "the log could not be brought to the disk; a power cut may lose what was accepted since"
            if not self._logged(self._log.sync, problem):
                self._closing.wait(1)
                self._log.dirty.set()

    def _keep_house(self) -> None:
        while not self._closing.is_set():
            self._work.wait(timeout=10 if self._leaving_until else None)  # a block that failed is tried again
            self._work.clear()
            self._logged(self._write_leaving, "the head could not be written into a block; it stays in memory and in the log")
            self._logged(self._drop_expired, "a block past its retention could not be deleted")

    def _logged(self, step: Callable[[], None], problem: str) -> bool:
        """Do the step; False when it failed. The thread lives on and tries again."""
        try:
            step()
        except (OSError, Damaged, pa.ArrowException) as error:
            with suppress(OSError):  # our own log may lie on the same full disk; this thread must live on
                _log.error(problem, reason=str(error))
            return False
        return True

    def _write_leaving(self) -> None:
        if not self._leaving_until:
            return
        runs = self._view.leaving
        ids = reduce(np.union1d, [run.ids for run in runs])
        labels = self._index.labels(ids)
        contents = blocks.Contents(runs, ids, labels, [key_of(one) for one in labels])
        try:
            path = blocks.write(self._blocks_folder, self._leaving_until, contents)
            _, stretches = blocks.read_series(path)
            block = blocks.open_block(path, ids, stretches.counts, self._cache)
        except (OSError, Damaged, pa.ArrowException):
            with self._written:
                self._failing = True
                self._totals["failed_blocks"] += 1
                self._written.notify_all()
            raise
        with self._lock:
            self._view = replace(self._view, blocks=(*self._view.blocks, block), leaving=())
        try:
            self._log.delete(block.number)
        finally:  # segments that stay are deleted with the next ones, or at the next start
            with self._written:
                self._leaving_until, self._failing = 0, False
                self._written.notify_all()

    def _drop_expired(self) -> None:
        oldest_ms = self._now_ms - _ms(self._settings.retention)
        expired = [block for block in self._view.blocks if block.end_ms < oldest_ms]
        with self._lock:
            left = tuple(block for block in self._view.blocks if block not in expired)
            self._view = replace(self._view, blocks=left)
        for block in expired:
            blocks.delete(block.path)

    def _wait_written(self) -> None:
        failed = self._totals["failed_blocks"]
        self._work.set()
        with self._written:
            self._written.wait_for(lambda: not self._leaving_until or self._totals["failed_blocks"] > failed)
        if self._leaving_until:
            raise StoreFull(
                f"no block could be written in {self._blocks_folder}; free some space, everything is still in the log"
            )

    def _limit(self, samples: int) -> None:
        if samples > self._settings.query_samples:
            raise QueryLimit(
                f"the query touches {samples} samples, {self._settings.query_samples} are allowed (setting `query_samples`); "
                "ask for fewer series or a shorter time"
            )


def _of_rows(ids: Ids, counts: NDArray[np.int64]) -> Ids:
    return ids if len(counts) and int(counts.min()) == int(counts.max()) == 1 else np.repeat(ids, counts)


def _small(before: Run, last: Run) -> bool:
    """Runs of like size are merged, so that there are few of them and no sample is moved often."""
    return len(before.times) < 2 * len(last.times) and len(before.times) + len(last.times) <= _RUN_ROWS


def _refused(named: Named, reason: str, problem: str, count: int) -> int:
    named.refused[reason] += count
    named.problem = named.problem or problem
    return -1


def _ms(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)


def _instant(at_ms: int) -> str:
    try:
        return from_ms(at_ms).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError):
        return f"{at_ms} ms"


def _shown(labels: Labels) -> str:
    text = "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"
    return text if len(text) <= 200 else text[:199] + "…"
