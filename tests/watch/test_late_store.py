"""E1: a remote store, whose newest samples can be asked for only a while after they were measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from gwanje.judge.rules.spec import REMOTE_DELAY, Rule, unhurried
from gwanje.keep.promql import Matcher, Selected
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import episodes, transitions
from gwanje.model import to_ms
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.testing.scenarios import Clock, MemorySamples
from gwanje.watch.round import Round

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
EVERY = timedelta(seconds=5)
RULES = (
    {"name": "a threshold", "expr": "cpu", "critical": "> 0.9", "no_data": "alert"},
    {"name": "a condition inside", "expr": "cpu > 0.9", "severity": "critical"},
    {"name": "an aggregate", "expr": "avg by (host) (cpu)", "critical": "> 0.9", "no_data": "ok"},
)


class _Late(MemorySamples):
    """Shows a sample so long after it was measured."""

    def __init__(self, clock: Clock) -> None:
        MemorySamples.__init__(self)
        self.clock, self.late = clock, timedelta()

    def fetch(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Selected:
        return MemorySamples.fetch(self, matchers, start_ms, min(end_ms, to_ms(self.clock.now - self.late)))


async def _told(state: State, late: Callable[[int], int]) -> dict[str, list[tuple[str, float, str]]]:
    """The changes of each rule by its name, the seconds of each and how it ended.

    A host is high from the second minute to the fourth and never stops reporting; `late` says by how many seconds its
    samples come at a second of the story.
    """
    clock = Clock()
    samples = _Late(clock)
    for place in range(-60, 96):
        at = START + place * EVERY
        high = timedelta(minutes=2) <= at - START < timedelta(minutes=4)
        samples.append("cpu", {"host": "web-1"}, 0.95 if high else 0.1, to_ms(at))
    rules = [unhurried(Rule.model_validate(rule)) for rule in RULES]
    round_ = Round(rules, samples, state, Policy(Route(receiver="ops")), None, clock=clock, delay=REMOTE_DELAY)
    for seconds in range(0, 480, 15):
        clock.now, samples.late = START + timedelta(seconds=seconds), timedelta(seconds=late(seconds))
        await round_.once(clock.now)
    told: dict[str, list[tuple[str, float, str]]] = {}
    asked = select(episodes.c.rule, transitions.c.after, transitions.c.at, episodes.c.ended_because)
    with state.read() as connection:
        joined = asked.where(transitions.c.episode == episodes.c.id).order_by(transitions.c.at)
        for rule, after, at, ended in connection.execute(joined):
            told.setdefault(rule, []).append((after, (at - START).total_seconds(), ended))
    return told


@pytest.mark.parametrize("late", [0, 20, 29])
async def test_e1_samples_that_come_within_the_delay_are_judged_at_their_time_and_none_is_missing(
    state: State, late: int
) -> None:
    told = await _told(state, lambda _: late)
    expected = [("firing", 150, "resolved"), ("ok", 270, "resolved")]
    assert told == {rule["name"]: expected for rule in RULES}, "thirty seconds after they were measured"


async def test_n2_samples_that_come_later_than_the_delay_resolve_nothing_while_they_are_away(state: State) -> None:
    told = await _told(state, lambda seconds: 150 if 180 <= seconds < 360 else 20)
    kept = [("firing", 150, "resolved"), ("ok", 360, "resolved")]
    taken_for_ok = [("firing", 150, "no data"), ("ok", 180, "no data")]
    assert told == {"a threshold": kept, "a condition inside": kept, "an aggregate": taken_for_ok}
