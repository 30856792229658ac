"""Open alerts counted and paged by the engine, the worst first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gwanje.keep.said import Acknowledgement
from gwanje.keep.state import acknowledgements, alerts, standing
from gwanje.keep.state.base import State
from gwanje.keep.state.standing import Chosen, Counted, HostPage, OfHost
from gwanje.model import Severity

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def _row(id_: str, rule: str = "disk full", host: str = "web-1", **changes: Any) -> alerts.Row:
    row = {
        "id": id_,
        "fingerprint": f"f{id_}",
        "rule": rule,
        "labels": {"host": host},
        "annotations": {},
        "summary": {},
        "state": "firing",
        "severity": "critical",
        "began_at": NOW + timedelta(minutes=int(id_, 16)),
        "fired_at": NOW,
        "value": 0.9,
        "peak": 0.95,
        "operator": ">=",
        "threshold": 0.8,
        "query": "up",
        "unit": "ratio",
        "for_ms": 0,
    }
    return row | changes


@pytest.fixture
def trouble(state: State) -> State:
    """Seven open alerts of two rules and one that is over."""
    rows = [
        _row("1", severity="warning", muted=["silenced"]),
        _row("2", severity="info"),
        _row("3", state="pending", fired_at=None),
        _row("4", host="web-2", labels={"host": "web-2", "name": "nginx", "team": "쇼핑 100%"}),
        _row("5", state="no_data"),
        _row("6", state="recovering", severity="warning", source="api", muted=[]),
        _row("7", "memory high", labels={"pipeline": "prices"}),
        _row("8", ended_at=NOW, ended_because="resolved", state=alerts.ENDED),
    ]
    with state.write() as connection:
        for row in rows:
            alerts.begin_episodes(connection, [row])
        acknowledgements.put(connection, Acknowledgement("4", "kim", NOW, "", None, Severity.CRITICAL))
    return state


def _ids(state: State, chosen: Chosen = Chosen()) -> list[str]:  # noqa: B008 - frozen
    with state.read() as connection:
        return [one.id for one in standing.page(connection, chosen, "", 50).episodes]


def test_the_worst_stand_first_and_of_one_standing_the_older(trouble: State) -> None:
    assert _ids(trouble) == ["4", "7", "1", "5", "2", "3", "6"]


def test_while_nobody_evaluates_the_rules_own_alerts_are_unknown(trouble: State) -> None:
    assert _ids(trouble, Chosen(standing="unknown", unjudged=True)) == ["1", "2", "3", "4", "5", "7"]
    assert _ids(trouble, Chosen(unjudged=True))[-1] == "6"


def test_they_are_counted_by_rule_and_standing_with_who_has_them_and_what_mutes_them(trouble: State) -> None:
    with trouble.read() as connection:
        found = {(one.of, one.standing): one for one in standing.counted(connection, Chosen())}
    assert {key: one.count for key, one in found.items()} == {
        ("disk full", "critical"): 1,
        ("disk full", "warning"): 1,
        ("disk full", "unknown"): 1,
        ("disk full", "info"): 1,
        ("disk full", "pending"): 1,
        ("disk full", "recovering"): 1,
        ("memory high", "critical"): 1,
    }
    minute = timedelta(minutes=1)
    assert found["disk full", "critical"] == Counted("disk full", "critical", 1, NOW + 4 * minute, 1, 0)
    assert found["disk full", "warning"] == Counted("disk full", "warning", 1, NOW + minute, 0, 1)


@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        pytest.param(Chosen(standing="warning"), ["1"], id="how it stands"),
        pytest.param(Chosen(severity="warning"), ["1", "6"], id="severity, however it stands"),
        pytest.param(Chosen(rule="memory high"), ["7"], id="rule"),
        pytest.param(Chosen(host="web-2"), ["4"], id="host"),
        pytest.param(Chosen(text="NGIN"), ["4"], id="a part of a label, whatever the case"),
        pytest.param(Chosen(text="쇼핑"), ["4"], id="a label in Korean"),
        pytest.param(Chosen(text="100%"), ["4"], id="a percent sign is one"),
        pytest.param(Chosen(text="w%b"), [], id="and no pattern"),
        pytest.param(Chosen(text="Memory"), ["7"], id="a part of the rule's name"),
        pytest.param(Chosen(rule="memory high", host="web-2"), [], id="all filters together"),
    ],
)
def test_filters_let_through(trouble: State, chosen: Chosen, ids: list[str]) -> None:
    assert _ids(trouble, chosen) == ids


def test_pages_follow_one_another_without_a_gap_and_know_their_place(trouble: State) -> None:
    seen, after, places = [], "", []
    with trouble.read() as connection:
        while True:
            page = standing.page(connection, Chosen(), after, 3)
            seen.append([one.id for one in page.episodes])
            places.append(page.before)
            after = page.next
            if not after:
                break
        with pytest.raises(ValueError, match="nonsense"):
            standing.page(connection, Chosen(), "nonsense", 3)
    assert (seen, places) == ([["4", "7", "1"], ["5", "2", "3"], ["6"]], [0, 3, 6])


def test_a_few_of_each_rule_stand_for_all(trouble: State) -> None:
    with trouble.read() as connection:
        few = standing.worst_of_rules(connection, Chosen(), ["disk full", "memory high"], 2)
        assert [one.id for one in few] == ["4", "7", "1"]
        assert [one.acknowledged is not None for one in few] == [True, False, False]
        assert [one.id for one in standing.about(connection, "pipeline", 5)] == ["7"]


def test_by_host_the_worst_hosts_stand_first_with_their_counts_and_the_worst_few_of_each(trouble: State) -> None:
    with trouble.read() as connection:
        first = standing.worst_hosts(connection, Chosen(), "", 2)
        assert (first.hosts, first.before, first.more) == (["", "web-2"], 0, 1)
        assert standing.worst_hosts(connection, Chosen(), first.next, 2) == HostPage(["web-1"], 2, 0, "")
        assert standing.worst_hosts(connection, Chosen(standing="warning"), "", 2) == HostPage(["web-1"], 0, 0, "")
        with pytest.raises(ValueError, match="nonsense"):
            standing.worst_hosts(connection, Chosen(), "nonsense.1.web-1", 2)
        found = {(one.of, one.standing): one.count for one in standing.counted_on(connection, Chosen(), ["", "web-1"])}
        few = standing.worst_on_hosts(connection, Chosen(), ["", "web-1"], 2)
    worse = {("web-1", one): 1 for one in ("warning", "unknown", "info", "pending", "recovering")}
    assert found == {("", "critical"): 1, **worse}
    assert [one.id for one in few] == ["7", "1", "5"]


def test_hosts_and_containers_are_counted(trouble: State) -> None:
    with trouble.read() as connection:
        found = standing.of_hosts(connection)
    assert OfHost("web-2", "nginx", "firing", "critical", 1) in found
    assert sum(one.count for one in found if one.host == "web-1") == 5
