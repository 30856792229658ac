"""N5: of a paused pipeline nothing is raised, and what was raised ends as an expected departure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gwanje.act.actions import pipeline_pause
from gwanje.act.spec import Action
from gwanje.act.worker import Worker
from gwanje.judge.rules.spec import Rule
from gwanje.keep.said import Pause
from gwanje.keep.state import deeds, pauses, stories
from gwanje.keep.state.base import State
from gwanje.kinds import World
from gwanje.model import to_ms
from gwanje.tell.policy import Policy
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.round import Round

NOW = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
FAILS: dict[str, Any] = {"name": "collection fails", "expr": "fail_ratio", "critical": ">= 0.2", "interval": "10s"}
STALE: dict[str, Any] = {"name": "nothing new", "expr": "age_seconds > 600", "severity": "critical", "interval": "10s"}


def _at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class Site:
    """Two pipelines, a rule on their failures and one on their age, and a person who pauses them."""

    def __init__(self, state: State, *rules: dict[str, Any]) -> None:
        self.state = state
        self.samples = MemorySamples()
        read = [Rule.model_validate(rule) for rule in rules]
        self.round = Round(read, self.samples, state, Policy(), None, clock=lambda: NOW)

    async def look(self, seconds: float, *, ratio: float | None = None, age: float | None = None) -> None:
        for metric, value in (("fail_ratio", ratio), ("age_seconds", age)):
            for pipeline in ("collect", "other"):
                if value is not None:
                    self.samples.append(metric, {"pipeline": pipeline}, value, to_ms(_at(seconds)))
        await self.round.once(_at(seconds))

    def pause(self, seconds: float, until: float | None = None) -> Pause:
        said = Pause("collect", "kim", "moving", _at(seconds), None if until is None else _at(until))
        with self.state.write() as connection:
            pauses.put(connection, said)
        return said

    def resume(self, pause: Pause, seconds: float, settles: float | None = None) -> None:
        with self.state.write() as connection:
            pauses.end(connection, pause, _at(seconds), "kim", settles_at=None if settles is None else _at(settles))

    def firing(self) -> list[str]:
        with self.state.read() as connection:
            return sorted(one.labels["pipeline"] for one in stories.open_episodes(connection) if one.state == "firing")

    def ended(self) -> list[tuple[str, str | None]]:
        with self.state.read() as connection:
            every = stories.episode_page(connection, stories.Wanted()).episodes
            return [(one.labels["pipeline"], one.ended_because) for one in every if one.ended_at is not None]


async def test_n5_a_paused_pipeline_raises_nothing_and_others_do(state: State) -> None:
    site = Site(state, FAILS, STALE)
    site.pause(0)
    for seconds in range(0, 60, 10):
        await site.look(seconds, ratio=0.5, age=900)
    assert site.firing() == ["other", "other"]
    (why,) = [one for one in site.round.why("collection fails") if one.labels["pipeline"] == "collect"]
    assert (why.found, why.said) == ("stale", "paused by kim")


async def test_n5_what_fires_when_it_is_paused_ends_as_departed_and_not_as_resolved(state: State) -> None:
    site = Site(state, FAILS, STALE)
    await site.look(0, ratio=0.5, age=900)
    await site.look(10, ratio=0.5, age=900)
    assert site.firing() == ["collect", "collect", "other", "other"]
    site.pause(15)
    await site.look(20, ratio=0.5, age=900)
    assert site.firing() == ["other", "other"]
    assert site.ended() == [("collect", "departed"), ("collect", "departed")]


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(200, id="the query still answers with old samples"), pytest.param(400, id="the query answers no longer")],
)
async def test_n5_what_stopped_before_the_pause_ends_as_departed_too(state: State, seconds: int) -> None:
    site = Site(state, FAILS)
    for at in range(0, seconds, 10):
        await site.look(at, ratio=0.5 if at < 30 else None)
    site.pause(seconds)
    await site.look(seconds)
    assert site.ended() == [("collect", "departed")]


async def test_n5_data_that_stop_while_paused_raise_nothing(state: State) -> None:
    site = Site(state, {**FAILS, "no_data": "alert"})
    await site.look(0, ratio=0.0)
    site.pause(5)
    for seconds in range(10, 400, 10):
        await site.look(seconds)
    with state.read() as connection:
        assert [one.labels["pipeline"] for one in stories.open_episodes(connection)] == ["other"]


async def test_n5_after_the_pause_it_is_judged_again_from_its_first_run_on(state: State) -> None:
    site = Site(state, FAILS, STALE)
    said = site.pause(0)
    await site.look(0, ratio=0.5, age=900)
    site.resume(said, 5, settles=35)
    await site.look(10, ratio=0.5, age=900)
    await site.look(30, ratio=0.5, age=900)
    assert site.firing() == ["other", "other"], "what is known of it is older than its pause"
    await site.look(40, ratio=0.5, age=900)
    assert site.firing() == ["collect", "collect", "other", "other"], "no run came"


async def test_n5_a_failing_first_run_after_the_pause_is_told(state: State) -> None:
    site = Site(state, FAILS)
    said = site.pause(0)
    await site.look(0, ratio=0.5)
    site.resume(said, 5, settles=3600)
    with state.write() as connection:
        pauses.settle(connection, "collect")
    await site.look(10, ratio=0.5)
    assert site.firing() == ["collect", "other"]


async def test_a1_an_action_pauses_the_pipeline_of_its_alert_and_the_alert_ends(state: State) -> None:
    site = Site(state, FAILS)
    spare = {"name": "spare", "rules": ["collection fails"], "target": "pipeline", "labels": {"pipeline": "collect"}}
    rules = [Rule.model_validate(FAILS)]
    action = Action.model_validate(spare)
    site.round = Round(rules, site.samples, state, Policy(), None, clock=lambda: NOW, actions=[action])
    hands = World(Path(), state=state, pipelines=frozenset({"collect", "other"}))
    doer = pipeline_pause.create(pipeline_pause.Settings(), hands)
    worker = Worker(state, {"spare": doer}, None, worker_id="me", clock=lambda: NOW)
    for seconds in range(0, 60, 10):
        await site.look(seconds, ratio=0.5)
        await worker.once()
    with state.read() as connection:
        (pause,) = pauses.every(connection)
        done = [(one.target, one.state) for one in deeds.recent(connection, NOW)]
    assert (pause.pipeline, pause.who) == ("collect", "action spare")
    assert pause.why.startswith("collection fails fires since")
    assert done == [("collect", "done")]
    assert (site.firing(), site.ended()) == (["other"], [("collect", "departed")])
