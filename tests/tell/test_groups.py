"""What is told when. Times are seconds from the first alert."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from gwanje.model import Severity
from gwanje.tell.groups import step
from gwanje.tell.spec import Route
from gwanje.tell.told import Alert, Group, Reason, Ways

BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
WEB = Alert("e1", "cpu high", {"host": "web-1"}, Severity.WARNING, firing=True)
DB = Alert("e2", "cpu high", {"host": "db-1"}, Severity.WARNING, firing=True)
BY_RULE = {"receiver": "ops", "group_by": ["rule"], "group_wait": "30s", "group_interval": "5m"}


def _over(alert: Alert) -> Alert:
    return replace(alert, firing=False)


def _critical(alert: Alert) -> Alert:
    return replace(alert, severity=Severity.CRITICAL)


@dataclass
class Desk:
    """Steps one set of groups through time and notes what was said."""

    route: dict[str, object] = field(default_factory=lambda: dict(BY_RULE))
    groups: list[Group] = field(default_factory=list)
    said: list[tuple[int, str, str, list[str]]] = field(default_factory=list)

    def at(self, seconds: int, *alerts: Alert) -> None:
        root = Route.model_validate(self.route)
        self.groups, decided, _ = step(self.groups, alerts, Ways(root), BEGAN + timedelta(seconds=seconds))
        for one in decided:
            told = [alert.episode + ("" if alert.firing else " over") for alert in one.alerts]
            self.said.append((seconds, one.group.receiver, one.reason, told))

    @property
    def heard(self) -> Sequence[tuple[int, str, list[str]]]:
        return [(seconds, reason, told) for seconds, _, reason, told in self.said]


def test_g3_the_first_message_waits_for_the_group() -> None:
    desk = Desk()
    desk.at(0, WEB)
    desk.at(29, WEB, DB)
    desk.at(30, WEB, DB)
    desk.at(31, WEB, DB)
    assert desk.heard == [(30, Reason.FIRST, ["e1", "e2"])]


def test_g3_changes_come_at_most_each_group_interval() -> None:
    desk = Desk()
    for seconds in (0, 30):
        desk.at(seconds, WEB)
    for seconds in (31, 329, 330, 331):
        desk.at(seconds, WEB, DB)
    assert desk.heard == [(30, Reason.FIRST, ["e1"]), (330, Reason.NEW, ["e1", "e2"])]


def test_g3_critical_waits_for_nobody_by_default() -> None:
    desk = Desk({"receiver": "ops", "group_by": ["rule"], "group_interval": "5m"})
    desk.at(0, _critical(WEB))
    desk.at(5, _critical(WEB), DB)
    desk.at(6, _critical(WEB), _critical(DB))
    assert desk.heard == [(0, Reason.FIRST, ["e1"]), (6, Reason.NEW, ["e1", "e2"])]


def test_e10_a_rising_severity_is_told_and_a_falling_one_is_not() -> None:
    desk = Desk({"receiver": "ops", "group_wait": "0s", "group_interval": "0s"})
    for seconds, alert in enumerate((WEB, _critical(WEB), WEB, _critical(WEB))):
        desk.at(seconds, alert)
    assert desk.heard == [(0, Reason.FIRST, ["e1"]), (1, Reason.ROSE, ["e1"])]


def test_g3_unchanged_repeats_each_repeat_interval() -> None:
    desk = Desk({**BY_RULE, "group_wait": "0s", "repeat_interval": "1h"})
    for seconds in (0, 3599, 3600, 7199, 7200):
        desk.at(seconds, WEB)
    assert desk.heard == [(0, Reason.FIRST, ["e1"]), (3600, Reason.REPEAT, ["e1"]), (7200, Reason.REPEAT, ["e1"])]


def test_g4_what_is_over_before_it_was_told_is_never_told() -> None:
    desk = Desk()
    desk.at(0, WEB)
    desk.at(20, _over(WEB))
    desk.at(30, _over(WEB))
    assert desk.said == []
    assert desk.groups == []


def test_g4_resolved_goes_only_to_receivers_that_were_told_firing() -> None:
    fast = {"match": 'severity="critical"', "receiver": "pager", "continue": True, "group_wait": "0s"}
    desk = Desk({"receiver": "ops", "group_wait": "1h", "routes": [fast, {"receiver": "ops"}]})
    desk.at(0, _critical(WEB))
    desk.at(120, _over(_critical(WEB)))
    assert desk.said == [(0, "pager", Reason.FIRST, ["e1"]), (120, "pager", Reason.RESOLVED, ["e1 over"])]


def test_who_was_told_hears_the_end_though_the_alert_went_elsewhere() -> None:
    desk = Desk({"receiver": "ops", "group_wait": "0s", "routes": [{"match": 'severity="critical"', "receiver": "pager"}]})
    desk.at(0, WEB)
    desk.at(10, _critical(WEB))
    desk.at(100, _over(_critical(WEB)))
    assert desk.said[:2] == [(0, "ops", Reason.FIRST, ["e1"]), (10, "pager", Reason.FIRST, ["e1"])]
    assert sorted(desk.said[2:]) == [(100, "ops", Reason.RESOLVED, ["e1 over"]), (100, "pager", Reason.RESOLVED, ["e1 over"])]


def test_the_end_of_the_last_keeps_the_routes_group_interval() -> None:
    desk = Desk({**BY_RULE, "group_wait": "0s"})
    desk.at(0, WEB)
    desk.at(100, _over(WEB))
    desk.at(299, _over(WEB))
    desk.at(300, _over(WEB))
    desk.at(301, _over(WEB))
    assert desk.heard == [(0, Reason.FIRST, ["e1"]), (300, Reason.RESOLVED, ["e1 over"])]
    assert desk.groups == []


def test_some_over_is_told_with_those_that_still_fire() -> None:
    desk = Desk({**BY_RULE, "group_wait": "0s", "group_interval": "0s"})
    desk.at(0, WEB, DB)
    desk.at(10, _over(WEB), DB)
    desk.at(11, DB)
    assert desk.heard == [(0, Reason.FIRST, ["e1", "e2"]), (10, Reason.RESOLVED, ["e2", "e1 over"])]


def test_edited_grouping_tells_nothing_again() -> None:
    desk = Desk({"receiver": "ops", "group_by": ["rule"], "group_wait": "0s", "group_interval": "0s"})
    desk.at(0, WEB, DB)
    desk.route = {"receiver": "ops", "group_by": ["rule", "host"], "group_wait": "0s", "group_interval": "0s"}
    desk.at(10, WEB, DB)
    desk.at(20, _over(WEB), DB)
    assert desk.heard == [(0, Reason.FIRST, ["e1", "e2"]), (20, Reason.RESOLVED, ["e1 over"])]


def test_without_routes_nobody_is_told() -> None:
    assert step([], [WEB], Ways(None), BEGAN)[:2] == ([], [])


def test_two_routes_to_one_receiver_tell_it_once() -> None:
    desk = Desk({"receiver": "ops", "group_wait": "0s", "routes": [{"continue": True}, {}]})
    desk.at(0, WEB)
    assert desk.heard == [(0, Reason.FIRST, ["e1"])]


def test_two_routes_that_group_differently_tell_one_receiver_once() -> None:
    desk = Desk(
        {"receiver": "ops", "group_wait": "0s", "routes": [{"continue": True, "group_by": ["host"]}, {"group_by": ["rule"]}]}
    )
    for seconds in (0, 1, 2, 3):
        desk.at(seconds, WEB)
    desk.at(100, _over(WEB))
    assert desk.heard == [(0, Reason.FIRST, ["e1"]), (100, Reason.RESOLVED, ["e1 over"])]


def test_each_message_has_a_key_of_its_own() -> None:
    root = Route.model_validate({**BY_RULE, "group_wait": "0s", "group_interval": "0s"})
    groups, first, _ = step([], [WEB], Ways(root), BEGAN)
    _, second, _ = step(groups, [WEB, DB], Ways(root), BEGAN + timedelta(seconds=1))
    assert len({message.key for message in (*first, *second)}) == 2
