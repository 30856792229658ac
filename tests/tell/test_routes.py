"""Which routes take an alert."""

from datetime import timedelta

import pytest

from gwanje.model import Severity
from gwanje.tell.routes import Target, targets
from gwanje.tell.spec import Route

TREE = Route.model_validate(
    {
        "receiver": "ops",
        "group_interval": "2m",
        "routes": [
            {
                "match": 'team="db"',
                "receiver": "db",
                "routes": [{"match": 'severity="critical"', "receiver": "db-pager", "group_wait": "5s"}],
            },
            {"match": 'host=~"web-.*"', "receiver": "log", "continue": True},
            {"match": 'host="web-1"', "group_by": ["rule"]},
        ],
    }
)


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        pytest.param({}, ["ops"], id="what no route takes goes to the first one"),
        pytest.param({"team": "db"}, ["db"], id="the first that matches takes it"),
        pytest.param({"team": "db", "severity": "critical"}, ["db-pager"], id="the deepest that matches"),
        pytest.param({"team": "db", "host": "web-1"}, ["db"], id="and no route after it"),
        pytest.param({"host": "web-1"}, ["log", "ops"], id="unless it says continue"),
        pytest.param({"host": "web-2"}, ["log"], id="continue does not fall back to the first one"),
    ],
)
def test_an_alert_goes_where_the_tree_says(labels: dict[str, str], receivers: list[str]) -> None:
    assert [target.receiver for target in targets(TREE, labels)] == receivers


def test_what_a_route_does_not_say_comes_from_the_one_around_it() -> None:
    assert targets(TREE, {"team": "db", "severity": "critical"}) == [
        Target("db-pager", ("rule", "host"), timedelta(seconds=5), timedelta(minutes=2), timedelta(hours=4))
    ]


@pytest.mark.parametrize(
    ("wait", "severity", "expected"),
    [
        (None, Severity.CRITICAL, 0),
        (None, Severity.WARNING, 30),
        (timedelta(seconds=7), Severity.CRITICAL, 7),
        (timedelta(seconds=7), Severity.INFO, 7),
    ],
)
def test_g3_critical_waits_for_nobody_unless_the_route_says_so(wait: timedelta | None, severity: Severity, expected: int) -> None:
    assert Target("ops", group_wait=wait).wait(severity) == timedelta(seconds=expected)
