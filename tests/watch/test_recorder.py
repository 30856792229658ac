"""The recorder as a loop: what it asks and stores, and what it does when a query fails."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from gwanje.carry.ingest import Ingest
from gwanje.errors import QueryLimit
from gwanje.judge.rules.recording import Recording
from gwanje.keep.samples.base import Answer, Appended, Columns
from gwanje.model import to_ms
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.recorder import Recorder

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
RULE = Recording(record="used", expr="1 - free", interval=timedelta(seconds=5))


class Kept(MemorySamples):
    """A store that takes columns too, and fails when it is told to."""

    broken = False

    async def append_columns(self, batch: Columns) -> None:
        for key, at_ms, value in zip(batch.keys, batch.times.tolist(), batch.values.tolist(), strict=True):
            labels = dict(batch.labels_of(key))
            self.append(labels.pop("__name__"), labels, value, at_ms)

    async def instant(self, query: str, at_ms: int) -> Answer:
        if self.broken:
            raise QueryLimit("too much")
        return await super().instant(query, at_ms)


class Door(Ingest):
    """The way into the store, without its counting."""

    def __init__(self, samples: Kept) -> None:
        self._kept = samples

    async def accept_columns(self, columns: Columns) -> Appended:
        await self._kept.append_columns(columns)
        return Appended(len(columns.keys))


def _recorder(samples: Kept) -> Recorder:
    return Recorder([RULE], samples, Door(samples), clock=lambda: NOW)


def _at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def _free(samples: Kept, hosts: Mapping[str, float], seconds: float) -> None:
    for host, value in hosts.items():
        samples.append("free", {"host": host}, value, to_ms(_at(seconds)))


def _used(samples: Kept, host: str) -> list[tuple[int, float]]:
    return samples.kept.get((("__name__", "used"), ("host", host)), [])


async def test_the_answer_is_stored_at_the_instant_that_was_asked_about() -> None:
    samples = Kept()
    _free(samples, {"a": 0.25, "b": 0.5}, 0)
    recorder = _recorder(samples)
    await recorder.once(_at(1.7))
    await recorder.once(_at(4.9))
    await recorder.once(_at(16.0))
    assert _used(samples, "a") == [(to_ms(_at(seconds)), 0.75) for seconds in (0, 5, 10, 15)]
    assert len(_used(samples, "b")) == 4


async def test_a_series_that_is_gone_ends_with_a_stale_marker() -> None:
    samples = Kept()
    _free(samples, {"a": 0.25, "b": 0.5}, 0)
    recorder = _recorder(samples)
    await recorder.once(_at(0))
    _free(samples, {"a": 0.125}, 400)
    await recorder.once(_at(400))
    assert _used(samples, "a")[-1] == (to_ms(_at(400)), 0.875)
    (first, *_, last) = _used(samples, "b")
    assert first == (to_ms(_at(0)), 0.5)
    assert math.isnan(last[1])


async def test_a_query_that_fails_is_counted_and_tried_at_the_next_instant() -> None:
    samples = Kept()
    _free(samples, {"a": 0.25}, 0)
    recorder = _recorder(samples)
    samples.broken = True
    await recorder.once(_at(0))
    samples.broken = False
    await recorder.once(_at(5))
    assert _used(samples, "a") == [(to_ms(_at(5)), 0.75)]
    own = recorder.own_samples()
    assert own['gwanje_recording_errors_total{record="used"}'] == 1
    assert own['gwanje_recording_evaluations_total{record="used"}'] == 2
    assert own['gwanje_recording_series{record="used"}'] == 1
