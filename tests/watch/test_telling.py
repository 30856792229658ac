"""What is told, from alerts in state to messages in the outbox: storms, flapping, silences, restarts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gwanje.judge import lifecycle
from gwanje.judge.rules.spec import Rule
from gwanje.keep.said import Acknowledgement, OutsideAlert, Silence
from gwanje.keep.state import acknowledgements, alerts, silences, sqlite
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import outbox
from gwanje.kinds import World
from gwanje.model import Severity, to_ms
from gwanje.tell.flapping import Limits
from gwanje.tell.inhibition import Inhibition
from gwanje.tell.message import from_plain
from gwanje.tell.muted import mutings
from gwanje.tell.notifiers.base import Notification
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.tell.windows import Window
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.outside import take
from gwanje.watch.round import Round

NOW = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
ROUTE = Route.model_validate({"receiver": "ops", "group_by": ["rule", "host"], "group_wait": "0s", "group_interval": "0s"})


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = sqlite.create(sqlite.Settings(), World(tmp_path))
    state.migrate()
    yield state
    state.close()


def _at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class Desk:
    """One state, and processes that may be started anew on it."""

    def __init__(self, state: State, **policy: Any) -> None:
        self.state = state
        self.policy = Policy(**{"root": ROUTE, **policy})
        self.restart()

    def restart(self) -> None:
        self.round = Round([], MemorySamples(), self.state, self.policy, None, clock=lambda: NOW)

    async def at(self, seconds: float, *hosts: str, over: Sequence[str] = (), severity: Severity = Severity.CRITICAL) -> None:
        """These hosts' alerts fire, or are over, and a round is made."""
        told = []
        for host in (*hosts, *over):
            labels = {"host": host}
            ends = _at(seconds) if host in over else None
            identity = lifecycle.fingerprint("disk full", labels)
            told.append(OutsideAlert(identity, "api", "disk full", labels, severity, _at(seconds), _at(seconds), ends))
        if told:
            take(self.state, None, told)
        await self.round.once(_at(seconds))

    def episode(self, host: str) -> str:
        with self.state.read() as connection:
            return next(one.id for one in alerts.open_episodes(connection) if one.host == host)

    def sent(self) -> list[Notification]:
        with self.state.read() as connection:
            return [from_plain(row) for row in connection.execute(select(outbox.c.message).order_by(outbox.c.id)).scalars()]

    def heard(self) -> list[tuple[str, list[str]]]:
        return [(one.reason, [alert.labels["host"] for alert in one.alerts]) for one in self.sent()]


HOSTS = [f"web-{number:02d}" for number in range(30)]


async def test_g6_a_storm_is_so_many_messages_and_one_digest(state: State) -> None:
    desk = Desk(state, messages_a_minute=20)
    await desk.at(0, *HOSTS)
    assert [reason for reason, _ in desk.heard()] == ["first"] * 20
    told = [hosts[0] for _, hosts in desk.heard()]
    await desk.at(30, over=told[:2])
    desk.restart()
    await desk.at(61)
    digest = desk.sent()[-1]
    assert (digest.reason, len(desk.sent())) == ("digest", 21)
    assert digest.counts == {"firing": 10, "resolved": 2, "critical": 10}
    assert len(digest.alerts) == 10
    with state.read() as connection:
        history = alerts.episode_page(connection, alerts.Wanted(limit=100)).episodes
    assert len(history) == 30, "nothing leaves the history"
    assert all(one.told for one in history), "each alert's story says by which message it was told"
    await desk.at(200, over=told[5:7])
    assert [(one.reason, one.alerts[0].state) for one in desk.sent()[-2:]] == [("resolved", "resolved")] * 2


