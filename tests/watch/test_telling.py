"""What is told, from alerts in state to messages in the outbox: storms, flapping, silences, restarts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from gwanje.act.spec import Action
from gwanje.judge import lifecycle
from gwanje.judge.rules.spec import Rule
from gwanje.keep.said import Acknowledgement, OutsideAlert, Silence
from gwanje.keep.state import acknowledgements, alerts, deeds, history, silences, stories
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import outbox
from gwanje.model import Severity, to_ms
from gwanje.tell.escalation import Escalation
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
            return next(one.id for one in stories.open_episodes(connection) if one.host == host)

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
        history = stories.episode_page(connection, stories.Wanted(limit=100)).episodes
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


async def test_g6_x3_however_many_alerts_flap_a_receiver_is_told_so_many_messages_a_minute(state: State) -> None:
    limits = Limits.model_validate({"changes": 3, "within": "10m", "stable_for": "10m", "summary_every": "1h"})
    desk = Desk(state, flapping=limits, messages_a_minute=5)
    await desk.at(-1)
    for turn in range(8):
        await desk.at(turn * 5, *([] if turn % 2 else HOSTS), over=HOSTS if turn % 2 else [])
    assert len(desk.sent()) == 5, "what flaps waits for room, too"
    assert set(alerts_muted(state)) <= {("flapping",)}
    desk.restart()
    for second in range(40, 130):
        await desk.at(second)
    notice, digest = sorted(desk.sent()[5:], key=lambda one: one.reason, reverse=True)
    assert (notice.title["en"], digest.reason) == ("30 alerts that come and go", "digest")
    assert notice.text["en"].splitlines()[0] == "disk full · web-00 is flapping"
    assert notice.text["ko"].splitlines()[10] == "그 밖에 20건"


async def test_x3_who_heard_that_an_alert_flaps_hears_that_it_is_stable(state: State) -> None:
    pager = {"match": 'severity="critical"', "receiver": "pager"}
    root = Route.model_validate({"receiver": "ops", "group_wait": "0s", "group_interval": "0s", "routes": [pager]})
    limits = Limits.model_validate({"changes": 3, "within": "10m", "stable_for": "10m", "summary_every": "5m"})
    desk = Desk(state, root=root, flapping=limits)
    for minute in range(12):
        await desk.at(minute * 60, *([] if minute % 2 else ["web-1"]), over=["web-1"] if minute % 2 else [])
    for minute in range(12, 30):
        await desk.at(minute * 60)
    assert {one.receiver for one in desk.sent()} == {"pager"}
    summary, *_, over = [one for one in desk.sent() if one.reason == "notice"][1:]
    assert summary.text["en"] == "It changed 5 times in the last 5m. It is not told by itself until stable for 10m."
    assert over.title["en"] == "disk full · web-1 is stable again"


def alerts_muted(state: State) -> list[tuple[str, ...]]:
    with state.read() as connection:
        return [tuple(one.muted) for one in stories.open_episodes(connection)]


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


def _silence(id_: str, begins: float, ends: float, matchers: str = 'host="web-1"') -> Silence:
    return Silence(id_, matchers, _at(begins), _at(ends), "moving", "kim", _at(begins), _at(begins))


async def test_m2_m4_under_a_silence_the_story_goes_on_messages_and_actions_stop_and_the_end_is_told(state: State) -> None:
    rule = Rule.model_validate({"name": "cpu high", "expr": "cpu", "warning": ">= 0.8", "critical": ">= 0.9", "interval": "1s"})
    action = Action.model_validate({"name": "restart", "rules": ["cpu high"], "severity": "warning", "cool_down": "1s"})
    desk, samples = Desk(state), MemorySamples()

    def start() -> None:
        desk.round = Round([rule], samples, state, desk.policy, None, clock=lambda: NOW, actions=[action])

    start()
    for second, value in enumerate([0.85, 0.85, 0.85, 0.95, 0.99, 0.85, 0.1]):
        if second == 2:
            with state.write() as connection:
                silences.put(connection, _silence("s", 2, 100))
        if second == 4:
            start()
        samples.append("cpu", {"host": "web-1"}, value, to_ms(_at(second)))
        await desk.round.once(_at(second))
        with state.write() as connection:
            (done,) = deeds.recent(connection, NOW)  # the one of the first look, and no other when that is long done
            if second == 1:
                deeds.end(connection, done.id, deeds.DONE, "", _at(second))
    assert [reason for reason, _ in desk.heard()] == ["first", "resolved"]
    with state.read() as connection:
        (episode,) = stories.episode_page(connection, stories.Wanted()).episodes
        changes = history.steps_of(connection, [episode.id])[episode.id]
    assert (episode.peak, episode.ended_because) == (0.99, "resolved")
    assert [str(one.severity) for one in changes if one.before != "ok" and str(one.severity) == "critical"] == ["critical"]


@pytest.mark.parametrize(
    ("says", "told_at"),
    [
        pytest.param([(0, _silence("s", -5, 100))], 100, id="at its time"),
        pytest.param([(0, _silence("s", -5, 100)), (30, _silence("s", -5, 30))], 30, id="ended early"),
        pytest.param([(0, _silence("s", -5, 100)), (50, _silence("s", -5, 200))], 200, id="prolonged"),
        pytest.param([(0, _silence("s", -5, 100)), (50, _silence("t", 50, 150))], 150, id="two that overlap"),
        pytest.param([(0, _silence("s", -5, 100)), (50, _silence("t", 100, 150))], 150, id="one right after the other"),
        pytest.param([(0, _silence("s", -5, 100, 'severity="critical", host=~"wéb.*|web-1"'))], 100, id="by a pattern"),
        pytest.param([(0, _silence("s", -5, 100, 'team="", host!~"db.*"'))], 100, id="by a label that is not there"),
    ],
)
async def test_m3_whatever_becomes_of_a_silence_its_end_is_one_message(
    state: State, says: Sequence[tuple[int, Silence]], told_at: int
) -> None:
    desk, heard = Desk(state), list[int]()
    for second in range(0, 260, 10):
        with state.write() as connection:
            for at, silence in says:
                if at == second:
                    silences.put(connection, silence)
        before = len(desk.sent())
        await desk.at(second, *(["web-1"] if not second else []))
        heard += [second] * (len(desk.sent()) - before)
        if second % 50 == 0:
            desk.restart()
    assert heard == [told_at]
    assert desk.sent()[0].alerts[0].was_muted == "silenced"


async def test_m3_what_ends_with_its_silence_is_history_only(state: State) -> None:
    desk = Desk(state)
    with state.write() as connection:
        silences.put(connection, _silence("s", -5, 100))
    await desk.at(0, "web-1")
    await desk.at(100, over=["web-1"])
    await desk.at(101)
    assert desk.sent() == []
    with state.read() as connection:
        (episode,) = stories.episode_page(connection, stories.Wanted()).episodes
    assert (episode.ended_because, episode.told) == ("resolved", ())


async def test_a_silence_over_many_is_worded_once_and_written_together(state: State) -> None:
    """Of eight hundred it is hardly more statements than of one."""
    desk, written = Desk(state, root=ROUTE.model_copy(update={"group_by": ("rule",)})), list[str]()
    event.listen(state.engine, "before_cursor_execute", lambda *given: written.append(given[2]))
    counted = []
    for turn, hosts in enumerate((["web-1"], [f"db-{number}" for number in range(800)])):
        await desk.at(turn * 1000, *hosts)
        await desk.at(turn * 1000 + 200)
        with state.write() as connection:
            silences.put(connection, _silence(f"s{turn}", turn * 1000 + 300, turn * 1000 + 400, f'host=~"{hosts[0][:2]}.*"'))
        before = len(written)
        await desk.at(turn * 1000 + 300)
        counted.append(sum(one.startswith(("INSERT", "UPDATE", "DELETE")) for one in written[before:]))
    assert counted[1] <= counted[0] + 1


async def test_g5_what_ends_with_the_alert_that_spoke_for_it_is_never_told(state: State) -> None:
    rule = Inhibition.model_validate({"source": 'host="switch"', "target": 'host=~"web-.*"'})
    desk = Desk(state, inhibitions=[rule])
    await desk.at(0, "switch", "web-1", "web-2")
    await desk.at(10, over=["switch", "web-1"])
    await desk.at(11)
    assert desk.heard() == [("first", ["switch"]), ("resolved", ["switch"]), ("was muted", ["web-2"])]


async def test_g1_another_value_time_or_text_is_the_same_alert_and_no_message(state: State) -> None:
    desk = Desk(state, root=ROUTE.model_copy(update={"repeat_interval": timedelta(minutes=1)}))
    await desk.at(0, "web-1")
    labels = {"host": "web-1"}
    identity = lifecycle.fingerprint("disk full", labels)
    for second, value in ((10, 0.9), (20, 0.97)):
        other = OutsideAlert(identity, "api", "disk full", labels, Severity.CRITICAL, _at(second), _at(second))
        take(state, None, [replace(other, value=value, annotations={"summary": f"{value:.0%} full"}, threshold=">= 0.9")])
        await desk.round.once(_at(second))
    assert desk.heard() == [("first", ["web-1"])]
    await desk.at(60)
    (repeat,) = desk.sent()[1:]
    assert (repeat.reason, repeat.alerts[0].episode) == ("repeat", desk.sent()[0].alerts[0].episode)
    assert (repeat.alerts[0].value, repeat.alerts[0].summary["en"]) == (0.97, "97% full"), "a message says what is so now"


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
        story = stories.story(connection, episode)
    assert story is not None
    lines = [one for one in reversed(story.entries) if isinstance(one, stories.Change)]
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
    assert [one.unattended for one in desk.sent()] == [1, 0]
    await desk.at(10, "web-1")
    assert [reason for reason, _ in desk.heard()] == ["first", "acknowledged", "severity rose"]
    with state.read() as connection:
        assert acknowledgements.every(connection) == {}
        story = stories.story(connection, taken.episode)
    assert story
    assert any("acknowledgement ended: the alert is critical now" in str(entry) for entry in story.entries)


async def test_m6_acknowledging_stops_repeats_and_escalation_for_this_episode_only(state: State) -> None:
    night = Escalation.model_validate({"name": "night", "steps": [{"after": "10m", "receiver": "lead"}]})
    root = ROUTE.model_copy(update={"repeat_interval": timedelta(minutes=5), "escalate": "night"})
    desk = Desk(state, root=root, escalations=[night])
    await desk.at(0, "web-1")
    with state.write() as connection:
        acknowledgements.put(connection, Acknowledgement(desk.episode("web-1"), "kim", _at(1), "", None, Severity.CRITICAL))
    for minute in range(1, 20):
        await desk.at(minute * 60)
        if minute % 7 == 0:
            desk.restart()
    assert [(one.receiver, one.reason) for one in desk.sent()] == [("ops", "first"), ("ops", "acknowledged")]
    await desk.at(1200, over=["web-1"])
    await desk.at(1260, "web-1")
    for minute in range(22, 33):
        await desk.at(minute * 60)
        if minute % 7 == 0:
            desk.restart()
    assert [(one.receiver, one.reason) for one in desk.sent()[2:]] == [
        ("ops", "resolved"),
        ("ops", "first"),
        ("ops", "repeat"),
        ("ops", "repeat"),
        ("lead", "first"),
    ]


async def test_x1_x2_steps_are_taken_once_and_at_their_time_through_restarts_and_other_alerts(state: State) -> None:
    steps = [{"after": "10m", "receiver": "lead"}, {"after": "20m", "receiver": "boss"}, {"after": "40m", "receiver": "chief"}]
    root = ROUTE.model_copy(update={"group_by": ("rule",), "escalate": "night"})
    desk = Desk(state, root=root, escalations=[Escalation.model_validate({"name": "night", "steps": steps})])
    told: list[tuple[int, str, str]] = []
    for minute in range(40):
        before = len(desk.sent())
        hosts, over = {0: (["web-1"], []), 12: (["web-2"], []), 15: ([], ["web-1"]), 30: ([], ["web-2"])}.get(minute, ([], []))
        await desk.at(minute * 60, *hosts, over=over)
        told += [(minute, one.receiver, one.reason) for one in desk.sent()[before:]]
        desk.restart()
    assert sorted(told) == [
        (0, "ops", "first"),
        (10, "lead", "first"),
        *((12, receiver, "new alerts") for receiver in ("lead", "ops")),
        *((15, receiver, "resolved") for receiver in ("lead", "ops")),
        (20, "boss", "first"),
        *((30, receiver, "resolved") for receiver in ("boss", "lead", "ops")),
    ]


@pytest.mark.parametrize(("pauses", "told_at"), [(True, 14), (False, 10)], ids=["by default", "unless told otherwise"])
async def test_x1_time_under_a_silence_does_not_count_also_through_restarts(state: State, *, pauses: bool, told_at: int) -> None:
    night = {"name": "night", "steps": [{"after": "10m", "receiver": "lead"}], "pause_while_muted": pauses}
    root = ROUTE.model_copy(update={"escalate": "night"})
    desk = Desk(state, root=root, escalations=[Escalation.model_validate(night)])
    with state.write() as connection:
        silences.put(connection, _silence("s", 300, 540))
    told = []
    for minute in range(20):
        before = len(desk.sent())
        await desk.at(minute * 60, *([] if minute else ["web-1"]))
        told += [minute for one in desk.sent()[before:] if one.receiver == "lead"]
        desk.restart()
    assert told == [told_at]


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
