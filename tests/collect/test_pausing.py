"""A paused pipeline: no tick becomes a run, what is under way ends, what passed is made up for where it shall be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from gwanje.collect import pausing
from gwanje.collect.pipelines.spec import Pipeline
from gwanje.collect.pipelines.timetable import Timetable
from gwanje.keep.said import Pause
from gwanje.keep.state import pauses, runs

from .test_schedule import HOUR, MINUTE, NOON, SECOND, Stage, running, stage

__all__ = ["stage"]


def _pause(stage: Stage, lasts: timedelta | None = HOUR) -> Pause:
    said = Pause("collect", "kim", "the site moves", stage.now, None if lasts is None else stage.now + lasts)
    with stage.state.write() as connection:
        pauses.put(connection, said)
    return said


def _resume(stage: Stage, pause: Pause, **declared: object) -> None:
    pipeline = Pipeline.model_validate({"name": "collect", "source": {"type": "http"}, "schedule": "*/5 * * * *", **declared})
    with stage.state.write() as connection:
        assert pausing.resume(connection, pause, pipeline, stage.now, "lee")


def _ticks(stage: Stage) -> list[str]:
    return [run.partition[11:16] for run in reversed(stage.last())]


async def _look(stage: Stage, schedule: object, times: Iterable[timedelta]) -> None:
    for after in times:
        await stage.look(schedule, after)  # type: ignore[arg-type]


async def test_while_paused_no_tick_becomes_a_run_and_after_it_they_do_again(stage: Stage) -> None:
    schedule = stage.schedule()
    await stage.look(schedule)
    _pause(stage, 12 * MINUTE)
    await _look(stage, schedule, [5 * MINUTE] * 4)
    assert _ticks(stage) == ["12:15", "12:20"]


async def test_a_pause_without_an_end_lasts_until_somebody_has_it_go_on(stage: Stage) -> None:
    schedule = stage.schedule()
    await stage.look(schedule)
    said = _pause(stage, None)
    await _look(stage, schedule, [5 * MINUTE] * 3)
    _resume(stage, said)
    await stage.look(schedule, 5 * MINUTE)
    assert _ticks(stage) == ["12:20"]


async def test_a_pause_counts_in_every_process_on_the_state_and_ends_once(stage: Stage) -> None:
    schedules = [stage.schedule(worker=f"w-{number}") for number in range(3)]
    for schedule in schedules:
        await stage.look(schedule)
    _pause(stage, 7 * MINUTE)
    for after in (5 * MINUTE, 5 * MINUTE):
        stage.now += after
        await asyncio.gather(*(schedule.look(stage.now) for schedule in schedules))
        await asyncio.gather(*(schedule.idle() for schedule in schedules))
    assert _ticks(stage) == ["12:10"]
    assert len(stage.site.requests) == 1


async def test_a_run_that_is_under_way_ends(stage: Stage) -> None:
    async with running(stage.schedule()):
        asking = asyncio.create_task(stage.ask())
        await asyncio.wait_for(stage.site.next_request(), 30)
        _pause(stage)
        run = await asyncio.wait_for(asking, 30)
    assert run.outcome == "succeeded"


async def test_what_is_asked_for_anyway_runs_while_paused(stage: Stage) -> None:
    _pause(stage)
    async with running(stage.schedule()):
        run = await asyncio.wait_for(stage.ask(), 30)
    assert run.outcome == "succeeded"
    with stage.state.read() as connection:
        assert pauses.one(connection, "collect") is not None, "the pause goes on"


@pytest.mark.parametrize(
    ("catch_up", "ticks"),
    [
        pytest.param(False, ["12:15"], id="what passed is not made up for"),
        pytest.param(True, ["12:10", "12:15"], id="the latest that passed is, and none before it"),
    ],
)
async def test_missed_ticks_follow_the_setting_when_the_time_is_over(stage: Stage, catch_up: bool, ticks: list[str]) -> None:  # noqa: FBT001 - a case of the table
    schedule = stage.schedule(catch_up=catch_up)
    await stage.look(schedule)
    _pause(stage, 12 * MINUTE)
    await _look(stage, schedule, [5 * MINUTE, 5 * MINUTE, 2 * MINUTE, 3 * MINUTE])
    assert _ticks(stage) == ticks


async def test_missed_ticks_follow_the_setting_after_a_restart_too(stage: Stage) -> None:
    _pause(stage, 12 * MINUTE)
    stage.now += 40 * MINUTE
    await stage.look(stage.schedule(catch_up=True))
    assert _ticks(stage) == ["12:10"]


async def test_the_word_of_a_person_makes_up_for_what_passed(stage: Stage) -> None:
    said = _pause(stage, None)
    stage.now += 13 * MINUTE
    _resume(stage, said, catch_up=True)
    await stage.look(stage.schedule(catch_up=True))
    assert _ticks(stage) == ["12:10"]


async def test_a_tick_before_the_pause_is_not_made_up_for(stage: Stage) -> None:
    stage.now += MINUTE
    said = _pause(stage, None)
    stage.now += 2 * MINUTE
    _resume(stage, said, catch_up=True)
    assert stage.last() == []


async def test_a_pause_of_a_pipeline_that_is_gone_ends_as_well(stage: Stage) -> None:
    with stage.state.write() as connection:
        pauses.put(connection, Pause("gone", "kim", "x", NOON, NOON + SECOND))
    await stage.look(stage.schedule(), MINUTE)
    with stage.state.read() as connection:
        assert pauses.every(connection) == []


async def test_n5_the_first_run_after_a_pause_has_rules_judge_again(stage: Stage) -> None:
    schedule = stage.schedule()
    await stage.look(schedule)
    _pause(stage, 7 * MINUTE)
    unjudged: list[bool] = []
    for after in (MINUTE, 7 * MINUTE, 2 * MINUTE):
        await stage.look(schedule, after)
        with stage.state.read() as connection:
            unjudged.append(bool(pauses.unjudged(connection, stage.now)))
    assert unjudged == [True, True, False]
    assert [run.outcome for run in stage.last()] == ["succeeded"]


async def test_a_broken_off_run_of_another_process_is_taken_up_though_paused(stage: Stage) -> None:
    with stage.state.write() as connection:
        runs.ask_for_tick(connection, pipeline="collect", tick=NOON, now=NOON)
        runs.claim(connection, pipelines=["collect"], worker="killed", now=NOON, lease=30 * SECOND)
    _pause(stage)
    await stage.look(stage.schedule(), 31 * SECOND)
    assert [(run.outcome, run.tries) for run in stage.last()] == [("succeeded", 2)]


@pytest.mark.parametrize(
    ("text", "zone", "now", "last"),
    [
        ("*/5 * * * *", "UTC", "12:07:30", "12:05:00"),
        ("*/5 * * * *", "UTC", "12:05:00", "12:00:00"),
        ("every 30s", "UTC", "12:00:45", "12:00:30"),
        ("every 30s", "UTC", "12:00:30", "12:00:00"),
        ("30 20 * * *", "Asia/Seoul", "12:00:00", "11:30:00"),
        ("", "UTC", "12:00:00", ""),
    ],
)
def test_the_last_tick_before_a_time(text: str, zone: str, now: str, last: str) -> None:
    found = Timetable.read(text, zone).last_before(datetime.fromisoformat(f"2026-11-21T{now}Z"))
    assert found == (datetime.fromisoformat(f"2026-11-21T{last}Z").astimezone(UTC) if last else None)