async def test_x3_an_alert_that_comes_and_goes_is_one_notice_until_it_is_stable(state: State) -> None:
    limits = Limits.model_validate({"changes": 3, "within": "10m", "stable_for": "10m", "summary_every": "1h"})
    desk = Desk(state, flapping=limits)
    await desk.at(-1)
    for minute in range(8):
        await desk.at(minute * 60, *([] if minute % 2 else ["web-1"]), over=["web-1"] if minute % 2 else [])
        if minute == 5:
            desk.restart()
    told = [(one.reason, one.title.get("en", "")) for one in desk.sent()]
    assert told == [
        ("first", ""),
        ("resolved", ""),
        ("first", ""),
        ("notice", "disk full · web-1 is flapping"),
        ("resolved", ""),
    ]
    await desk.at(8 * 60, "web-1")
    assert alerts_muted(state) == [("flapping",)]
    for minute in range(9, 20):
        await desk.at(minute * 60)
    assert [one.reason for one in desk.sent()[5:]] == ["notice", "was muted"]
    assert desk.sent()[5].title["ko"] == "disk full · web-1: 다시 안정되었습니다"


def alerts_muted(state: State) -> list[tuple[str, ...]]:
    with state.read() as connection:
        return [tuple(one.muted) for one in alerts.open_episodes(connection)]


async def test_m3_a_silence_that_ends_is_one_message_also_after_a_restart(state: State) -> None:
    desk = Desk(state)
    with state.write() as connection:
        silences.put(connection, Silence("s", 'host="web-1"', _at(-5), _at(100), "moving", "kim", _at(-5), _at(-5)))
    await desk.at(0, "web-1", "web-2")
    assert desk.heard() == [("first", ["web-2"])]
    assert sorted(alerts_muted(state)) == [(), ("silenced",)]
    desk.restart()
    for seconds in (50, 101, 102):
        await desk.at(seconds)
    assert desk.heard() == [("first", ["web-2"]), ("was muted", ["web-1"])]
    late = desk.sent()[-1].alerts[0]
    assert late.was_muted == "silenced"


async def test_g5_what_another_alert_speaks_for_is_told_when_that_is_over(state: State) -> None:
    rule = Inhibition.model_validate({"source": 'host="switch"', "target": 'host=~"web-.*"'})
    desk = Desk(state, inhibitions=[rule])
    await desk.at(0, "switch", "web-1")
    await desk.at(10, over=["switch"])
    await desk.at(11)
    assert desk.heard() == [("first", ["switch"]), ("resolved", ["switch"]), ("was muted", ["web-1"])]


async def test_maintenance_is_of_all_receivers_and_told_at_its_end(state: State) -> None:
    patch = Window.model_validate({"name": "patch", "match": 'host="web-1"', "from": "03:00", "to": "03:10"})
    desk = Desk(state, windows=[patch])
    await desk.at(0, "web-1")
    await desk.at(599)
    assert desk.heard() == []
    await desk.at(600)
    assert [one.alerts[0].was_muted for one in desk.sent()] == ["maintenance"]


def mutings_of(state: State, episode: str) -> list[tuple[str, str, str, str, int | None, int | None]]:
    with state.read() as connection:
        story = alerts.story(connection, episode)
    assert story is not None
    lines = [one for one in reversed(story.entries) if isinstance(one, alerts.Change)]
    return [
        (one.muter.what, one.muter.who, one.muter.why, one.muter.receiver, _seconds(one.begins), _seconds(one.ends))
        for one in mutings(lines, story.episode.ended_at)
    ]


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else round((at - NOW).total_seconds())


