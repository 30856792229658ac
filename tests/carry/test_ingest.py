"""The last step of every batch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gwanje import kinds
from gwanje.carry.ingest import Ingest
from gwanje.carry.updates.base import Update
from gwanje.errors import BadInput
from gwanje.keep.events.base import Search
from gwanje.keep.samples.base import Vector
from gwanje.model import Batch, BatchOf, Event, Sample
from gwanje.wire.json.encode import events_batch
from gwanje.wire.remote_write.encode import encode

NOW_MS = 1_790_000_000_000


class Heard:
    """Updates that remember what was published."""

    def __init__(self) -> None:
        self.topics: list[str] = []

    def publish(self, update: Update) -> None:
        self.topics.append(update.topic)

    def listen(self):  # type: ignore[no-untyped-def]  # nobody listens here
        raise NotImplementedError


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[tuple[Ingest, Heard]]:
    world = kinds.World(tmp_path)
    samples, events = (kinds.find(family, name) for family, name in (("samples", "local"), ("events", "duckdb")))
    store, log, heard = samples.create(samples.Settings(), world), events.create(events.Settings(), world), Heard()
    yield Ingest(store, log, heard, lambda: NOW_MS), heard
    await store.close()
    await log.close()


async def test_a_batch_of_samples_is_stored_counted_and_told(opened: tuple[Ingest, Heard]) -> None:
    ingest, heard = opened
    batch = encode([Sample("up", {"host": "web-1"}, 1.0, NOW_MS)])
    await ingest.accept(batch)
    await ingest.accept(batch)
    found = await ingest._samples.instant("up", NOW_MS)  # type: ignore[attr-defined]
    assert isinstance(found, Vector)
    assert found.values.tolist() == [1.0]
    own = ingest.own_samples()
    assert (own["gwanje_samples_received_total"], own["gwanje_samples_duplicate_total"]) == (1, 1)
    assert heard.topics == ["samples", "samples"]
    assert ingest.newest_ms == NOW_MS


async def test_what_was_refused_is_counted_by_reason(opened: tuple[Ingest, Heard]) -> None:
    ingest, _ = opened
    await ingest.accept(encode([Sample("up", {"host": "web-1"}, 1.0, NOW_MS + 3_600_000)]))
    assert ingest.own_samples()['gwanje_samples_refused_total{reason="too_far_ahead"}'] == 1


async def test_events_are_stored_once(opened: tuple[Ingest, Heard]) -> None:
    ingest, heard = opened
    batch = events_batch([Event("a", NOW_MS, "container", {"action": "start"})])
    await ingest.accept(batch)
    await ingest.accept(batch)
    found = await ingest._events.search(Search("container"))
    assert [event.id for event in found.events] == ["a"]
    assert heard.topics == ["events", "events"]


async def test_a_body_that_cannot_be_read_is_counted_and_keeps_nothing(opened: tuple[Ingest, Heard]) -> None:
    ingest, heard = opened
    for of in BatchOf:
        with pytest.raises(BadInput):
            await ingest.accept(Batch(of, b"garbage", 1))
    assert ingest.own_samples()["gwanje_bodies_refused_total"] == 2
    assert heard.topics == []
