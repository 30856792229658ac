"""What is held back, what is taken over, and who else is told. Times are seconds from the first alert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from gwanje.model import Severity
from gwanje.tell.escalation import Escalation
from gwanje.tell.groups import step
from gwanje.tell.inhibition import Inhibition, inhibited
from gwanje.tell.muting import Muting, by_calendar
from gwanje.tell.placing import Placing
from gwanje.tell.spec import Route
from gwanje.tell.told import Alert, Group, Reason, Ways
from gwanje.tell.windows import Window

BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
WEB = Alert("e1", "cpu high", {"host": "web-1"}, Severity.WARNING, firing=True)
DB = Alert("e2", "cpu high", {"host": "db-1"}, Severity.WARNING, firing=True)
AT_ONCE = {"receiver": "ops", "group_by": ["rule"], "group_wait": "0s", "group_interval": "0s", "repeat_interval": "1h"}
POLICY = Escalation.model_validate(
    {"name": "night", "steps": [{"after": "10m", "receiver": "lead"}, {"after": "30m", "duty": "boss"}]}
)


def _over(alert: Alert) -> Alert:
    return replace(alert, firing=False)


def _muted(alert: Alert, why: str = "silenced") -> Alert:
    return replace(alert, muted=why)


def _taken(alert: Alert) -> Alert:
    return replace(alert, acknowledged="kim")


@dataclass
class Desk:
    """Steps one set of groups through time and notes what was said."""

    route: dict[str, object] = field(default_factory=lambda: dict(AT_ONCE))
    escalation: Escalation = POLICY
    on_duty: dict[str, str] = field(default_factory=lambda: {"boss": "kims-phone"})
    groups: list[Group] = field(default_factory=list)
    said: list[tuple[int, str, str, list[str]]] = field(default_factory=list)
    was_muted: list[str] = field(default_factory=list)
    unattended: list[int] = field(default_factory=list)

    def at(self, seconds: int, *alerts: Alert, windows: Sequence[str] = ()) -> None:
        ways = Ways(Route.model_validate(self.route), frozenset(windows), {self.escalation.name: self.escalation}, self.on_duty)
        self.groups, decided, _ = step(self.groups, alerts, ways, BEGAN + timedelta(seconds=seconds))
        for one in decided:
            told = [alert.episode + ("" if alert.firing else " over") for alert in one.alerts]
            self.said.append((seconds, one.group.receiver, one.reason, told))
            self.unattended.append(one.unattended)
            self.was_muted += [why for alert in one.alerts if (why := one.was_muted(alert.episode))]

    @property
    def heard(self) -> list[tuple[int, str, list[str]]]:
        return [(seconds, reason, told) for seconds, _, reason, told in self.said]


def test_m3_a_breach_that_outlasts_the_silence_is_told_once_and_late() -> None:
    desk = Desk()
    for seconds in range(0, 600, 60):
        desk.at(seconds, _muted(WEB))
    for seconds in range(600, 900, 60):
        desk.at(seconds, WEB)
    assert desk.heard == [(600, Reason.UNMUTED, ["e1"])]
    assert desk.was_muted == ["silenced"]


def test_m3_what_came_and_went_inside_a_silence_is_never_told() -> None:
    desk = Desk()
    desk.at(0, _muted(WEB))
    desk.at(60)
    desk.at(600)
    assert desk.heard == []
    assert desk.groups == []


def test_m4_the_end_of_what_was_told_before_a_silence_is_still_told() -> None:
    desk = Desk()
    desk.at(0, WEB)
    desk.at(60, _muted(WEB))
    desk.at(120, _over(WEB))
    assert desk.heard == [(0, Reason.FIRST, ["e1"]), (120, Reason.RESOLVED, ["e1 over"])]


def test_m2_a_silence_stops_repeats() -> None:
    desk = Desk()
    desk.at(0, WEB)
    desk.at(3700, _muted(WEB))
    desk.at(7300, _muted(WEB))
    desk.at(7400, WEB)
    assert desk.heard == [(0, Reason.FIRST, ["e1"]), (7400, Reason.UNMUTED, ["e1"])]


def test_a_silence_on_one_host_leaves_the_others_to_be_told() -> None:
    desk = Desk()
    desk.at(0, _muted(WEB), DB)
    assert desk.heard == [(0, Reason.FIRST, ["e2"])]


def test_a_worse_severity_under_a_silence_is_told_at_its_end() -> None:
    desk = Desk()
    desk.at(0, WEB)
    worse = replace(WEB, severity=Severity.CRITICAL)
    desk.at(60, _muted(worse))
    desk.at(120, worse)
    assert desk.heard == [(0, Reason.FIRST, ["e1"]), (120, Reason.ROSE, ["e1"])]


def test_m5_quiet_hours_of_a_route_hold_back_and_do_not_delete() -> None:
    desk = Desk({**AT_ONCE, "mute": ["nights"]})
    desk.at(0, WEB, windows=["nights"])
    desk.at(60, WEB)
    desk.at(120, WEB)
    assert desk.heard == [(60, Reason.UNMUTED, ["e1"])]
    assert desk.was_muted == ["mute window"]


def test_m5_outside_of_its_active_hours_a_route_tells_nobody() -> None:
    desk = Desk({**AT_ONCE, "active": ["office"]})
    desk.at(0, WEB)
    desk.at(60, WEB, windows=["office"])
    assert desk.heard == [(60, Reason.UNMUTED, ["e1"])]


def test_m6_what_is_acknowledged_is_not_repeated_and_everybody_hears_who_is_on_it() -> None:
    desk = Desk()
    desk.at(0, WEB)
    desk.at(60, _taken(WEB))
    desk.at(120, _taken(WEB))
    desk.at(4000, _taken(WEB))
    desk.at(8000, WEB)
    assert desk.heard == [(0, Reason.FIRST, ["e1"]), (60, Reason.ACKNOWLEDGED, ["e1"]), (8000, Reason.REPEAT, ["e1"])]


def test_m6_a_message_says_how_many_alerts_of_its_group_nobody_took_over() -> None:
    desk = Desk()
    desk.at(0, WEB, DB)
    desk.at(60, _taken(WEB), DB)
    desk.at(120, _taken(WEB), _muted(DB))
    desk.at(180, _taken(WEB), _taken(DB))
    desk.at(240, _taken(WEB), _over(DB))
    assert desk.unattended == [2, 1, 0, 0]


def test_x1_steps_are_taken_while_nobody_takes_it_over_and_the_end_reaches_everybody() -> None:
    desk = Desk({**AT_ONCE, "escalate": "night"})
    for seconds in (0, 599, 600, 660, 1799, 1800, 1860):
        desk.at(seconds, WEB)
    desk.at(2000, _over(WEB))
    desk.at(2060)
    assert sorted((seconds, receiver, reason) for seconds, receiver, reason, _ in desk.said) == [
        (0, "ops", Reason.FIRST),
        (600, "lead", Reason.FIRST),
        (1800, "kims-phone", Reason.FIRST),
        *[(2000, receiver, Reason.RESOLVED) for receiver in ("kims-phone", "lead", "ops")],
    ]


@pytest.mark.parametrize(
    ("day", "hears"),
    [
        pytest.param(WEB, {"ops", "lead", "nights-phone", "days-phone"}, id="nobody is on it: whoever is on duty now is told"),
        pytest.param(replace(WEB, acknowledged="kim"), {"ops", "lead", "nights-phone"}, id="somebody is on it: the day rests"),
    ],
)
def test_x1_at_a_change_of_layers_the_end_reaches_exactly_those_who_were_told(day: Alert, hears: set[str]) -> None:
    """The night was told at the second step; it is over when the day's layer answers."""
    desk = Desk({**AT_ONCE, "escalate": "night"}, on_duty={"boss": "nights-phone"})
    for seconds in (0, 600, 1800):
        desk.at(seconds, WEB)
    desk.on_duty = {"boss": "days-phone"}
    desk.at(1860, day)
    desk.at(2000, _over(WEB))
    desk.at(2060)
    told = sorted(receiver for _, receiver, reason, _ in desk.said if reason == Reason.FIRST)
    over = sorted(receiver for _, receiver, reason, _ in desk.said if reason == Reason.RESOLVED)
    assert told == over == sorted(hears)


