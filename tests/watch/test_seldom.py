"""N4: a series that comes every ten minutes, looked at by a round every minute."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from gwanje.judge.rules.spec import Rule
from gwanje.keep.samples.base import Answer
from gwanje.keep.state import stories
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import transitions
from gwanje.model import to_ms
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.round import Round

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


class _Counted(MemorySamples):
    """Says how often the hours before were asked for."""

    asked = 0

    async def instant(self, query: str, at_ms: int) -> Answer:
        self.asked += query.endswith("[3h]")
        return await MemorySamples.instant(self, query, at_ms)


def _round(state: State, samples: MemorySamples, **keys: object) -> Round:
    rule = Rule.model_validate({"name": "cpu high", "expr": "cpu", "critical": ">= 0.9", "interval": "1m", **keys})
    return Round([rule], samples, state, Policy(Route(receiver="ops")), None, clock=lambda: START)


def _samples(*, minutes: Iterable[int], value: float) -> _Counted:
    samples = _Counted()
    for minute in minutes:
        samples.append("cpu", {"host": "web-1"}, value, to_ms(_at(minute)))
    return samples


def _at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


async def _look(round_: Round, begin: int, end: int) -> None:
    for minute in range(begin, end):
        await round_.once(_at(minute))


def _steps(state: State) -> list[tuple[str, float]]:
    """Each change of state in order, and the minute of it."""
    with state.read() as connection:
        (episode, *more) = stories.episode_page(connection, stories.Wanted()).episodes
        assert not more, "one story"
        asked = (
            select(transitions.c.after, transitions.c.at).where(transitions.c.episode == episode.id).order_by(transitions.c.at)
        )
        return [(after, (at - START) / timedelta(minutes=1)) for after, at in connection.execute(asked)]


def _nothing_said(state: State) -> bool:
    with state.read() as connection:
        return not stories.episode_page(connection, stories.Wanted()).episodes


@pytest.mark.parametrize("restarted", [False, True], ids=["", "after a restart between two samples"])
async def test_n4_between_seldom_samples_nothing_is_missing_and_after_three_of_its_intervals_it_is(
    state: State, *, restarted: bool
) -> None:
    samples = _samples(minutes=range(-60, 41, 10), value=0.1)
    round_ = _round(state, samples, no_data="alert")
    await _look(round_, 0, 46)
    if restarted:
        round_ = _round(state, samples, no_data="alert")
    await _look(round_, 46, 70)  # its newest sample was at 40
    assert _nothing_said(state)
    samples.append("cpu", {"host": "web-1"}, 0.1, to_ms(_at(90)))
    await _look(round_, 70, 95)
    # What was missed before a restart is forgiven: six minutes after the newest sample.
    assert _steps(state) == [("no_data", 77 if restarted else 71), ("ok", 90)]
    assert samples.asked <= 12, "once each time it is gone"


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({}, id="a threshold"),
        pytest.param({"expr": "cpu >= 0.9", "critical": None, "severity": "critical"}, id="a condition inside the query"),
        pytest.param({"no_data": "ok"}, id="data that stop are taken for ok"),
        pytest.param({"no_data": "breach"}, id="data that stop are a breach"),
        pytest.param({"expr": "max by (host) (cpu)", "no_data": "alert"}, id="an aggregate"),
    ],
)
async def test_n2_a_breach_that_is_measured_seldom_fires_once_and_ends_by_a_good_value(
    state: State, keys: dict[str, object]
) -> None:
    samples = _samples(minutes=(-20, -10), value=0.1)
    for minute, value in ((0, 0.95), (10, 0.95), (20, 0.95), (30, 0.95), (40, 0.1)):
        samples.append("cpu", {"host": "web-1"}, value, to_ms(_at(minute)))
    await _look(_round(state, samples, **keys), 0, 44)
    assert _steps(state) == [("firing", 0), ("ok", 40)]


@pytest.mark.parametrize("no_data", ["keep", "alert"])
async def test_what_is_good_or_stopped_as_fast_as_it_reported_asks_nothing_of_the_hours_before(
    state: State, no_data: str
) -> None:
    samples = _samples(minutes=range(-10, 5), value=0.95)
    for minute in range(5, 15):
        samples.append("cpu", {"host": "web-1"}, 0.1, to_ms(_at(minute)))
    inside = Rule.model_validate({"name": "inside", "expr": "cpu >= 0.9", "severity": "critical", "interval": "1m"})
    beside = Rule.model_validate({"name": "beside", "expr": "cpu", "critical": ">= 0.9", "interval": "1m", "no_data": no_data})
    round_ = Round([inside, beside], samples, state, Policy(Route(receiver="ops")), None, clock=lambda: START)
    await _look(round_, 0, 30)
    assert samples.asked == 0


async def test_s3_between_seldom_samples_no_sample_is_missing_so_that_the_clock_of_for_runs_on(state: State) -> None:
    samples = _samples(minutes=(-20, -10, 0, 10, 20, 30), value=0.95)
    await _look(_round(state, samples, **{"for": "14m"}), 0, 40)
    assert _steps(state) == [("pending", 0), ("firing", 14)]
