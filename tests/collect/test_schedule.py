"""The schedule: ticks, asked runs, and an end within three seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gwanje import kinds
from gwanje.carry.updates.memory import MemoryUpdates
from gwanje.collect.pipelines.spec import Pipeline, Prepared
from gwanje.collect.schedule import _GRACE, Schedule, run_now
from gwanje.errors import Rejected, RetryLater, StoreFull
from gwanje.http import open_session
from gwanje.keep.state import runs, sqlite
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import metadata
from gwanje.model import METRIC, Batch, BatchOf
from gwanje.testing.web import Behaviour, WebServer
from gwanje.wire.remote_write.decode import decode

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class Recorder:
    """The far end of the transport: takes batches, or refuses as often as it was told to."""

    def __init__(self) -> None:
        self.fetches: list[dict[str, Any]] = []
        self.totals: list[dict[str, float]] = []
        self.refusals: list[Exception] = []

    async def send(self, batch: Batch) -> None:
        if batch.of is BatchOf.EVENTS and self.refusals:
            raise self.refusals.pop(0)
        if batch.of is BatchOf.EVENTS:
            self.fetches += [json.loads(line) for line in batch.body.splitlines()]
        else:
            self.totals.append(totals(batch))

    async def close(self) -> None: ...


def totals(batch: Batch) -> dict[str, float]:
    columns = decode(batch.body)
    labels = [dict(columns.labels_of(key)) for key in columns.keys]
    return {
        one["outcome"]: value for one, value in zip(labels, columns.values, strict=True) if one[METRIC] == "gwanje_fetch_total"
    }


class Stage:
    """A site, a state, a transport and a time that the test tells; schedules on them."""

    def __init__(self, folder: Path, site: WebServer, world: kinds.World) -> None:
        self.folder = folder
        self.site = site
        self.world = world
        self.state = self.open_state()
        self.updates = MemoryUpdates()
        self.transport = Recorder()
        self.now = NOON
        self.clock: Callable[[], datetime] = lambda: self.now

    def open_state(self) -> State:
        state = sqlite.create(sqlite.Settings(), kinds.World(self.folder))
        metadata.create_all(state.engine)
        return state

    def schedule(
        self, schedule: str = "*/5 * * * *", *, url: str | None = None, worker: str = "w-1", **declared: Any
    ) -> Schedule:
        kind = kinds.find("sources", "http")
        settings = kind.Settings(url=self.site.url if url is None else url, timeout=timedelta(seconds=60))
        pipeline = Pipeline.model_validate({"name": "collect", "source": {"type": "http"}, "schedule": schedule, **declared})
        prepared = Prepared(pipeline, "http", kind.create(settings, self.world))
        return Schedule([prepared], self.state, self.transport, self.updates, worker_id=worker, clock=self.clock)

    async def look(self, schedule: Schedule, after: timedelta = timedelta()) -> None:
        """Let time pass, look, and wait until what was started is over."""
        self.now += after
        await schedule.look(self.now)
        await schedule.idle()

    async def ask(self, pipeline: str = "collect", patience: timedelta = timedelta(minutes=6)) -> runs.Run:
        return await run_now(
            self.state, self.updates, pipeline, trigger="api", asked_by="kim", clock=self.clock, patience=patience
        )

    def last(self) -> Sequence[runs.Run]:
        with self.state.read() as connection:
            return runs.last(connection, "collect")


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with WebServer() as site, open_session() as session:
        stage = Stage(tmp_path, site, kinds.World(tmp_path, session))
        yield stage
        stage.state.close()


@asynccontextmanager
async def running(schedule: Schedule) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(schedule.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_tick_is_a_fetch_an_event_and_samples(stage: Stage) -> None:
    schedule = stage.schedule()
    await stage.look(schedule)
    assert schedule.next_at("collect") == NOON + 5 * MINUTE
    await stage.look(schedule, 5 * MINUTE)
    (event,) = stage.transport.fetches
    assert event["name"] == "fetch"
    assert event["at_ms"] == round((NOON + 5 * MINUTE).timestamp() * 1000)
    told = {
        name: event["fields"][name] for name in ("pipeline", "source", "outcome", "status", "rows", "attempt", "trigger", "error")
    }
    assert told == {
        "pipeline": "collect",
        "source": "http",
        "outcome": "succeeded",
        "status": 200,
        "rows": 1,
        "attempt": 1,
        "trigger": "schedule",
        "error": "",
    }
    assert stage.transport.totals == [{"succeeded": 1, "failed": 0, "cancelled": 0}]
    (run,) = stage.last()
    assert (run.partition, run.outcome, run.status, run.rows) == ("2026-11-21T12:05:00Z", "succeeded", 200, 1)
    assert schedule.next_at("collect") == NOON + 10 * MINUTE


async def test_nothing_happens_before_the_tick(stage: Stage) -> None:
    schedule = stage.schedule()
    await stage.look(schedule)
    await stage.look(schedule, 5 * MINUTE - timedelta(milliseconds=1))
    assert stage.site.requests == []


async def test_the_ticks_of_a_downtime_are_one_run(stage: Stage) -> None:
    schedule = stage.schedule()
    await stage.look(schedule)
    await stage.look(schedule, 62 * MINUTE)
    assert len(stage.site.requests) == 1
    assert schedule.next_at("collect") == NOON + 65 * MINUTE


async def test_a_start_in_the_middle_waits_for_the_next_tick(stage: Stage) -> None:
    stage.now += 4 * MINUTE
    schedule = stage.schedule()
    await stage.look(schedule)
    assert stage.site.requests == []
    assert schedule.next_at("collect") == NOON + 5 * MINUTE


async def test_a_clock_that_is_set_back_stops_nothing_and_repeats_nothing(stage: Stage) -> None:
    schedule = stage.schedule()
    await stage.look(schedule)
    await stage.look(schedule, 5 * MINUTE)
    await stage.look(schedule, -MINUTE)
    await stage.look(schedule, MINUTE)
    assert len(stage.site.requests) == 1, "12:05 has been run"
    await stage.look(schedule, -HOUR)
    assert schedule.next_at("collect") == NOON - 50 * MINUTE
    await stage.look(schedule, 5 * MINUTE)
    assert len(stage.site.requests) == 2, "11:10 has not"


async def test_two_processes_run_a_tick_once(stage: Stage) -> None:
    schedules = [stage.schedule(worker="w-1"), stage.schedule(worker="w-2")]
    for schedule in schedules:
        await stage.look(schedule)
    stage.now += 5 * MINUTE
    await asyncio.gather(*(schedule.look(stage.now) for schedule in schedules))
    await asyncio.gather(*(schedule.idle() for schedule in schedules))
    assert len(stage.site.requests) == 1


async def test_e4_one_of_five_fails_and_each_counts_once(stage: Stage) -> None:
    stage.site.behaviour = Behaviour(fail_every=5)
    schedule = stage.schedule("every 1s")
    await stage.look(schedule)
    for _ in range(5):
        await stage.look(schedule, SECOND)
    assert [event["fields"]["outcome"] for event in stage.transport.fetches] == ["succeeded"] * 4 + ["failed"]
    assert stage.transport.fetches[-1]["fields"]["error"] == "answered 500 Internal Server Error"
    assert stage.transport.totals[-1] == {"succeeded": 4, "failed": 1, "cancelled": 0}


async def test_e4_retries_belong_to_one_fetch(stage: Stage) -> None:
    stage.site.behaviour = Behaviour(status=500, fail_every=2, fail_status=200)
    schedule = stage.schedule("every 1s", retries=1)
    await stage.look(schedule)
    await stage.look(schedule, SECOND)
    (event,) = stage.transport.fetches
    assert (event["fields"]["outcome"], event["fields"]["attempt"]) == ("succeeded", 2)
    assert stage.transport.totals[-1] == {"succeeded": 1, "failed": 0, "cancelled": 0}
    assert len(stage.site.requests) == 2


async def test_a_run_that_is_asked_for_is_waited_for(stage: Stage) -> None:
    async with running(stage.schedule()):
        run = await asyncio.wait_for(stage.ask(), 30)
    assert (run.trigger, run.asked_by, run.outcome, run.status, run.rows, run.error) == ("api", "kim", "succeeded", 200, 1, "")
    assert run.latency_ms is not None
    assert stage.transport.fetches[-1]["fields"]["trigger"] == "api"


async def test_runs_that_are_asked_for_at_once_come_one_after_another(stage: Stage) -> None:
    stage.clock = lambda: datetime.now(UTC)
    async with running(stage.schedule(schedule="")):
        asked = await asyncio.wait_for(asyncio.gather(*(stage.ask() for _ in range(5))), 20)
    assert len({run.id for run in asked}) == 5
    spans = sorted((run.started_at or NOON, run.ended_at or NOON) for run in asked)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert len(stage.site.requests) == 5


async def test_a_run_that_another_process_asked_for_is_found_without_an_update(stage: Stage) -> None:
    async with running(stage.schedule()):
        with stage.state.write() as connection:
            number = runs.ask(connection, pipeline="collect", partition="p-1", trigger="command", asked_by="kim", now=NOON)
        await asyncio.wait_for(stage.site.next_request(), 30)
    (run,) = stage.last()
    assert run.id == number


async def test_a_run_that_nobody_takes_is_said_to_wait(stage: Stage) -> None:
    asking = asyncio.create_task(stage.ask(patience=SECOND))
    async with stage.updates.listen() as listening:
        await anext(listening)
        stage.now += 2 * SECOND
        with pytest.raises(RetryLater, match="has not ended within 1 s"):
            await asyncio.wait_for(asking, 30)
    assert [run.state for run in stage.last()] == ["asked"]


async def test_without_a_url_no_tick_is_asked_for(stage: Stage) -> None:
    schedule = stage.schedule("every 1s", url="")
    await stage.look(schedule)
    await stage.look(schedule, SECOND)
    assert schedule.next_at("collect") is None
    assert stage.last() == []


async def test_the_stream_hears_of_a_run_and_its_fetch(stage: Stage) -> None:
    schedule = stage.schedule("every 1s")
    await stage.look(schedule)
    async with stage.updates.listen() as listening:
        await stage.look(schedule, SECOND)
        heard = [await anext(listening) for _ in range(3)]
    number = str(stage.last()[0].id)
    assert [(update.topic, update.key, update.fields.get("state")) for update in heard] == [
        ("runs", number, "running"),
        ("fetches", stage.transport.fetches[0]["id"], None),
        ("runs", number, "ended"),
    ]
    assert heard[1].fields["outcome"] == "succeeded"


async def test_the_end_cancels_a_fetch_and_tells_it_within_three_seconds(stage: Stage) -> None:
    stage.site.behaviour = Behaviour(delay_seconds=60)
    async with running(stage.schedule()) as task:
        asking = asyncio.create_task(stage.ask())
        await stage.site.next_request()
        task.cancel()
        assert await asyncio.wait({task}, timeout=30) == ({task}, set())
        run = await asking
    assert timedelta(seconds=3) > _GRACE
    assert run.outcome == "cancelled"
    assert [event["fields"]["outcome"] for event in stage.transport.fetches] == ["cancelled"]
    assert stage.transport.totals[-1] == {"succeeded": 0, "failed": 0, "cancelled": 1}


async def test_the_end_does_not_wait_for_a_transport_that_takes_nothing(stage: Stage) -> None:
    stage.transport.refusals = [RetryLater("away", after=timedelta(hours=1))]
    async with running(stage.schedule()) as task:
        asking = asyncio.create_task(stage.ask())
        while stage.transport.refusals:  # noqa: ASYNC110 - the far end has nothing to wait on
            await asyncio.sleep(0.01)
        task.cancel()
        assert await asyncio.wait({task}, timeout=30) == ({task}, set())
        asking.cancel()
    assert [run.state for run in stage.last()] == ["running"], "its lease ends, and it is taken again"


async def test_the_run_of_a_killed_process_goes_on_after_its_lease(stage: Stage) -> None:
    with stage.state.write() as connection:
        runs.ask(connection, pipeline="collect", partition="p-1", trigger="api", asked_by="kim", now=NOON)
        runs.claim(connection, pipelines=["collect"], worker="killed", now=NOON, lease=30 * SECOND)
    schedule = stage.schedule()
    await stage.look(schedule, 30 * SECOND)
    assert stage.site.requests == []
    await stage.look(schedule, SECOND)
    (run,) = stage.last()
    assert (run.outcome, run.claimed_by, run.tries) == ("succeeded", "w-1", 2)


async def test_a_fetch_is_kept_until_the_transport_takes_it(stage: Stage) -> None:
    stage.transport.refusals = [RetryLater("away", after=timedelta(milliseconds=1)), StoreFull("full"), RetryLater("away")]
    schedule = stage.schedule("every 1s")
    await stage.look(schedule)
    await stage.look(schedule, SECOND)
    assert len(stage.transport.fetches) == 1
    assert stage.last()[0].outcome == "succeeded"


async def test_a_fetch_that_is_never_taken_still_ends_its_run(stage: Stage) -> None:
    stage.transport.refusals = [Rejected("no")]
    schedule = stage.schedule("every 1s")
    await stage.look(schedule)
    await stage.look(schedule, SECOND)
    assert stage.last()[0].outcome == "succeeded"


async def test_counters_are_told_from_zero_on(stage: Stage) -> None:
    async with running(stage.schedule()):
        await asyncio.wait_for(stage.ask(), 30)
    assert stage.transport.totals == [
        {"succeeded": 0, "failed": 0, "cancelled": 0},
        {"succeeded": 1, "failed": 0, "cancelled": 0},
    ]
