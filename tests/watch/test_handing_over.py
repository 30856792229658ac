"""What becomes of alerts when the process that evaluates is killed and another one goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import select

from gwanje.judge.rules.spec import Rule
from gwanje.keep.state import stories
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import outbox
from gwanje.model import to_ms
from gwanje.show.alerts import shown
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.round import Round
from gwanje.watch.turns import LASTS, Turns

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
KILLED = 30
TAKEN_OVER = KILLED + LASTS // timedelta(seconds=1)
HIGH = {"name": "cpu high", "expr": "cpu", "critical": ">= 0.9", "interval": "1s"}


def _at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@dataclass
class Process:
    """One process that watches: it asks for its turn and evaluates in it, as `Round.run` does."""

    state: State
    name: str
    samples: MemorySamples
    rule: Mapping[str, object]
    now: datetime = NOW
    turns: Turns = field(init=False)
    round: Round = field(init=False)

    def __post_init__(self) -> None:
        self.turns = Turns(self.state, self.name, self._clock)
        policy = Policy(Route(receiver="ops"))
        rules = [Rule.model_validate(self.rule)]
        self.round = Round(rules, self.samples, self.turns.state, policy, None, clock=self._clock, turns=self.turns)

    def _clock(self) -> datetime:
        return self.now

    async def look(self, now: datetime) -> bool:
        self.now = now
        mine = await self.turns.mine(now, begins=self.round.forget)
        if mine:
            await self.round.once(now)
        return mine


async def _story(state: State, rule: Mapping[str, object], values: Mapping[range, float]) -> None:
    """One process is killed after 30 s, another asks each second all along; the store has the samples of the whole time."""
    samples = MemorySamples()
    for seconds, value in values.items():
        for second in seconds:
            samples.append("cpu", {"host": "web-1"}, value, to_ms(_at(second)))
    one, other = (Process(state, name, samples, rule) for name in ("a", "b"))
    looked = []
    for second in range(max(seconds.stop for seconds in values)):
        if second < KILLED:
            assert await one.look(_at(second))
        if await other.look(_at(second)):
            looked.append(second)
    # The last renewal may be some seconds before the kill.
    assert KILLED < looked[0] <= TAKEN_OVER


def _told(state: State) -> list[str]:
    with state.read() as connection:
        return list(connection.execute(select(outbox.c.reason).order_by(outbox.c.id)).scalars())


def _every(state: State) -> list[stories.Episode]:
    with state.read() as connection:
        return list(stories.episode_page(connection, stories.Wanted()).episodes)


async def test_s4_the_clock_of_for_goes_on_in_the_process_that_takes_over(state: State) -> None:
    await _story(state, {**HIGH, "for": "1m"}, {range(5): 0.1, range(5, 90): 0.95})
    (episode,) = _every(state)
    assert (episode.began_at, episode.fired_at) == (_at(5), _at(65))
    assert _told(state) == ["first"]


async def test_n6_what_fires_is_not_resolved_by_values_that_nobody_judged(state: State) -> None:
    """It was good for a while in which nobody evaluated: one alert, told once."""
    await _story(state, HIGH, {range(31): 0.95, range(31, 34): 0.1, range(34, 60): 0.95})
    (episode,) = _every(state)
    assert (episode.began_at, episode.ended_at) == (_at(0), None)
    assert _told(state) == ["first"]


async def test_n2_what_fires_is_resolved_by_the_first_good_value_that_is_judged_after_it(state: State) -> None:
    await _story(state, HIGH, {range(31): 0.95, range(31, 60): 0.1})
    (episode,) = _every(state)
    assert episode.ended_at is not None
    assert _at(KILLED) < episode.ended_at <= _at(TAKEN_OVER)
    assert episode.ended_because == "resolved"


async def test_n6_an_alert_is_unknown_while_nobody_goes_on(state: State) -> None:
    one = Process(state, "a", MemorySamples(), HIGH)
    one.samples.append("cpu", {"host": "web-1"}, 0.95, to_ms(NOW))
    await one.look(NOW)
    (episode,) = _every(state)
    assert (shown(episode).state, shown(episode, unknown=True).state) == ("firing", "unknown")


async def test_s4_what_came_and_went_while_nobody_evaluated_is_not_told_afterwards(state: State) -> None:
    """The newest instant is judged, as after any outage: the price of a lease, named in the decision on turns."""
    await _story(state, HIGH, {range(31): 0.1, range(31, 34): 0.95, range(34, 60): 0.1})
    assert _every(state) == []
    assert _told(state) == []


@pytest.mark.parametrize("seed", range(2))
async def test_g2_whichever_of_two_evaluates_a_fact_is_told_once(state: State, seed: int) -> None:
    """Each is stopped now and then, for a moment or for longer than its lease, and goes on as if nothing had been."""
    dice, samples = Random(seed), MemorySamples()  # noqa: S311 - a story, no secret
    values = {range(60): 0.1, range(60, 150): 0.95, range(150, 240): 0.1}
    both = [Process(state, name, samples, HIGH | {"for": "10s"}) for name in ("a", "b")]
    asleep, evaluated = [0, 0], [0, 0]
    for second in range(240):
        samples.append(
            "cpu", {"host": "web-1"}, next(value for when, value in values.items() if second in when), to_ms(_at(second))
        )
        for number, process in enumerate(both):
            if second < asleep[number]:
                continue
            evaluated[number] += await process.look(_at(second))
            if dice.random() < 0.05:
                asleep[number] = second + dice.choice([2, 5, 20, 40])
    assert all(evaluated), "both had their turns"
    assert _told(state) == ["first", "resolved"]
