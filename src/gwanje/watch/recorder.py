"""Recording rules as a loop: ask, and store the answer as samples of the instant that was asked about.

Apart from the round, so that a slow recording never holds up an alert.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import structlog

from gwanje.carry.ingest import Ingest
from gwanje.errors import GwanjeError
from gwanje.judge.rules.recording import Recording, recorded
from gwanje.keep.samples.base import Columns, Labels, Queryable
from gwanje.model import STALE, to_ms
from gwanje.watch.instants import due, until_next
from gwanje.wire.remote_write.decode import labels_of
from gwanje.wire.remote_write.encode import key_of

PROTOCOL: Final = "recording"
"""By which its batches are told from those of other protocols: a key is the labels as remote write spells them."""

_TICK: Final = timedelta(seconds=1)
_LONGEST_QUERY: Final = timedelta(seconds=30)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recorded:
    """How a recording rule went at its last instant. `failed` says why nothing was recorded."""

    recording: Recording
    at: datetime
    seconds: float
    failed: str = ""


class Recorder:
    """Asks every recording rule at multiples of its interval. A series that an answer no longer has gets a stale marker."""

    def __init__(
        self, recordings: Iterable[Recording], samples: Queryable, ingest: Ingest, *, clock: Callable[[], datetime]
    ) -> None:
        self._recordings = {one.record: one for one in recordings}
        self._samples = samples
        self._ingest = ingest
        self._clock = clock
        self._asked: dict[str, datetime] = {}
        self._present: dict[str, dict[Labels, bytes]] = defaultdict(dict)
        self._latest: dict[str, Recorded] = {}
        self._counts: Counter[str] = Counter()
        self._seconds: dict[str, float] = defaultdict(float)

    async def run(self) -> None:
        """Do what is due, once a second, until cancelled. Another process may have recorded before: it begins with the newest."""
        self._asked.clear()
        self._present.clear()
        while True:
            await self.once(self._clock())
            await asyncio.sleep(until_next(self._clock(), _TICK))

    async def once(self, now: datetime) -> None:
        """Record what is due, in order of time."""
        for recording in self._recordings.values():
            for at in due(recording.interval, self._asked.get(recording.record), now):
                await self._record(recording, at)
                self._asked[recording.record] = at

    def latest(self) -> Mapping[str, Recorded]:
        """How each recording rule went last, by its metric's name; nothing of those that were not asked yet."""
        return dict(self._latest)

    def own_samples(self) -> Mapping[str, float]:
        """Figures of each recording rule."""
        found: dict[str, float] = {}
        for name in self._recordings:
            label = f'{{record="{name}"}}'
            found[f"gwanje_recording_evaluations_total{label}"] = float(self._counts[name])
            found[f"gwanje_recording_errors_total{label}"] = float(self._counts[f"{name} failed"])
            found[f"gwanje_recording_seconds_total{label}"] = self._seconds[name]
            found[f"gwanje_recording_series{label}"] = float(len(self._present[name]))
        return found

    async def _record(self, recording: Recording, at: datetime) -> None:
        started, failed, name = time.monotonic(), "", recording.record
        try:
            async with asyncio.timeout(_LONGEST_QUERY.total_seconds()):
                answer = await self._samples.instant(recording.expr, to_ms(at))
            batch = self._batch(name, recorded(recording, answer), to_ms(at))
            if len(batch.keys):
                await self._ingest.accept_columns(batch)
        except (GwanjeError, TimeoutError) as error:
            failed = str(error) or f"no answer within {_LONGEST_QUERY.total_seconds():g} s"
        self._note(Recorded(recording, at, time.monotonic() - started, failed))

    def _note(self, told: Recorded) -> None:
        name, before = told.recording.record, self._latest.get(told.recording.record)
        self._counts[name] += 1
        self._counts[f"{name} failed"] += bool(told.failed)
        self._seconds[name] += told.seconds
        if told.failed and (before is None or before.failed != told.failed):
            log.error("recording rule not evaluated", record=name, reason=told.failed)
        self._latest[name] = told

    def _batch(self, name: str, found: Mapping[Labels, float], at_ms: int) -> Columns:
        """The samples of one answer, and a stale marker for what was there before and is not any more."""
        before = self._present[name]
        present = {labels: before.get(labels) or key_of(labels) for labels in found}
        gone = [key for labels, key in before.items() if labels not in present]
        self._present[name] = present
        keys = [*present.values(), *gone]
        values = np.array([*found.values(), *[STALE] * len(gone)], np.float64)
        times = np.full(len(keys), at_ms, np.int64)
        return Columns(PROTOCOL, b"", keys, np.ones(len(keys), np.int64), times, values, labels_of)
