"""D11: whoever a pipeline names is told once how each of its runs ended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from gwanje.carry.updates.memory import MemoryUpdates
from gwanje.collect.pipelines.spec import Pipeline, Prepared
from gwanje.collect.schedule import Schedule, Tell
from gwanje.collect.sources.base import Fetched, Outcome
from gwanje.errors import RetryLater
from gwanje.keep.state import runs
from gwanje.keep.state.base import State
from gwanje.keep.state.runs import Run
from gwanje.keep.state.tables import outbox
from gwanje.model import Batch, Record
from gwanje.tell.delivery import Delivery
from gwanje.tell.message import from_plain
from gwanje.tell.notifiers.base import Accepted, Notification
from gwanje.testing.notifiers import Recorder
from gwanje.watch.run_notices import RunNotices, worded

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WELL = Fetched(Outcome.SUCCEEDED, "http://shop", 200, 2048, 3.5, [Record("1", "shop", "http", 0, {})] * 3)
FAILED = Fetched(Outcome.FAILED, "http://shop", 500, 0, 3.5, error="answered 500 Internal Server Error")
STOPPED = Fetched(Outcome.CANCELLED, "http://shop", None, 0, 3.5, error="stopped")
TOLD = {"on_success": {"receiver": "ops"}, "on_failure": {"receiver": "duty"}}
PIPELINE = Pipeline.model_validate(
    {"name": "collect", "title": {"ko": "웹 수집", "en": "Web"}, "source": {"type": "http"}, "schedule": "every 1s", **TOLD}
)


class Shop:
    """A source that answers as it is told."""

    url = "http://shop"
    off_because = None

    def __init__(self, *answers: Fetched) -> None:
        self.answers = list(answers)

    async def fetch(self, now_ms: int) -> Fetched:
        return self.answers.pop(0)


class Gone:
    """The end of a transport that nobody looks at."""

    async def send(self, batch: Batch) -> None: ...

    async def close(self) -> None: ...


class Stage:
    """Schedules on one state, and a time that the test tells."""

    def __init__(self, state: State, *answers: Fetched, zones: dict[str, str] | None = None) -> None:
        self.state = state
        self.shop = Shop(*answers)
        self.now = NOON
        self.tell = RunNotices([PIPELINE], {"ops": "Asia/Seoul", "duty": "UTC"} if zones is None else zones, "http://g")
        self.updates = MemoryUpdates()

    def schedule(self, worker: str = "w-1", tell: Tell | None = None) -> Schedule:
        prepared = Prepared(PIPELINE, "http", self.shop)
        told = self.tell if tell is None else tell
        return Schedule([prepared], self.state, Gone(), self.updates, worker_id=worker, clock=lambda: self.now, tell=told)

    async def live(self, seconds: int, *schedules: Schedule) -> None:
        """Look with each, now and after each second: the first look begins nothing."""
        for _ in range(seconds + 1):
            await asyncio.gather(*(schedule.look(self.now) for schedule in schedules))
            await asyncio.gather(*(schedule.idle() for schedule in schedules))
            self.now += SECOND

    def told(self) -> list[Notification]:
        with self.state.read() as connection:
            return [from_plain(row) for row in connection.execute(select(outbox.c.message).order_by(outbox.c.id)).scalars()]


def _titles(told: Sequence[Notification]) -> list[tuple[str, str]]:
    return [(one.receiver, one.title["en"]) for one in told]


async def test_d11_each_run_that_succeeded_or_failed_is_told_to_whom_its_pipeline_names(state: State) -> None:
    stage = Stage(state, WELL, FAILED, FAILED, STOPPED, WELL, WELL)
    await stage.live(6, stage.schedule())
    assert _titles(stage.told()) == [
        ("ops", "Web ended well"),
        ("duty", "Web failed"),
        ("duty", "Web failed"),
        ("ops", "Web is well again"),
        ("ops", "Web ended well"),
    ]
    assert {one.reason for one in stage.told()} == {"notice"}


async def test_d11_two_processes_with_one_schedule_tell_each_run_once(state: State) -> None:
    stage = Stage(state, *[WELL, FAILED] * 5)
    await stage.live(10, stage.schedule("w-1"), stage.schedule("w-2"))
    assert stage.shop.answers == []
    assert [receiver for receiver, _ in _titles(stage.told())] == ["ops", "duty"] * 5
    assert len({one.key for one in stage.told()}) == 10


async def test_d11_who_is_not_set_up_yet_is_told_nothing(state: State) -> None:
    stage = Stage(state, WELL, FAILED, zones={"ops": "UTC"})
    await stage.live(2, stage.schedule())
    assert _titles(stage.told()) == [("ops", "Web ended well")]


async def test_d11_what_is_told_wakes_whoever_sends_it(state: State) -> None:
    stage = Stage(state, WELL)
    async with stage.updates.listen() as heard:
        await stage.live(1, stage.schedule())
        topics = [(await anext(heard)).topic for _ in range(4)]
    assert topics == ["runs", "outbox", "fetches", "runs"]


async def test_d11_a_run_ends_with_its_notice_or_not_at_all(state: State) -> None:
    """What dies between the two leaves neither: the run is taken again when its lease is over, and told once."""
    stage = Stage(state, FAILED, FAILED)

    def dies(connection: Connection, run: Run) -> bool:
        stage.tell(connection, run)
        raise RuntimeError("no power")

    await stage.live(1, stage.schedule("w-1", dies))
    with state.read() as connection:
        assert [run.state for run in runs.last(connection, "collect")] == ["running"]
    assert stage.told() == []
    stage.now += timedelta(minutes=1)
    await stage.live(0, stage.schedule("w-2"))
    assert _titles(stage.told()) == [("duty", "Web failed")]
    with state.read() as connection:
        assert [(run.state, run.tries) for run in runs.last(connection, "collect")] == [("ended", 2)]


async def test_d11_a_run_whose_processes_all_died_has_failed_and_is_told(state: State) -> None:
    stage = Stage(state)
    with state.write() as connection:
        runs.ask_for_tick(connection, pipeline="collect", tick=stage.now, now=stage.now)
        for _ in range(runs.MOST_TRIES):
            assert runs.claim(connection, pipelines=["collect"], worker="w-1", now=stage.now, lease=SECOND)
            stage.now += 2 * SECOND
    await asyncio.gather(*(schedule.look(stage.now) for schedule in (stage.schedule("w-1"), stage.schedule("w-2"))))
    (told,) = stage.told()
    assert (told.receiver, told.title["en"]) == ("duty", "Web failed")
    assert "Cause: was begun 5 times and its process never came to its end" in told.text["en"].splitlines()


async def test_d11_numbers_of_runs_that_come_again_hide_no_notice(state: State) -> None:
    """An empty table numbers its rows from 1 again, and what was told is remembered for longer than runs are."""
    stage = Stage(state, WELL, WELL)
    for _ in range(2):
        await stage.live(1, stage.schedule())
        with state.write() as connection:
            assert [run.id for run in runs.last(connection, "collect")] == [1]
            runs.forget(connection, stage.now)
    assert len(stage.told()) == 2


async def test_d11_a_receiver_that_was_away_hears_of_its_late_runs_as_one_and_in_no_thread(state: State) -> None:
    class Bot(Recorder):
        async def send(self, notification: Notification) -> Accepted:
            await super().send(notification)
            return Accepted(200, reference="thread-1")

    stage = Stage(state, WELL, WELL, WELL, WELL)
    bot = Bot(failures=[RetryLater("away", status=503)] * 2)
    delivery = Delivery(state, {"ops": bot}, None, worker_id="a", clock=lambda: stage.now, chance=lambda: 1.0)
    schedule = stage.schedule()
    for seconds in (1, 0, 0):
        await stage.live(seconds, schedule)
        await delivery.once()
    assert bot.sent == [], "the first one waits, and those behind it with it"
    stage.now += timedelta(hours=1)
    await delivery.once()
    await stage.live(0, schedule)
    await delivery.once()
    assert [one.title["en"] for one in bot.sent] == ["Web ended well and 2 more", "Web ended well"]
    assert [one.key for one in bot.sent] == [one.key for one in stage.told()[2:]]
    assert [one.reference for one in bot.sent] == ["", ""]


# --- what is said --------------------------------------------------------------------------------------------------------

_ASKED: dict[str, Any] = {
    "id": 7,
    "pipeline": "collect",
    "partition": "p-7",
    "trigger": "api",
    "asked_by": "kim",
    "asked_at": NOON,
}
_TAKEN: dict[str, Any] = {"claimed_by": "w-1", "claimed_until": None, "started_at": NOON, "tries": 1, "state": "ended"}
_CAME: dict[str, Any] = {"outcome": "succeeded", "status": 200, "rows": 1200, "bytes": 345678, "latency_ms": 3.5, "error": ""}
ENDED = Run(ended_at=NOON + timedelta(minutes=3, seconds=12), **_ASKED, **_TAKEN, **_CAME)


def _said(run: Run, before: Run | None = None, zone: str = "Asia/Seoul", **pipeline: Any) -> tuple[dict[str, str], ...]:
    told = worded(PIPELINE.model_copy(update=pipeline), run, before, zone=zone, link="http://g/fetches?pipeline=collect")
    return tuple(dict(by_language) for by_language in told)


def test_d11_a_notice_says_what_when_how_long_what_came_and_both_states() -> None:
    title, text = _said(ENDED)
    assert title == {"ko": "웹 수집: 실행 성공", "en": "Web ended well"}
    assert text["ko"].splitlines() == [
        "파이프라인: 웹 수집 (collect)",
        "언제: 2026-11-21 21:00:00 KST",
        "걸린 시간: 3분 12초",
        "가져온 것: 1,200건, 345,678바이트, 응답 코드 200",
        "이전 상태: 없음 (첫 실행)",
        "현재 상태: 정상",
        "바로가기: http://g/fetches?pipeline=collect",
    ]


def test_d11_a_failure_says_its_cause() -> None:
    failed = replace(ENDED, outcome="failed", status=500, rows=0, bytes=12, error="answered 500", ended_at=NOON + SECOND / 4)
    title, text = _said(failed, ENDED, "UTC")
    assert title == {"ko": "웹 수집: 실행 실패", "en": "Web failed"}
    assert text["en"].splitlines() == [
        "Pipeline: Web (collect)",
        "When: 2026-11-21 12:00:00 UTC",
        "Duration: 250 ms",
        "Brought: 0 records, 12 bytes, answered 500",
        "Cause: answered 500",
        "State before: ok",
        "State now: failed",
        "Open: http://g/fetches?pipeline=collect",
    ]


def test_d11_well_after_a_failure_is_the_recovery() -> None:
    title, text = _said(ENDED, replace(ENDED, outcome="failed"))
    assert title == {"ko": "웹 수집: 다시 정상", "en": "Web is well again"}
    assert {"이전 상태: 실패", "현재 상태: 정상"} <= set(text["ko"].splitlines())


def test_d11_long_texts_are_cut_and_stay_on_their_lines() -> None:
    long = "l\n" * 5000
    title, text = _said(
        replace(ENDED, outcome="failed", error=long), title=PIPELINE.title.model_copy(update={"ko": long, "en": long})
    )
    assert max(len(one) for one in title.values()) < 200
    assert len(text["ko"]) < 1500
    assert sum(line.startswith("원인: ") for line in text["ko"].splitlines()) == 1
