"""What an edited grouping changes: how alerts are told together from now on, and nothing that was told. Times are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gwanje.model import Severity
from gwanje.tell.escalation import Escalation
from gwanje.tell.groups import step
from gwanje.tell.spec import Route
from gwanje.tell.told import Alert, Group, Reason, Ways

BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
WEB = Alert("e1", "cpu high", {"host": "web-1"}, Severity.WARNING, firing=True)
DB = Alert("e2", "cpu high", {"host": "db-1"}, Severity.WARNING, firing=True)
NIGHT = Escalation.model_validate(
    {"name": "night", "steps": [{"after": "10m", "receiver": "lead"}, {"after": "30m", "receiver": "boss"}]}
)
TOGETHER = {"receiver": "ops", "group_by": ["rule"], "group_wait": "0s", "group_interval": "0s", "escalate": "night"}
APART = {**TOGETHER, "group_by": ["rule", "host"]}


@dataclass
class Desk:
    """One set of groups under routes that are edited."""

    route: dict[str, Any] = field(default_factory=lambda: dict(TOGETHER))
    groups: list[Group] = field(default_factory=list)
    said: list[tuple[int, str, str, list[str]]] = field(default_factory=list)

    def at(self, seconds: int, *alerts: Alert) -> None:
        ways = Ways(Route.model_validate(self.route), escalations={"night": NIGHT})
        self.groups, decided, _ = step(self.groups, alerts, ways, BEGAN + timedelta(seconds=seconds))
        for one in decided:
            told = [alert.episode + ("" if alert.firing else " over") for alert in one.alerts]
            self.said.append((seconds, one.group.receiver, one.reason, told))


def _taken(alert: Alert) -> Alert:
    return replace(alert, acknowledged="kim")


@pytest.mark.parametrize(("before", "after"), [(TOGETHER, APART), (APART, TOGETHER)], ids=["taken apart", "put together"])
def test_who_is_on_it_is_not_told_again_in_another_grouping(before: dict[str, Any], after: dict[str, Any]) -> None:
    desk = Desk(before)
    desk.at(0, WEB, DB)
    desk.at(60, _taken(WEB), _taken(DB))
    told = list(desk.said)
    desk.route = after
    for seconds in (120, 121):
        desk.at(seconds, _taken(WEB), _taken(DB))
    assert desk.said == told


@pytest.mark.parametrize("edited", [300, 900, 2000])
def test_x1_steps_keep_their_time_through_an_edited_grouping(edited: int) -> None:
    desk = Desk()
    for seconds in range(0, 3000, 20):
        desk.route = APART if seconds >= edited else TOGETHER
        desk.at(seconds, WEB)
    assert [(at, receiver) for at, receiver, _, _ in desk.said] == [(0, "ops"), (600, "lead"), (1800, "boss")]


@pytest.mark.parametrize("first", ["silenced", ""], ids=["never told", "told before the silence"])
def test_m3_what_was_silenced_is_told_as_such_in_another_grouping(first: str) -> None:
    desk = Desk()
    desk.at(0, replace(WEB, muted=first))
    desk.at(30, replace(WEB, muted="silenced"))
    desk.route = APART
    desk.at(60, WEB)
    desk.at(61, WEB)
    assert desk.said[-1] == (60, "ops", Reason.UNMUTED, ["e1"])
    assert len(desk.said) == (1 if first else 2)


def test_e10_an_alert_that_gets_worse_keeps_its_escalation_where_severity_makes_groups() -> None:
    by_severity = {**TOGETHER, "group_by": ["rule", "severity"]}
    desk = Desk(by_severity)
    for seconds in range(0, 700, 20):
        desk.at(seconds, replace(WEB, severity=Severity.CRITICAL) if seconds >= 500 else WEB)
    assert [(at, receiver, reason) for at, receiver, reason, _ in desk.said] == [
        (0, "ops", Reason.FIRST),
        (500, "ops", Reason.ROSE),
        (600, "lead", Reason.FIRST),
    ]
