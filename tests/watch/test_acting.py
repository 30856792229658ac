"""What is done about alerts, decided in the round and done by the worker."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gwanje.act.actions import command
from gwanje.act.spec import Action
from gwanje.act.worker import Worker
from gwanje.judge.rules.spec import Rule
from gwanje.keep.said import Acknowledgement, Silence
from gwanje.keep.state import acknowledgements, deeds, silences, stories
from gwanje.keep.state.base import State
from gwanje.kinds import World
from gwanje.model import Severity, to_ms
from gwanje.tell.policy import Policy
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.round import Round

NOW = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
RULE = Rule.model_validate({"name": "web down", "expr": "up", "critical": "<= 0", "interval": "10s"})
RESTART: dict[str, Any] = {"name": "restart", "rules": ["web down"], "cool_down": "1m", "stop_after": 2}


def _at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class Site:
    """A host that is down, a round that watches it, and a worker that runs a program."""

    def __init__(self, state: State, folder: Path, rule: Rule = RULE, **action: Any) -> None:
        self.state = state
        self.now = NOW
        self.samples = MemorySamples()
        actions = [Action.model_validate({**RESTART, **action})]
        self.round = Round([rule], self.samples, state, Policy(), None, clock=lambda: self.now, actions=actions)
        doer = command.create(command.Settings(command=(sys.executable, "-c", "print('restarted')")), World(folder))
        self.worker = Worker(state, {"restart": doer}, None, worker_id="me", clock=lambda: self.now)

    async def look(self, seconds: float, up: float) -> None:
        self.now = _at(seconds)
        self.samples.append("up", {"host": "web-1"}, up, to_ms(self.now))
        await self.pass_by(seconds)

    async def pass_by(self, seconds: float) -> None:
        """A look without anything measured."""
        self.now = _at(seconds)
        await self.round.once(self.now)
        await self.worker.once()

    def done(self) -> list[tuple[int, str]]:
        with self.state.read() as connection:
            kept = deeds.recent(connection, NOW)
        return [(round((one.decided_at - NOW).total_seconds()), one.state) for one in kept]

    @property
    def episode(self) -> str:
        with self.state.read() as connection:
            return stories.open_episodes(connection)[0].id


async def test_a1_it_is_done_again_after_its_pause_and_not_for_ever(state: State, tmp_path: Path) -> None:
    site = Site(state, tmp_path)
    for seconds in range(0, 300, 10):
        await site.look(seconds, 0)
    assert site.done() == [(0, "done"), (60, "done")]
    await site.look(300, 1)
    await site.look(310, 0)
    assert site.done()[-1] == (310, "done"), "another episode may try anew"


async def test_a1_nothing_is_done_while_silenced_and_something_at_its_end(state: State, tmp_path: Path) -> None:
    site = Site(state, tmp_path)
    silence = Silence("s", 'host="web-1"', _at(-10), _at(45), "moving", "kim", _at(-10), _at(-10))
    with state.write() as connection:
        silences.put(connection, silence)
    for seconds in range(0, 60, 10):
        await site.look(seconds, 0)
    assert site.done() == [(50, "done")]


@pytest.mark.parametrize("word", ["keep", "alert", "breach"])
async def test_a1_nothing_is_done_while_there_are_no_data_whatever_the_rule_says_of_it(
    state: State, tmp_path: Path, word: str
) -> None:
    """It fired and its series stopped: by most rules it fires on, and nobody sees whether an action would help."""
    site = Site(state, tmp_path, RULE.model_copy(update={"no_data": word}), after="2m")
    await site.look(0, 0)
    await site.look(10, 0)
    for seconds in range(20, 300, 10):
        await site.pass_by(seconds)
    assert site.done() == []
    with state.read() as connection:
        (episode,) = stories.open_episodes(connection)
    assert episode.ended_at is None
    await site.look(300, 0)
    assert site.done() == [(300, "done")]


async def test_a1_nothing_is_done_while_somebody_is_on_it(state: State, tmp_path: Path) -> None:
    site = Site(state, tmp_path, after="20s")
    await site.look(0, 0)
    with state.write() as connection:
        acknowledgements.put(connection, Acknowledgement(site.episode, "kim", NOW, "", None, Severity.CRITICAL))
    for seconds in range(10, 60, 10):
        await site.look(seconds, 0)
    assert site.done() == []


async def test_a1_an_alert_that_stays_for_days_is_not_acted_upon_anew_each_day(state: State, tmp_path: Path) -> None:
    site = Site(state, tmp_path, cool_down="2d")
    for days in (0, 1, 2, 4, 9):
        await site.look(days * 86_400, 0)
        await site.look(days * 86_400 + 10, 0)
    assert site.done() == [(0, "done"), (2 * 86_400, "done")], "a cool-down of two days lasts two days, and two tries are all"


@pytest.mark.parametrize(("up", "why"), [(0.0, "silenced"), (1.0, "the alert is over")])
async def test_a1_what_was_decided_just_before_a_kill_is_looked_at_again_after_it(
    state: State, tmp_path: Path, up: float, why: str
) -> None:
    """Decided in the transaction of the alert; the process dies before the worker sees it, and is started hours later."""
    site = Site(state, tmp_path)
    site.samples.append("up", {"host": "web-1"}, 0, to_ms(NOW))
    await site.round.once(NOW)
    silence = Silence("s", 'host="web-1"', _at(10), _at(9000), "moving", "kim", _at(10), _at(10))
    with state.write() as connection:
        silences.put(connection, silence)
    again = Site(state, tmp_path)
    await again.look(7200, up)
    with state.read() as connection:
        (kept,) = deeds.recent(connection, NOW)
    assert (kept.state, kept.result) == ("failed", f"not done any more: {why}")


async def test_a1_a_restart_of_the_process_forgets_no_limit(state: State, tmp_path: Path) -> None:
    await Site(state, tmp_path).look(0, 0)
    again = Site(state, tmp_path)
    await again.look(30, 0)
    assert again.done() == [(0, "done")]