def test_x1_acknowledging_stops_the_escalation() -> None:
    desk = Desk({**AT_ONCE, "escalate": "night"})
    desk.at(0, WEB)
    desk.at(300, _taken(WEB))
    desk.at(700, _taken(WEB))
    desk.at(900, _over(WEB))
    assert {receiver for _, receiver, _, _ in desk.said} == {"ops"}


def test_m6_whom_an_escalation_told_hears_who_is_on_it() -> None:
    desk = Desk({**AT_ONCE, "escalate": "night"})
    for seconds in (0, 600):
        desk.at(seconds, WEB)
    for seconds in (700, 760, 820):
        desk.at(seconds, _taken(WEB))
    desk.at(900, _taken(WEB), DB)
    assert [(seconds, receiver, reason) for seconds, receiver, reason, _ in desk.said] == [
        (0, "ops", Reason.FIRST),
        (600, "lead", Reason.FIRST),
        (700, "ops", Reason.ACKNOWLEDGED),
        (700, "lead", Reason.ACKNOWLEDGED),
        (900, "ops", Reason.NEW),
    ]


def test_x1_when_an_acknowledgement_ends_steps_begin_anew_and_tell_nobody_again() -> None:
    desk = Desk({**AT_ONCE, "escalate": "night", "repeat_interval": "12h"})
    for minute in range(12):
        desk.at(minute * 60, WEB)
    for minute in range(12, 70):
        desk.at(minute * 60, _taken(WEB))
    for minute in range(70, 110):
        desk.at(minute * 60, WEB)
    told = [(seconds // 60, receiver) for seconds, receiver, reason, _ in desk.said if reason == Reason.FIRST]
    assert told == [(0, "ops"), (10, "lead"), (100, "kims-phone")]


def test_x1_muted_time_pauses_the_clock_unless_told_otherwise() -> None:
    for pause, receivers in ((True, {"ops"}), (False, {"ops", "lead"})):
        policy = POLICY.model_copy(update={"pause_while_muted": pause})
        desk = Desk({**AT_ONCE, "escalate": "night"}, policy)
        desk.at(0, WEB)
        desk.at(100, _muted(WEB))
        desk.at(550, _muted(WEB))
        desk.at(650, WEB)
        assert {receiver for _, receiver, _, _ in desk.said} == receivers


def test_x2_another_alert_does_not_begin_the_escalation_anew() -> None:
    desk = Desk({**AT_ONCE, "escalate": "night"})
    desk.at(0, WEB)
    desk.at(550, WEB, DB)
    desk.at(600, WEB, DB)
    desk.at(1200, WEB, DB)
    assert [seconds for seconds, receiver, _, _ in desk.said if receiver == "lead"] == [600]


def test_x1_a_step_tells_its_receiver_once_of_an_alert_that_two_routes_told() -> None:
    two = [{"receiver": "web", "group_by": ["host"], "continue": True}, {}]
    desk = Desk({**AT_ONCE, "escalate": "night", "repeat_interval": "12h", "routes": two})
    for minute in range(25):
        desk.at(minute * 60, WEB)
    assert [(seconds, receiver) for seconds, receiver, *_ in desk.said] == [(0, "ops"), (0, "web"), (600, "lead")]


def test_two_routes_to_one_receiver_by_day_and_by_night_tell_it_at_any_time() -> None:
    desk = Desk({**AT_ONCE, "routes": [{"mute": ["night"], "continue": True}, {"active": ["night"], "group_by": ["host"]}]})
    desk.at(0, WEB, windows=["night"])
    desk.at(60, WEB)
    desk.at(120, WEB, DB)
    assert desk.heard == [(0, Reason.FIRST, ["e1"]), (120, Reason.NEW, ["e1", "e2"])]


def test_a_rota_in_which_nobody_is_on_duty_leaves_the_receiver_of_the_route() -> None:
    desk = Desk({**AT_ONCE, "duty": "boss"}, on_duty={})
    desk.at(0, WEB)
    desk.on_duty["boss"] = "kims-phone"
    desk.at(60, WEB)
    assert [(seconds, receiver) for seconds, receiver, _, _ in desk.said] == [(0, "ops"), (60, "kims-phone")]


def test_g5_the_same_labels_must_agree_and_a_missing_one_is_empty() -> None:
    rule = Inhibition.model_validate({"source": 'rule="switch down"', "target": 'rule="cpu high"', "equal": ["site"]})
    seoul = Alert("s", "switch down", {"site": "seoul"}, Severity.CRITICAL, firing=True)
    nowhere = Alert("n", "switch down", {}, Severity.CRITICAL, firing=True)
    behind = replace(WEB, labels={"host": "web-1", "site": "seoul"})
    assert inhibited([seoul, behind, DB], [rule]) == {"e1": "s"}
    empty = replace(DB, episode="e3", labels={"host": "db-1", "site": ""})
    assert inhibited([nowhere, behind, DB, empty], [rule]) == {"e2": "n", "e3": "n"}


def test_g5_no_alert_inhibits_itself_and_two_never_each_other() -> None:
    rule = Inhibition.model_validate({"source": 'severity="warning"', "target": 'rule="cpu high"', "equal": []})
    assert inhibited([WEB], [rule]) == {}
    assert inhibited([WEB, DB], [rule]) == {}


def test_g5_at_its_end_the_targets_are_told_if_they_still_fire() -> None:
    desk = Desk()
    desk.at(0, _muted(WEB, "inhibited"))
    desk.at(60, WEB)
    assert desk.heard == [(60, Reason.UNMUTED, ["e1"])]


def test_maintenance_is_of_what_it_matches_and_says_until_when() -> None:
    patch = Window.model_validate({"name": "patch", "match": 'host=~"web-.*"', "dates": ["2026-03-01"]})
    (muter,) = Muting(windows=[patch]).of([WEB, DB], BEGAN)["e1"]
    assert (muter.what, muter.name, muter.until) == ("maintenance", "patch", datetime(2026, 3, 2, tzinfo=UTC))
    assert list(Muting(windows=[patch]).of([WEB, DB], BEGAN)) == ["e1"]
    assert Muting(windows=[patch]).of([WEB, DB], BEGAN + timedelta(days=1)) == {}


def test_g5_of_several_that_speak_for_an_alert_the_oldest_is_named() -> None:
    rule = Inhibition.model_validate({"source": 'rule="switch down"', "target": 'rule="cpu high"'})
    older = Alert("d1", "switch down", {"host": "sw-1"}, Severity.CRITICAL, firing=True)
    newer = Alert("d2", "switch down", {"host": "sw-2"}, Severity.CRITICAL, firing=True)
    (muter,) = Muting(inhibitions=[rule]).of([newer, WEB, older], BEGAN)["e1"]
    assert (muter.what, muter.name, muter.why) == ("inhibited", "d1", "switch down · sw-1")


def test_a_routes_calendar_names_the_receiver_that_is_not_told_and_until_when() -> None:
    office = Window.model_validate({"name": "office", "from": "08:00", "to": "18:00"})
    night = Window.model_validate({"name": "night", "from": "18:00", "to": "08:00"})
    routes = [
        {"receiver": "boss", "active": ["night"], "continue": True},
        {"mute": ["office"], "continue": True},
        {"receiver": "jira"},
    ]
    root = Route.model_validate({"receiver": "ops", "routes": routes})
    placed = Placing().of([WEB], root, {}, frozenset())
    found = by_calendar(placed, [office, night], frozenset({"office"}), BEGAN)["e1"]
    ends = datetime(2026, 3, 1, 18, tzinfo=UTC)
    assert [(one.receiver, one.name, one.until) for one in found] == [("boss", "night", ends), ("ops", "office", ends)]
    assert by_calendar(placed, [office, night], frozenset({"night"}), ends).get("e1", ()) == ()


def test_a_receiver_that_another_of_its_groups_tells_is_not_muted_by_the_calendar() -> None:
    routes = [{"mute": ["night"], "continue": True}, {"group_by": ["host"]}]
    root = Route.model_validate({"receiver": "ops", "routes": routes})
    assert by_calendar(Placing().of([WEB], root, {}, frozenset()), [], frozenset({"night"}), BEGAN) == {}
