"""Alerts that other programs tell live by the same rules as our own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gwanje.judge import lifecycle
from gwanje.keep.said import Acknowledgement, OutsideAlert, Silence
from gwanje.keep.state import acknowledgements, outside, silences, stories
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import outbox
from gwanje.model import Severity
from gwanje.tell.message import from_plain
from gwanje.tell.notifiers.base import Notification
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.outside import take
from gwanje.watch.round import Round

NOW = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def round_(state: State) -> Round:
    return Round([], MemorySamples(), state, Policy(Route(receiver="ops")), None, clock=lambda: NOW)


def _at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def _told(**given: Any) -> OutsideAlert:
    labels = {"host": "db-1"}
    known = {
        "fingerprint": lifecycle.fingerprint("disk full", labels),
        "source": "alertmanager",
        "rule": "disk full",
        "labels": labels,
        "severity": Severity.CRITICAL,
        "starts_at": _at(-5),
        "renewed_at": NOW,
        "annotations": {"summary": "the disk of db-1 is full"},
    }
    return OutsideAlert(**{**known, **given})


def _sent(state: State) -> list[Notification]:
    with state.read() as connection:
        return [from_plain(row) for row in connection.execute(select(outbox.c.message).order_by(outbox.c.id)).scalars()]


async def test_d10_what_another_program_tells_is_told_once_and_its_end_too(state: State, round_: Round) -> None:
    await round_.once(_at(-1))
    take(state, None, [_told(expires_at=_at(300))])
    await round_.once(NOW)
    take(state, None, [_told(expires_at=_at(600), renewed_at=_at(60))])
    await round_.once(_at(60))
    take(state, None, [_told(ends_at=_at(90), renewed_at=_at(91))])
    await round_.once(_at(200))
    told = _sent(state)
    assert [(one.reason, one.alerts[0].state, one.alerts[0].ended_because) for one in told] == [
        ("first", "firing", ""),
        ("resolved", "resolved", "resolved"),
    ]
    assert told[0].alerts[0].since == _at(-5)
    assert told[0].alerts[0].summary["ko"] == "the disk of db-1 is full"
    assert told[1].alerts[0].ended == _at(90)


async def test_d10_what_is_not_renewed_is_expired_and_not_resolved(state: State, round_: Round) -> None:
    take(state, None, [_told(expires_at=_at(300))])
    await round_.once(NOW)
    await round_.once(_at(299))
    await round_.once(_at(400))
    assert [one.alerts[0].ended_because for one in _sent(state)] == ["", "expired"]
    with state.read() as connection:
        assert outside.every(connection) == []


@pytest.mark.parametrize("source", ["cloudwatch", "eventbridge"])
async def test_d10_what_a_cloud_says_again_or_too_late_changes_nothing(state: State, round_: Round, source: str) -> None:
    """SNS and EventBridge deliver at least once and in any order; each word carries the time of the change it tells."""
    alarm = _told(source=source, starts_at=_at(0))
    ok = _told(source=source, starts_at=_at(60), ends_at=_at(60), renewed_at=_at(61))
    again = _told(source=source, starts_at=_at(120), renewed_at=_at(121))
    for at, word in ((0, alarm), (61, ok), (62, alarm), (121, again), (122, ok), (123, alarm)):
        take(state, None, [word])
        await round_.once(_at(at))
    assert [(one.reason, one.alerts[0].state) for one in _sent(state)] == [
        ("first", "firing"),
        ("resolved", "resolved"),
        ("first", "firing"),
    ]
    with state.read() as connection:
        assert [one.began_at for one in stories.open_episodes(connection)] == [_at(120)]


async def test_d10_what_expired_while_the_way_was_broken_fires_again_when_it_is_renewed(state: State, round_: Round) -> None:
    take(state, None, [_told(expires_at=_at(300))])
    await round_.once(NOW)
    await round_.once(_at(300))
    take(state, None, [_told(expires_at=_at(900), renewed_at=_at(600))])
    await round_.once(_at(600))
    assert [(one.reason, one.alerts[0].state) for one in _sent(state)] == [
        ("first", "firing"),
        ("resolved", "resolved"),
        ("first", "firing"),
    ]


async def test_d10_it_lives_by_the_same_rules(state: State) -> None:
    """Silenced it is held back and told at the end of the silence; acknowledged it is not repeated; its end is told."""
    route = Route.model_validate({"receiver": "ops", "group_wait": "0s", "repeat_interval": "1h"})
    round_ = Round([], MemorySamples(), state, Policy(route), None, clock=lambda: NOW)
    with state.write() as connection:
        silences.put(connection, Silence("s", 'rule="disk full"', _at(-10), _at(60), "moving", "kim", _at(-10), _at(-10)))
    take(state, None, [_told()])
    await round_.once(NOW)
    assert _sent(state) == []
    await round_.once(_at(60))
    with state.write() as connection:
        (episode,) = stories.open_episodes(connection)
        taken = Acknowledgement(episode.id, "kim", _at(70), "on it", None, Severity.CRITICAL)
        acknowledgements.put(connection, taken)
    await round_.once(_at(70))
    await round_.once(_at(9000))
    take(state, None, [_told(ends_at=_at(9001), renewed_at=_at(9001))])
    await round_.once(_at(9001))
    assert [one.reason for one in _sent(state)] == ["was muted", "acknowledged", "resolved"]


async def test_an_alert_that_comes_again_after_its_end_is_another_episode(state: State, round_: Round) -> None:
    take(state, None, [_told()])
    await round_.once(NOW)
    take(state, None, [_told(ends_at=_at(30), renewed_at=_at(30))])
    await round_.once(_at(100))
    take(state, None, [_told(starts_at=_at(200), renewed_at=_at(200))])
    await round_.once(_at(200))
    with state.read() as connection:
        found = stories.episode_page(connection, stories.Wanted())
    assert [(one.state, one.began_at) for one in found.episodes] == [("firing", _at(200)), ("resolved", _at(-5))]


async def test_a_restart_neither_forgets_nor_repeats_it(state: State, round_: Round) -> None:
    take(state, None, [_told(expires_at=_at(300))])
    await round_.once(NOW)
    again = Round([], MemorySamples(), state, Policy(Route(receiver="ops")), None, clock=lambda: NOW)
    await again.once(_at(10))
    await again.once(_at(301))
    assert [one.alerts[0].ended_because for one in _sent(state)] == ["", "expired"]


async def test_what_is_over_before_a_round_saw_it_is_never_told(state: State, round_: Round) -> None:
    take(state, None, [_told()])
    take(state, None, [_told(ends_at=_at(0), renewed_at=NOW)])
    await round_.once(_at(1))
    assert _sent(state) == []


async def test_a_worse_severity_is_told_and_kept_in_the_story(state: State, round_: Round) -> None:
    take(state, None, [_told(severity=Severity.WARNING)])
    await round_.once(NOW)
    await round_.once(_at(31))
    take(state, None, [_told(renewed_at=_at(40))])
    await round_.once(_at(40))
    assert [one.reason for one in _sent(state)] == ["first", "severity rose"]
    with state.read() as connection:
        story = stories.story(connection, _sent(state)[0].alerts[0].episode)
    assert story
    assert "warning → critical" in " ".join(getattr(entry, "because", "") for entry in story.entries)


async def test_h1_the_highest_value_of_what_has_a_floor_is_the_lowest(state: State, round_: Round) -> None:
    for second, value in enumerate((4.0, 1.5, 3.0)):
        take(state, None, [_told(value=value, threshold="< 5", renewed_at=_at(second))])
        await round_.once(_at(second))
    with state.read() as connection:
        (episode,) = stories.open_episodes(connection)
    assert (episode.value, episode.peak, episode.operator, episode.threshold) == (3.0, 1.5, "<", 5)
