"""Thresholds that people set apart on the page, and how rules are doing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from gwanje.app import folder as folders
from gwanje.app.clock import now
from gwanje.app.house import open_house
from gwanje.keep.said import Silence
from gwanje.keep.state import silences
from gwanje.keep.state.people import Role, Scope
from gwanje.keep.state.tables import audit
from gwanje.model import to_ms
from gwanje.show.api.application import application
from gwanje.show.live import Live

from .conftest import Site

DISK = {
    "name": "disk fills",
    "metric": "disk_used",
    "warning": ">= 0.8",
    "critical": ">= 0.9",
    "clear": "< 0.75",
    "unit": "ratio",
}
RULES = [
    DISK,
    {"name": "as in Prometheus", "expr": "temperature_celsius > 90", "severity": "critical"},
    {"name": "cannot be asked", "expr": "left_side * on (host) right_side", "warning": "> 1"},
    {"name": "switched off", "enabled": False, "metric": "disk_used", "warning": "> 1"},
]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A house with a rule of two thresholds, a group of hosts, and a threshold that its file sets apart."""
    written = {
        "rules": RULES,
        "groups": {"databases": ["db-.*"]},
        "thresholds": [{"rule": "disk fills", "host": "db-9", "critical": ">= 0.99"}],
    }
    (tmp_path / "gwanje.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    async with open_house(folders.read(tmp_path)) as house:
        rooms = house.rooms()
        live = Live(rooms)
        yield Site(house, live, application(rooms, live))


def _asked(**given: Any) -> dict[str, Any]:
    return {"rule": "disk fills", "scope": "host", "name": "web-1", **given}


def _from(condition: dict[str, Any]) -> tuple[str, float, str]:
    return condition["operator"], condition["number"], condition["from"]


async def test_what_is_set_for_a_host_wins_over_its_group_and_says_where_it_comes_from(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        group = _asked(scope="group", name="databases", warning=">= 0.85", critical=">= 0.95")
        assert (await client.put("/api/v1/thresholds", json=group)).status_code == 200
        await client.put("/api/v1/thresholds", json=_asked(name="db-1", critical=">= 0.97"))
        asked = {"rule": "disk fills", "host": "db-1", "container": ""}
        found = (await client.get("/api/v1/thresholds/effective", params=asked)).json()
        others = (await client.get("/api/v1/thresholds/effective", params={**asked, "host": "web-1"})).json()
    assert _from(found["warning"]) == (">=", 0.85, "group databases")
    assert _from(found["critical"]) == (">=", 0.97, "host db-1")
    assert _from(found["clear"]) == ("<", 0.75, "")
    assert _from(others["critical"]) == (">=", 0.9, "")


async def test_a_threshold_of_the_page_counts_from_the_next_evaluation_on(site: Site) -> None:
    await site.store(("disk_used", {"host": "web-1"}, 0.85, 2), ("disk_used", {"host": "web-2"}, 0.5, 2))
    at = now()
    await site.house.round.once(at)
    async with site.signed_in(Role.OPERATOR) as client:
        before = (await client.get("/api/v1/judging", params={"rule": "disk fills"})).json()
        await client.put("/api/v1/thresholds", json=_asked(critical=">= 0.84"))
        await site.house.round.once(at + timedelta(seconds=2))
        after = (await client.get("/api/v1/judging", params={"rule": "disk fills"})).json()
    assert before["last"]["counts"] == {"warning": 1, "good": 1}
    assert after["last"]["counts"] == {"critical": 1, "good": 1}
    first = after["results"][0]
    assert (first["labels"], first["value"], first["found"]) == ({"host": "web-1"}, 0.85, "breach")
    assert first["thresholds"]["critical"] == ">= 84.0 %"
    assert first["origins"] == {"critical": "host web-1"}
    assert (first["state"], first["severity"]) == ("firing", "critical")
    assert first["episode"]


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        pytest.param({"rule": "nothing"}, 404, "no rule is named 'nothing'", id="a rule that is not there"),
        pytest.param({"critical": "95"}, 400, "is not a condition", id="no operator"),
        pytest.param({"critical": None}, 400, "needs `warning`, `critical` or `clear`", id="nothing is set"),
        pytest.param({"critical": "<= 0.9"}, 400, "looks the other way", id="the other side than the rule's own"),
        pytest.param({"clear": "< 0.99"}, 400, "on the wrong side", id="clear where it is a breach"),
        pytest.param({"name": " "}, 400, "its name is empty", id="a host without a name"),
        pytest.param({"scope": "container", "name": "web-1/"}, 400, "its name is empty", id="a container without a name"),
        pytest.param({"scope": "group", "name": "webs"}, 400, "known: databases", id="a group that is not there"),
        pytest.param({"rule": "as in Prometheus"}, 400, "inside `expr`", id="a condition inside the query"),
        pytest.param({"scope": "planet"}, 422, "group", id="no such place"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_not_kept(site: Site, change: dict[str, Any], status: int, says: str) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        refused = await client.put("/api/v1/thresholds", json=_asked(critical=">= 0.95") | change)
        assert (refused.status_code, says in refused.json()["error"]["what"]) == (status, True), refused.json()
        kept = (await client.get("/api/v1/thresholds")).json()["overrides"]
    assert [one["name"] for one in kept] == ["db-9"]


async def test_who_set_a_threshold_and_what_it_was_is_kept(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        await client.put("/api/v1/thresholds", json=_asked(critical=">= 0.95"))
        await client.put("/api/v1/thresholds", json=_asked(critical=">= 0.97"))
        removed = await client.delete("/api/v1/thresholds", params=_asked())
        again = await client.delete("/api/v1/thresholds", params=_asked())
    assert (removed.status_code, again.status_code) == (204, 404)
    with site.house.state.read() as connection:
        lines = connection.execute(select(audit).order_by(audit.c.id)).mappings().all()[-3:]
    assert [(line["who"], line["what"], line["target"]) for line in lines] == [
        ("operator", "threshold set", "disk fills · host web-1"),
        ("operator", "threshold set", "disk fills · host web-1"),
        ("operator", "threshold removed", "disk fills · host web-1"),
    ]
    assert (lines[0]["before"], lines[0]["after"]["critical"]) == (None, ">= 0.95")
    assert (lines[1]["before"]["critical"], lines[1]["after"]["critical"]) == (">= 0.95", ">= 0.97")
    assert (lines[2]["before"]["critical"], lines[2]["after"]) == (">= 0.97", None)


async def test_what_the_file_sets_apart_is_shown_and_only_the_file_takes_it_back(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        listed = (await client.get("/api/v1/thresholds")).json()
        refused = await client.delete("/api/v1/thresholds", params=_asked(name="db-9"))
        await client.put("/api/v1/thresholds", json=_asked(name="db-9", critical=">= 0.98"))
        people = (await client.get("/api/v1/thresholds")).json()["overrides"]
    assert listed["groups"] == [{"name": "databases", "hosts": ["db-.*"]}]
    assert [(one["name"], one["kept"], one["changed_by"]) for one in listed["overrides"]] == [("db-9", False, "gwanje.yaml")]
    assert refused.status_code == 404
    assert "gwanje.yaml" in refused.json()["error"]["what"]
    assert [(one["name"], one["kept"], one["critical"]["number"]) for one in people] == [("db-9", True, 0.98)]


async def test_a_number_is_kept_as_it_was_written(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        told = (await client.put("/api/v1/thresholds", json=_asked(critical=">= 12345678.25"))).json()
    assert told["critical"]["number"] == 12345678.25


async def test_viewers_see_thresholds_and_change_none(site: Site) -> None:
    async with site.signed_in(Role.VIEWER) as client:
        assert (await client.get("/api/v1/thresholds")).status_code == 200
        assert (await client.put("/api/v1/thresholds", json=_asked(critical=">= 0.95"))).status_code == 403
        assert (await client.delete("/api/v1/thresholds", params=_asked())).status_code == 403


async def test_rules_that_failed_come_first_then_those_with_breaches(site: Site) -> None:
    twice = [("right_side", {"host": "web-1", "disk": disk}, 1.0, 2.0) for disk in ("a", "b")]
    await site.store(("disk_used", {"host": "web-1"}, 0.85, 2), ("left_side", {"host": "web-1"}, 1.0, 2), *twice)
    await site.house.round.once(now())
    async with site.with_key(Scope.READ) as client:
        found = (await client.get("/api/v1/judging")).json()["rules"]
        unknown = await client.get("/api/v1/judging", params={"rule": "nothing"})
    names = [one["name"] for one in found]
    assert names[:2] == ["cannot be asked", "disk fills"]
    assert found[0]["last"]["failed"]
    by_name = dict(zip(names, found, strict=True))
    assert (by_name["switched off"]["enabled"], by_name["switched off"]["last"]) == (False, None)
    assert (by_name["as in Prometheus"]["settable"], by_name["as in Prometheus"]["own"]["critical"]) == (False, None)
    assert by_name["disk fills"]["looks_at"] == "disk_used"
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("age", "states"),
    [
        pytest.param(None, ["never seen"], id="never seen"),
        pytest.param(3600.0, ["stopped"], id="stopped an hour ago"),
        pytest.param(2.0, [], id="reports"),
    ],
)
async def test_n1_a_rule_without_results_says_whether_what_it_looks_at_stopped_or_was_never_seen(
    site: Site, age: float | None, states: list[str]
) -> None:
    if age is not None:
        await site.store(("disk_used", {"host": "web-1"}, 0.0, age))
    await site.house.round.once(now())
    async with site.with_key(Scope.READ) as client:
        found = (await client.get("/api/v1/judging", params={"rule": "disk fills"})).json()
    assert [one["state"] for one in found["inputs"]] == states
    assert [one["value"] for one in found["results"]] == ([] if states else [0.0])
    if states == ["stopped"]:
        assert found["inputs"][0]["last_at"] == pytest.approx(found["last"]["at"] - 3_600_000, abs=310_000)


async def test_h3_what_mutes_an_alert_is_said_with_why_it_fires(site: Site) -> None:
    await site.store(("disk_used", {"host": "web-1"}, 0.95, 2.0), ("disk_used", {"host": "web-2"}, 0.95, 2.0))
    begins, ends = now() - timedelta(minutes=1), now() + timedelta(hours=1)
    with site.house.state.write() as connection:
        silences.put(connection, Silence("s-1", 'host="web-1"', begins, ends, "moving", "kim", begins, begins))
    await site.house.round.once(now())
    async with site.with_key(Scope.READ) as client:
        found = (await client.get("/api/v1/judging", params={"rule": "disk fills"})).json()["results"]
    by_host = {one["labels"]["host"]: (one["state"], one["muted"], one["muted_by"]) for one in found}
    kim = {"what": "silenced", "name": "s-1", "who": "kim", "why": "moving", "receiver": "", "until": to_ms(ends)}
    assert by_host == {"web-1": ("firing", ["silenced"], [kim]), "web-2": ("firing", [], [])}


async def test_h3_of_many_label_sets_the_worst_hundred_are_explained_and_the_rest_is_counted(site: Site) -> None:
    many = [("disk_used", {"host": f"web-{number:03}"}, 0.95 if number >= 149 else 0.5, 2.0) for number in range(150)]
    await site.store(*many)
    await site.house.round.once(now())
    async with site.with_key(Scope.READ) as client:
        found = (await client.get("/api/v1/judging", params={"rule": "disk fills"})).json()
    assert (len(found["results"]), found["more"]) == (100, 50)
    assert found["results"][0]["labels"] == {"host": "web-149"}
    assert found["results"][0]["said"] == "95.0 % is >= 90.0 %"
    assert found["last"]["counts"] == {"critical": 1, "good": 149}


async def test_a_rule_whose_condition_is_inside_its_query_is_shown_to_prometheus_friends_as_it_is(site: Site) -> None:
    async with site.with_key(Scope.READ) as client:
        groups = (await client.get("/api/v1/rules")).json()["data"]["groups"]
    queries = {rule["name"]: rule["query"] for group in groups for rule in group["rules"]}
    assert queries["as in Prometheus"] == "temperature_celsius > 90"


async def test_a_machine_is_told_what_counts_there_where_it_comes_from_and_what_is_set_apart(site: Site) -> None:
    await site.store(("disk_used", {"host": "db-1"}, 0.5, 1), ("disk_used", {"host": "web-1"}, 0.5, 1))
    await site.house.round.once(now())
    async with site.signed_in(Role.OPERATOR) as client:
        await client.put("/api/v1/thresholds", json=_asked(scope="group", name="databases", warning=">= 0.85"))
        await client.put("/api/v1/thresholds", json=_asked(name="db-1", critical=">= 0.97"))
        await client.put("/api/v1/thresholds", json=_asked(scope="container", name="db-1/postgres", critical=">= 0.98"))
        await client.put("/api/v1/thresholds", json=_asked(scope="container", name="web-1/nginx", critical=">= 0.99"))
        found = (await client.get("/api/v1/thresholds/hosts/db-1")).json()
        elsewhere = (await client.get("/api/v1/thresholds/hosts/nowhere")).json()
    ((rule, counts),) = [(one["name"], one["effective"]) for one in found["rules"]]
    assert rule == "disk fills"
    assert {part: _from(counts[part]) for part in counts} == {
        "warning": (">=", 0.85, "group databases"),
        "critical": (">=", 0.97, "host db-1"),
        "clear": ("<", 0.75, ""),
    }
    assert {(one["scope"], one["name"], one["kept"]) for one in found["overrides"]} == {
        ("host", "db-1", True),
        ("container", "db-1/postgres", True),
    }
    assert elsewhere == {"rules": [], "overrides": []}
