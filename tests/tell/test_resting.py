"""Groups are looked at only when something changed or their time has come; what is told is the same as if they always were."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from gwanje.model import Severity
from gwanje.tell.escalation import Escalation
from gwanje.tell.groups import step
from gwanje.tell.placing import Placing
from gwanje.tell.spec import Route
from gwanje.tell.told import Alert, Decided, Group, Ways

BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TICK = timedelta(seconds=5)
ROUTE = Route.model_validate(
    {
        "receiver": "ops",
        "group_by": ["rule"],
        "group_interval": "1m",
        "repeat_interval": "5m",
        "escalate": "night",
        "routes": [{"match": 'host="web-1"', "receiver": "web", "group_by": ["host"], "group_wait": "0s", "continue": True}, {}],
    }
)
ESCALATION = Escalation.model_validate(
    {"name": "night", "steps": [{"after": "2m", "receiver": "lead"}, {"after": "10m", "receiver": "boss"}]}
)
WAYS = Ways(ROUTE, escalations={"night": ESCALATION})


def _changed(alert: Alert | None, number: int, dice: Random) -> Alert | None:
    """What becomes of an alert: it begins, ends, is forgotten, taken over, muted, freed or gets worse."""
    if alert is None or not alert.firing:
        labels = {"host": f"web-{number}"}
        return Alert(f"e{dice.random()}", f"rule {number % 2}", labels, dice.choice(list(Severity)), firing=True)
    changes = (
        {"firing": False, "acknowledged": "", "muted": ""},
        {"acknowledged": dice.choice(["kim", ""])},
        {"muted": dice.choice(["silenced", ""])},
        {"severity": dice.choice(list(Severity))},
    )
    return replace(alert, **dice.choice(changes))


def _story(seed: int, *, rests: bool) -> tuple[list[Decided], int]:
    """What is told through an hour, and how often the groups were looked at."""
    dice, placing = Random(seed), Placing()  # noqa: S311 - stories, no secrets
    alerts: dict[int, Alert | None] = dict.fromkeys(range(5))
    over: dict[str, Alert] = {}
    groups: list[Group] = []
    told: list[Decided] = []
    looks, wake = 0, BEGAN
    for tick in range(720):
        now, change = BEGAN + tick * TICK, dice.random() < 0.03
        if change:
            number = dice.randrange(5)
            after = _changed(alerts[number], number, dice)
            if after is not None and not after.firing:
                over[after.episode] = after
            alerts[number] = after
        heard = [*over.values(), *(one for one in alerts.values() if one and one.firing)]
        if rests and not change and now < wake:
            continue
        looks += 1
        before = {group.key: group for group in groups}
        groups, decided, wakes = step(groups, heard, WAYS, now, placing if rests else None)
        told += decided
        still = not decided and {group.key: group for group in groups} == before
        wake = wakes() if still else now
    return told, looks


@pytest.mark.parametrize("seed", range(12))
def test_groups_that_rest_until_their_time_tell_what_they_would_tell_anyway(seed: int) -> None:
    always, every = _story(seed, rests=False)
    resting, looks = _story(seed, rests=True)
    assert resting == always
    assert len(always) > 10, "a story in which something happens"
    assert looks < every / 2, "and in which they do rest"


def test_where_an_alert_goes_is_asked_anew_when_its_severity_or_who_is_on_duty_changes() -> None:
    root = Route.model_validate(
        {"receiver": "ops", "routes": [{"match": 'severity="critical"', "duty": "night"}]},
    )
    placing = Placing()
    alert = Alert("e1", "disk full", {"host": "web-1"}, Severity.WARNING, firing=True)

    def receivers(severity: Severity, on_duty: dict[str, str], absent: frozenset[str] = frozenset()) -> list[str]:
        ((_, placed),) = placing.of([replace(alert, severity=severity)], root, on_duty, absent)
        return [one.target.receiver for one in placed]

    assert receivers(Severity.WARNING, {"night": "kim"}) == ["ops"]
    assert receivers(Severity.CRITICAL, {"night": "kim"}) == ["kim"]
    assert receivers(Severity.CRITICAL, {"night": "lee"}) == ["lee"]
    assert receivers(Severity.CRITICAL, {}) == ["ops"]
    assert receivers(Severity.CRITICAL, {}, frozenset({"ops"})) == []


@pytest.mark.parametrize("seed", range(20))
def test_where_many_go_is_where_each_goes_by_itself(seed: int) -> None:
    dice = Random(seed)  # noqa: S311 - labels, no secrets
    inner = {"match": 'zone!="", host=~"web-[12]|"', "group_by": ["zone"], "receiver": "web", "continue": True}
    deeper = {"match": 'severity="critical"', "duty": "night", "routes": [{"match": 'team="shop"', "group_by": []}]}
    root = Route.model_validate({"receiver": "ops", "routes": [inner, deeper]})

    def some(name: str, *values: str) -> dict[str, str]:
        value = dice.choice([None, *values])
        return {} if value is None else {name: value}

    alerts = [
        Alert(
            f"e{number}",
            f"rule {number % 3}",
            some("host", "web-1", "web-3", "") | some("zone", "z1", "z2") | some("team", "shop", "search") | {"n": str(number)},
            dice.choice(list(Severity)),
            firing=True,
        )
        for number in range(60)
    ]
    together = Placing().of(alerts, root, {"night": "kim"}, frozenset())
    alone = [Placing().of([alert], root, {"night": "kim"}, frozenset())[0] for alert in alerts]
    assert together == alone
