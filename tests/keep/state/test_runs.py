"""A run is asked for, claimed by exactly one worker, and ended once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from gwanje import kinds
from gwanje.keep.state import runs, sqlite
from gwanje.keep.state.base import State
from gwanje.keep.state.runs import Ending, Run
from gwanje.keep.state.tables import metadata

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LEASE = timedelta(seconds=30)
SECOND = timedelta(seconds=1)


def opened(folder: Path) -> State:
    state = sqlite.create(sqlite.Settings(), kinds.World(folder))
    metadata.create_all(state.engine)
    return state


@pytest.fixture
def connection(state: State) -> Iterator[Connection]:
    with state.write() as connection:
        yield connection


def ask(connection: Connection, pipeline: str = "collect", partition: str = "p-1", now: datetime = NOON) -> int:
    return runs.ask(connection, pipeline=pipeline, partition=partition, trigger="api", asked_by="kim", now=now)


def claim(connection: Connection, worker: str = "w-1", now: datetime = NOON, *pipelines: str) -> Run | None:
    return runs.claim(connection, pipelines=pipelines or ("collect", "other"), worker=worker, now=now, lease=LEASE)


def test_a_run_from_asking_to_its_end(connection: Connection) -> None:
    number = ask(connection)
    claimed = claim(connection, now=NOON + SECOND)
    assert claimed is not None
    assert (claimed.id, claimed.state, claimed.claimed_by, claimed.tries) == (number, "running", "w-1", 1)
    assert runs.running(connection, NOON + SECOND) == {"collect"}
    ending = Ending("failed", 500, 0, 12, 3.5, "answered 500")
    assert runs.finish(connection, claimed, ending, now=NOON + 2 * SECOND)
    assert runs.get(connection, number) == Run(
        id=number,
        pipeline="collect",
        partition="p-1",
        trigger="api",
        asked_by="kim",
        asked_at=NOON,
        state="ended",
        claimed_by="w-1",
        claimed_until=None,
        started_at=NOON + SECOND,
        ended_at=NOON + 2 * SECOND,
        outcome="failed",
        tries=1,
        status=500,
        rows=0,
        bytes=12,
        latency_ms=3.5,
        error="answered 500",
    )
    assert runs.running(connection, NOON + 2 * SECOND) == set()


def test_asking_twice_for_one_partition_is_one_run(connection: Connection) -> None:
    assert ask(connection) == ask(connection)
    assert ask(connection, partition="p-2") != ask(connection)
    assert ask(connection, pipeline="other") != ask(connection)


def test_a_run_is_claimed_once(connection: Connection) -> None:
    ask(connection)
    assert claim(connection, "w-1") is not None
    assert claim(connection, "w-2") is None


def test_the_run_that_waited_longest_comes_first(connection: Connection) -> None:
    ask(connection, "other", now=NOON + SECOND)
    first = ask(connection, "collect", now=NOON)
    claimed = claim(connection, now=NOON + 2 * SECOND)
    assert claimed is not None
    assert claimed.id == first


def test_a_worker_takes_only_the_pipelines_it_has(connection: Connection) -> None:
    ask(connection, "other")
    assert not runs.waiting(connection, ["collect"], NOON)
    assert claim(connection, "w-1", NOON, "collect") is None
    assert claim(connection, "w-1", NOON, "other") is not None


def test_a_pipeline_never_runs_twice_at_once(connection: Connection) -> None:
    ask(connection, partition="p-1")
    ask(connection, partition="p-2")
    first = claim(connection)
    assert first is not None
    assert claim(connection, "w-2") is None
    runs.finish(connection, first, Ending("succeeded"), now=NOON)
    second = claim(connection, "w-2")
    assert second is not None
    assert second.partition == "p-2"


def test_the_run_of_a_killed_worker_is_taken_again_when_its_lease_ends(connection: Connection) -> None:
    ask(connection)
    lost = claim(connection, "w-1")
    assert lost is not None
    assert claim(connection, "w-2", NOON + LEASE) is None
    assert runs.waiting(connection, ["collect"], NOON + LEASE + SECOND)
    again = claim(connection, "w-2", NOON + LEASE + SECOND)
    assert again is not None
    assert (again.id, again.claimed_by, again.tries) == (lost.id, "w-2", 2)


def test_a_renewed_lease_holds(connection: Connection) -> None:
    ask(connection)
    run = claim(connection)
    assert run is not None
    assert runs.renew(connection, run, now=NOON + 20 * SECOND, lease=LEASE)
    assert claim(connection, "w-2", NOON + 40 * SECOND) is None


@pytest.mark.parametrize("second_worker", ["w-2", "w-1"])
def test_who_lost_a_run_can_neither_end_nor_renew_it(connection: Connection, second_worker: str) -> None:
    ask(connection)
    lost = claim(connection, "w-1")
    later = NOON + LEASE + SECOND
    again = claim(connection, second_worker, later)
    assert lost is not None
    assert again is not None
    assert not runs.finish(connection, lost, Ending("succeeded"), now=later)
    assert not runs.renew(connection, lost, now=later, lease=LEASE)
    assert runs.finish(connection, again, Ending("failed"), now=later)
    assert not runs.finish(connection, again, Ending("succeeded"), now=later), "a run ends once"


def test_a_run_that_kills_its_workers_is_given_up_once(connection: Connection) -> None:
    number = ask(connection)
    now = NOON
    for _ in range(runs.MOST_TRIES):
        assert runs.give_up(connection, pipelines=["collect"], now=now) == []
        assert claim(connection, now=now) is not None
        now += LEASE + SECOND
    assert claim(connection, now=now) is None
    assert runs.waiting(connection, ["collect"], now), "somebody has to give it up"
    assert runs.give_up(connection, pipelines=["other"], now=now) == []
    (run,) = runs.give_up(connection, pipelines=["collect"], now=now)
    assert (run.state, run.outcome, run.error) == ("ended", "failed", "was begun 5 times and its process never came to its end")
    assert run == runs.get(connection, number)
    assert runs.give_up(connection, pipelines=["collect"], now=now) == []


def test_the_run_before_is_the_last_of_the_pipeline_that_came_to_something(connection: Connection) -> None:
    ended: list[Run] = []
    for number, (pipeline, outcome) in enumerate(
        [("collect", "failed"), ("other", "succeeded"), ("collect", "cancelled"), ("collect", "succeeded"), ("collect", "failed")]
    ):
        ask(connection, pipeline, f"p-{number}")
        run = claim(connection)
        assert run is not None
        finished = runs.finish(connection, run, Ending(outcome), now=NOON)
        assert finished is not None
        ended.append(finished)
    first, other, _, third, last = ended
    assert [runs.before(connection, run) for run in (first, other, third, last)] == [None, None, first, third]


def test_a_tick_is_asked_for_once_by_however_many(connection: Connection) -> None:
    number = runs.ask_for_tick(connection, pipeline="collect", tick=NOON, now=NOON)
    assert number is not None
    assert runs.ask_for_tick(connection, pipeline="collect", tick=NOON, now=NOON) is None
    run = claim(connection)
    assert run is not None
    assert (run.partition, run.trigger) == ("2026-11-21T12:00:00Z", "schedule")
    runs.finish(connection, run, Ending("succeeded"), now=NOON)
    assert runs.ask_for_tick(connection, pipeline="collect", tick=NOON, now=NOON + SECOND) is None


def test_a_tick_passes_while_another_run_is_open(connection: Connection) -> None:
    ask(connection)
    assert runs.ask_for_tick(connection, pipeline="collect", tick=NOON, now=NOON) is None
    assert runs.ask_for_tick(connection, pipeline="other", tick=NOON, now=NOON) is not None


def test_last_runs_newest_first(connection: Connection) -> None:
    numbers = [ask(connection, partition=f"p-{n}") for n in range(4)]
    ask(connection, "other")
    assert [run.id for run in runs.last(connection, "collect", 3)] == numbers[:0:-1]


def test_old_runs_are_forgotten_when_they_have_ended(connection: Connection) -> None:
    ask(connection, partition="p-1")
    run = claim(connection)
    assert run is not None
    runs.finish(connection, run, Ending("succeeded"), now=NOON)
    waiting = ask(connection, partition="p-2")
    assert runs.forget(connection, NOON) == 0
    assert runs.forget(connection, NOON + SECOND) == 1
    assert [run.id for run in runs.last(connection, "collect")] == [waiting]


def test_eight_workers_of_two_processes_share_forty_runs_without_a_double(tmp_path: Path) -> None:
    states = [opened(tmp_path) for _ in range(2)]
    pipelines = [f"p-{n}" for n in range(40)]
    with states[0].write() as connection:
        for pipeline in pipelines:
            ask(connection, pipeline)

    def work(worker: int) -> list[int]:
        taken: list[int] = []
        while True:
            with states[worker % 2].write() as connection:
                run = runs.claim(connection, pipelines=pipelines, worker=f"w-{worker}", now=NOON, lease=LEASE)
            if run is None:
                return taken
            taken.append(run.id)

    with ThreadPoolExecutor(8) as threads:
        taken = [number for numbers in threads.map(work, range(8)) for number in numbers]
    for state in states:
        state.close()
    assert sorted(taken) == sorted(set(taken))
    assert len(taken) == 40


def test_two_processes_ask_for_one_tick_at_once(tmp_path: Path) -> None:
    states = [opened(tmp_path) for _ in range(2)]

    def work(process: int) -> int | None:
        with states[process].write() as connection:
            return runs.ask_for_tick(connection, pipeline="collect", tick=NOON, now=NOON)

    with ThreadPoolExecutor(2) as threads:
        asked = list(threads.map(work, range(2)))
    for state in states:
        state.close()
    assert sorted(number is None for number in asked) == [False, True]
