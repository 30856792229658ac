"""Actions that say something to gwanje itself: pause a pipeline, run it, hold a size. Each through the worker, into state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from gwanje import kinds
from gwanje.act.scaling.holding import in_effect
from gwanje.act.worker import Worker
from gwanje.keep.said import Hold, Pause
from gwanje.keep.state import deeds, holds, pauses, runs
from gwanje.keep.state.base import State
from gwanje.keep.state.runs import Ending
from gwanje.keep.state.tables import audit
from gwanje.kinds import World

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Hands:
    """A worker with one action on a state, at a time that the test tells."""

    def __init__(self, state: State, kind: str, **settings: Any) -> None:
        self.state = state
        self.now = NOW
        module = kinds.find("actions", kind)
        world = World(Path(), state=state, pipelines=frozenset({"collect"}))
        doer = module.create(module.Settings.model_validate(settings), world)
        self.worker = Worker(state, {"act": doer}, None, worker_id="me", clock=lambda: self.now)

    async def do(self, *, dry: bool = False, **labels: str) -> tuple[str, str]:
        row = {"action": "act", "target": "t", "rule": "r", "episode": "e", "labels": labels, "because": "r fires", "dry": dry}
        with self.state.write() as connection:
            deeds.put(connection, [row], self.now)
        await self.worker.once()
        with self.state.read() as connection:
            last = deeds.of_episode(connection, "e")[-1]
        return last.state, last.result

    def get(self, what: Callable[[Any], Any]) -> Any:
        with self.state.read() as connection:
            return what(connection)

    def trail(self) -> list[tuple[str, str]]:
        return [(who, what) for who, what in self.get(lambda c: c.execute(select(audit.c.who, audit.c.what)).all())]


async def test_a1_a_pipeline_is_paused_for_a_time_and_the_trail_says_by_what(state: State) -> None:
    hands = Hands(state, "pipeline_pause", lasts="2h")
    assert await hands.do(pipeline="collect") == ("done", "paused collect until 2026-03-01 11:00 UTC")
    assert hands.get(pauses.every) == [Pause("collect", "action act", "r fires", NOW, NOW + 2 * HOUR)]
    assert hands.trail() == [("action act", "pipeline paused"), ("action act", "action done")]


async def test_a1_a_pause_that_a_person_said_stays_as_it_is(state: State) -> None:
    said = Pause("collect", "kim", "moving", NOW, NOW + 9 * HOUR)
    with state.write() as connection:
        pauses.put(connection, said)
    hands = Hands(state, "pipeline_pause")
    assert await hands.do(pipeline="collect") == ("done", "collect was paused by kim already")
    assert hands.get(pauses.every) == [said]


@pytest.mark.parametrize("kind", ["pipeline_pause", "pipeline_run"])
async def test_a1_a_pipeline_that_is_not_there_is_refused(state: State, kind: str) -> None:
    did, result = await Hands(state, kind).do(host="web-1")
    assert did == "failed"
    assert result == "no pipeline is named '' (from '{pipeline}'); known: collect"


@pytest.mark.parametrize(
    ("kind", "settings", "would"),
    [
        ("pipeline_pause", {}, "pause collect for 1h"),
        ("pipeline_run", {}, "run collect"),
        ("scaler_hold", {"size": 5}, "hold web at 5 for 1h"),
        ("scaler_hold", {"stop": "in", "lasts": "30m"}, "scale web no further in for 30m"),
    ],
)
async def test_a1_a_dry_run_says_what_it_would_do_and_changes_nothing(
    state: State, kind: str, settings: dict[str, Any], would: str
) -> None:
    hands = Hands(state, kind, **settings)
    assert await hands.do(dry=True, pipeline="collect", scaler="web") == ("dry", f"would have done: {would}")
    assert hands.get(pauses.every) == []
    assert list(hands.get(holds.not_ended)) == []
    assert list(hands.get(lambda c: runs.last(c, "collect"))) == []


async def _run_what_is_asked(state: State, ending: Ending) -> None:
    """Another process, whose schedule runs what is asked for."""
    while True:
        with state.write() as connection:
            run = runs.claim(connection, pipelines=["collect"], worker="w", now=NOW, lease=HOUR)
            if run is not None:
                runs.finish(connection, run, ending, now=NOW)
                return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (Ending("succeeded", rows=7), ("done", "run 1 of collect succeeded, 7 rows")),
        (Ending("failed", error="answered 500"), ("failed", "run 1 of collect failed: answered 500")),
        (Ending("cancelled"), ("failed", "run 1 of collect cancelled")),
    ],
)
async def test_a1_a_run_is_asked_for_and_its_end_stands_with_the_action(
    state: State, ending: Ending, told: tuple[str, str]
) -> None:
    hands = Hands(state, "pipeline_run")
    async with asyncio.timeout(20):
        did, _ = await asyncio.gather(hands.do(pipeline="collect"), _run_what_is_asked(state, ending))
    assert did == told
    (run,) = hands.get(lambda c: runs.last(c, "collect"))
    assert (run.trigger, run.asked_by, run.partition) == ("action", "action act", "deed:1")


async def test_a1_a_run_that_takes_long_goes_on_without_the_action(state: State) -> None:
    hands = Hands(state, "pipeline_run", waits="0s")
    assert await hands.do(pipeline="collect") == ("done", "run 1 of collect has not ended yet; it goes on")


async def test_a1_a_paused_pipeline_is_run_only_where_the_action_may(state: State) -> None:
    with state.write() as connection:
        pauses.put(connection, Pause("collect", "kim", "moving", NOW, None))
    hands = Hands(state, "pipeline_run", waits="0s")
    assert await hands.do(pipeline="collect") == ("failed", "collect is paused by kim: moving")
    assert list(hands.get(lambda c: runs.last(c, "collect"))) == []
    assert (await Hands(state, "pipeline_run", waits="0s", anyway=True).do(pipeline="collect"))[0] == "done"


async def test_a1_a_size_is_held_for_a_time_and_again_from_then_on(state: State) -> None:
    hands = Hands(state, "scaler_hold", scaler="web", size=5)
    assert await hands.do() == ("done", "hold web at 5 until 2026-03-01 10:00 UTC")
    hands.now += HOUR / 2
    await hands.do()
    (kept,) = hands.get(holds.not_ended)
    assert (kept.size, kept.starts_at, kept.ends_at, kept.who) == (5, NOW + HOUR / 2, NOW + 1.5 * HOUR, "action act")


async def test_a_manual_size_is_not_reverted_by_an_action(state: State) -> None:
    """The peers' defect: what a person set by hand was undone by the next automatic decision."""
    said = Hold("web", 9, "", NOW, NOW + 3 * HOUR, "kim", "event", NOW)
    with state.write() as connection:
        said = holds.put(connection, said)
    hands = Hands(state, "scaler_hold", scaler="web", stop="out")
    assert await hands.do() == ("failed", "kim holds web until 2026-03-01 12:00 UTC; only a person ends that")
    assert in_effect(hands.get(holds.not_ended), NOW) == said
    hands.now += 3 * HOUR
    hands.worker.end_holds()
    assert list(hands.get(holds.not_ended)) == []
    assert hands.trail()[-1] == ("its time", "size no longer held")
    assert (await hands.do())[0] == "done"


async def test_a_hold_without_a_scaler_is_refused(state: State) -> None:
    assert await Hands(state, "scaler_hold", size=1).do(host="web-1") == (
        "failed",
        "'{scaler}' comes to '', which is no scaler's name",
    )


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("scaler_hold", {}),
        ("scaler_hold", {"size": 3, "stop": "in"}),
        ("scaler_hold", {"size": 3, "lasts": "0s"}),
        ("pipeline_pause", {"lasts": "0s"}),
    ],
)
def test_a1_settings_that_mean_nothing_are_refused(kind: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        kinds.find("actions", kind).Settings.model_validate(wrong)