async def test_the_story_says_from_when_until_when_what_held_also_after_a_restart(state: State) -> None:
    speaks = Inhibition.model_validate({"source": 'host="switch"', "target": 'host=~"web-.*"'})
    night = Window.model_validate({"name": "night", "from": "00:00", "to": "03:05"})
    muted_at_night = Route.model_validate({"receiver": "ops", "group_wait": "0s", "mute": ["night"]})
    desk = Desk(state, root=muted_at_night, inhibitions=[speaks], windows=[night])
    with state.write() as connection:
        silences.put(connection, Silence("s", 'host="web-1"', _at(10), _at(100), "moving", "kim", _at(-5), _at(-5)))
    await desk.at(0, "web-1")
    id_ = desk.episode("web-1")
    for seconds in (10, 50):
        await desk.at(seconds)
    desk.restart()
    await desk.at(60, "switch")
    await desk.at(100)
    desk.restart()
    await desk.at(200, over=["switch"])
    await desk.at(299)
    assert mutings_of(state, id_)[0] == ("mute window", "", "", "ops", 0, None)
    await desk.at(300)
    await desk.at(400, over=["web-1"])
    assert mutings_of(state, id_) == [
        ("mute window", "", "", "ops", 0, 300),
        ("silenced", "kim", "moving", "", 10, 100),
        ("inhibited", "", "disk full · switch", "", 60, 200),
    ]


async def test_what_is_silenced_when_it_ends_was_silenced_until_then(state: State) -> None:
    desk = Desk(state)
    with state.write() as connection:
        silences.put(connection, Silence("s", 'host="web-1"', _at(-5), _at(100), "moving", "kim", _at(-5), _at(-5)))
    await desk.at(0, "web-1")
    id_ = desk.episode("web-1")
    await desk.at(50, over=["web-1"])
    assert mutings_of(state, id_) == [("silenced", "kim", "moving", "", 0, 50)]


async def test_m6_an_acknowledgement_ends_with_a_worse_severity(state: State) -> None:
    desk = Desk(state)
    await desk.at(0, "web-1", severity=Severity.WARNING)
    taken = Acknowledgement(desk.episode("web-1"), "kim", _at(1), "on it", None, Severity.WARNING)
    with state.write() as connection:
        acknowledgements.put(connection, taken)
    await desk.at(5)
    assert desk.sent()[-1].alerts[0].acknowledged_by == "kim"
    await desk.at(10, "web-1")
    assert [reason for reason, _ in desk.heard()] == ["first", "acknowledged", "severity rose"]
    with state.read() as connection:
        assert acknowledgements.every(connection) == {}
        story = alerts.story(connection, taken.episode)
    assert story
    assert any("acknowledgement ended: the alert is critical now" in str(entry) for entry in story.entries)


async def test_m6_an_acknowledgement_ends_with_its_time(state: State) -> None:
    desk = Desk(state)
    await desk.at(0, "web-1")
    with state.write() as connection:
        taken = Acknowledgement(desk.episode("web-1"), "kim", _at(1), "", _at(60), Severity.CRITICAL)
        acknowledgements.put(connection, taken)
    await desk.at(59)
    with state.read() as connection:
        assert acknowledgements.every(connection)
    await desk.at(61)
    with state.read() as connection:
        assert not acknowledgements.every(connection)


async def test_a_step_that_could_not_be_written_is_made_again(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(state)
    put = alerts.put_groups

    def full(*_given: Any, **_more: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(alerts, "put_groups", full)
    with pytest.raises(OSError, match="disk full"):
        await desk.at(0, "web-1")
    assert desk.sent() == []
    monkeypatch.setattr(alerts, "put_groups", put)
    await desk.at(1)
    assert desk.heard() == [("first", ["web-1"])]


async def test_a_message_shows_the_newest_value_though_a_value_alone_is_no_reason_to_look(state: State) -> None:
    desk = Desk(state, root=ROUTE.model_copy(update={"repeat_interval": timedelta(minutes=1)}))
    samples = MemorySamples()
    rule = Rule.model_validate({"name": "cpu high", "expr": "cpu", "critical": ">= 0.9", "interval": "1s"})
    desk.round = Round([rule], samples, state, desk.policy, None, clock=lambda: NOW)
    for second in range(62):
        samples.append("cpu", {"host": "web-1"}, 0.9 + second / 1000, to_ms(_at(second)))
        await desk.round.once(_at(second))
    assert [(one.reason, one.alerts[0].value_text) for one in desk.sent()] == [("first", "0.9"), ("repeat", "0.96")]
