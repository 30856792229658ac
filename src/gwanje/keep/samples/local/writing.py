"""Appending: a batch's series get their numbers, its samples are judged, logged, and become part of the head."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gwanje.errors import BadInput, StoreFull
from gwanje.keep.samples.base import Appended
from gwanje.keep.samples.local import columnar, log
from gwanje.keep.samples.local.admission import Bounds, Outcome, all_new, judge
from gwanje.keep.samples.local.layouts import Layout, Layouts
from gwanje.keep.samples.local.memory import in_ms
from gwanje.keep.samples.local.runs import Ids, Rows, of_rows
from gwanje.model import from_ms
from gwanje.wire.remote_write.decode import PROTOCOL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gwanje.keep.samples.local.memory import Memory
    from gwanje.keep.samples.local.upkeep import Upkeep
    from gwanje.wire.columns import Columns, Labels, Times, Values


@dataclass(slots=True)
class Named:
    """The series of a batch: their numbers (-1: refused), what was refused and why, and which spellings are new."""

    ids: Ids
    refused: Counter[str] = field(default_factory=Counter)
    problem: str = ""
    fresh: list[tuple[bytes, int]] = field(default_factory=list)
    added: int = 0
    layout: Layout | None = None


class Writer:
    """Appends, from one thread at a time."""

    def __init__(self, memory: Memory, log_: log.Log, upkeep: Upkeep) -> None:
        self._memory = memory
        self._log = log_
        self._upkeep = upkeep
        self._columns = columnar.ColumnsWriter(memory.index)
        self._layouts = Layouts(memory.index)

    def append(self, batch: Columns, now_ms: int) -> tuple[Appended, int]:
        """Keep what can be kept; returns also the log's position for `synced`. From one thread at a time."""
        self._upkeep.make_way(len(batch.times))
        self._upkeep.make_room()
        self._memory.now_ms = max(self._memory.now_ms, now_ms)
        self._memory.index.begin_batch()
        named = self._named(batch)
        self._memory.newest.grow(len(self._memory.index))
        rows = Rows(of_rows(named.ids, batch.counts), batch.times, batch.values)
        outcome, newer = self._outcome(rows, batch.counts, named, now_ms)
        accepted = rows if outcome is None else rows.at(outcome == Outcome.ACCEPTED)
        position = 0
        try:
            if len(accepted.times):
                position = self._log.write(self._record(batch, accepted, outcome, now_ms))
        except StoreFull:
            self._memory.index.forget_batch()
            raise
        for key, number in named.fresh:
            self._memory.index.remember(batch.protocol, key, number)
        self._memory.take(accepted, now_ms, all_new=newer)
        self._upkeep.leave_when_full(now_ms)
        return self._counted(batch, named, outcome, len(accepted.times), now_ms), position

    def _named(self, batch: Columns) -> Named:
        layout = self._layouts.find(batch.protocol, batch.keys)
        if layout is not None:
            return Named(layout.ids, layout=layout)
        known = self._memory.index.known(batch.protocol, batch.keys)
        named = Named(np.empty(0, np.int64))
        every = None not in known
        if not every:
            counts = batch.counts.tolist()
            seen: dict[bytes, int] = {}
            for i, number in enumerate(known):
                if number is not None:
                    continue
                key = batch.keys[i]
                found = seen[key] if key in seen else self._newcomer(batch, key, counts[i], named)
                if found >= 0:  # what is refused is counted each time
                    seen[key] = found
                known[i] = found
        named.ids = np.array(known, np.int64)
        if every:
            named.layout = self._layouts.remember(batch.protocol, batch.keys, named.ids)
        return named

    def _newcomer(self, batch: Columns, key: bytes, count: int, named: Named) -> int:
        """The number of a series whose spelling is new; -1 when it is refused or brings nothing."""
        if not count:
            return -1
        try:
            labels = batch.labels_of(key)
            number = self._memory.index.number(labels)
            if number is None:
                reason, problem = self._over_limit(labels, named)
                if reason:
                    return _refused(named, reason, problem, count)
                number = self._memory.index.add(labels)
                named.added += 1
        except BadInput as error:
            return _refused(named, "bad_labels", str(error), count)
        named.fresh.append((key, number))
        return number

    def _over_limit(self, labels: Labels, named: Named) -> tuple[str, str]:
        settings = self._memory.settings
        if len(labels) > settings.labels:
            return "label_limit", f"{_shown(labels)} has {len(labels)} labels, {settings.labels} are allowed (setting `labels`)"
        for name, value in labels:
            if len(name) > settings.name_length:
                problem = f"the label name {name[:40]}… has {len(name)} characters, {settings.name_length} are allowed"
                return "label_limit", f"{problem} (setting `name_length`)"
            if len(value) > settings.value_length:
                problem = f"the label {name!r} has {len(value)} characters, {settings.value_length} are allowed"
                return "label_limit", f"{problem} (setting `value_length`)"
        if self._memory.active + named.added >= settings.active_series:
            problem = f"{_shown(labels)} is new, and {settings.active_series} series are active already"
            return "series_limit", f"{problem}; send fewer, or raise the setting `active_series`"
        return "", ""

    def _outcome(self, rows: Rows, counts: NDArray[np.int64], named: Named, now_ms: int) -> tuple[NDArray[np.int8] | None, bool]:
        """What becomes of each row, None when all are accepted; and whether all are plainly newer than what was there."""
        bounds = self._bounds(now_ms)
        if all_new(rows, self._memory.newest.times, bounds, ascending=self._ascending(named, counts, rows.times)):
            return None, True
        outcome = judge(rows, self._memory.newest.times, self._memory.newest.values, bounds, self._held)
        return (outcome if outcome.any() else None), False

    def _ascending(self, named: Named, counts: NDArray[np.int64], times: Times) -> bool:
        """True when the samples of each series stand in order of time."""
        if named.layout is not None and len(times) == len(counts) and int(counts.min()) == 1:
            return named.layout.ascending(times)
        if not self._memory.newest.each_once(named.ids):
            return False
        if not len(counts) or int(counts.max()) <= 1:
            return True
        rising = times[1:] > times[:-1]
        edges = np.cumsum(counts)[:-1]
        rising[edges[(edges > 0) & (edges < len(times))] - 1] = True
        return bool(rising.all())

    def _bounds(self, now_ms: int) -> Bounds:
        settings = self._memory.settings
        return Bounds(now_ms - in_ms(settings.retention), now_ms + in_ms(settings.ahead), in_ms(settings.out_of_order))

    def _held(self, series: Ids, times: Times) -> tuple[NDArray[np.bool_], Values]:
        view = self._memory.settled()
        found, values = np.zeros(len(series), np.bool_), np.zeros(len(series), np.float64)
        for run in (*view.leaving, *view.runs):
            if run.start_ms <= int(times.max()) and run.end_ms >= int(times.min()):
                here, there = run.held(series, times)
                values = np.where(here & ~found, there, values)
                found |= here
        return found, values

    def _record(self, batch: Columns, accepted: Rows, outcome: NDArray[np.int8] | None, now_ms: int) -> log.Record:
        if batch.protocol != PROTOCOL:
            return log.Record(now_ms, columnar.PROTOCOL, b"", self._columns.body(accepted))
        bitmap = b"" if outcome is None else np.packbits(outcome == Outcome.ACCEPTED).tobytes()
        return log.Record(now_ms, PROTOCOL, bitmap, batch.body)

    def _counted(self, batch: Columns, named: Named, outcome: NDArray[np.int8] | None, accepted: int, now_ms: int) -> Appended:
        totals = Counter([] if outcome is None else outcome.tolist())
        refused = Counter(named.refused)
        problem = named.problem
        for one, reason in ((Outcome.TOO_OLD, "too_old"), (Outcome.TOO_FAR_AHEAD, "too_far_ahead")):
            if outcome is not None and totals[one]:
                refused[reason] += totals[one]
                problem = problem or self._why(one, batch, named.ids, int(np.flatnonzero(outcome == one)[0]), now_ms)
        appended = Appended(accepted, totals[Outcome.DUPLICATE], totals[Outcome.CONFLICT], dict(refused), problem)
        self._memory.totals["appended_samples"] += accepted
        self._memory.totals["duplicate_samples"] += appended.duplicates
        self._memory.totals["conflicting_samples"] += appended.conflicts
        self._memory.totals["refused_samples"] += refused.total()
        return appended

    def _why(self, outcome: Outcome, batch: Columns, ids: Ids, row: int, now_ms: int) -> str:
        number = int(of_rows(ids, batch.counts)[row])
        series, at_ms = _shown(self._memory.index.labels(np.array([number]))[0]), int(batch.times[row])
        if outcome is Outcome.TOO_FAR_AHEAD:
            return f"{series} has a sample of {_instant(at_ms)}, the time here is {_instant(now_ms)}; set the sender's clock"
        if at_ms < self._bounds(now_ms).oldest_ms:
            return f"{series} has a sample of {_instant(at_ms)}, older than the retention (setting `retention`)"
        newest = _instant(int(self._memory.newest.times[number]))
        return (
            f"{series} has a sample of {_instant(at_ms)}, its newest is of {newest}; "
            "send in order of time, or raise the setting `out_of_order`"
        )


def _refused(named: Named, reason: str, problem: str, count: int) -> int:
    named.refused[reason] += count
    named.problem = named.problem or problem
    return -1


def _instant(at_ms: int) -> str:
    try:
        return from_ms(at_ms).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError):
        return f"{at_ms} ms"


def _shown(labels: Labels) -> str:
    text = "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"
    return text if len(text) <= 200 else text[:199] + "…"
