"""N5: people say through the API what goes away on purpose, it is shown, and the audit trail keeps who said it."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gwanje.app.clock import now
from gwanje.keep.said import Departure
from gwanje.keep.state.people import Role, Scope
from gwanje.keep.state.tables import audit
from gwanje.model import to_ms
from gwanje.show.absences import with_away
from gwanje.show.machines import Container, Fleet, Host

from .conftest import Site

PATH = "/api/v1/departures"
REBOOT = {"name": "web-1", "for": "2h", "why": "reboot"}


def _trail(site: Site) -> list[tuple[str, str, str]]:
    with site.house.state.read() as connection:
        lines = connection.execute(select(audit.c.who, audit.c.what, audit.c.target).order_by(audit.c.id))
        return [(who, what, target) for who, what, target in lines if what.startswith("departure")]


async def test_n5_a_departure_is_said_shown_and_taken_back(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as kim:
        said = await kim.post(PATH, json=REBOOT)
        assert said.status_code == 201
        one = said.json()
        assert (one["scope"], one["name"], one["by"], one["removed"]) == ("host", "web-1", "operator", False)
        assert one["ends_at"] - one["starts_at"] == pytest.approx(2 * 3_600_000, abs=1000)
        assert [found["id"] for found in (await kim.get(PATH)).json()["departures"]] == [one["id"]]
        assert (await kim.get(PATH, params={"host": "web-2"})).json() == {"departures": []}
        assert (await kim.delete(f"{PATH}/{one['id']}")).status_code == 204
        assert (await kim.delete(f"{PATH}/{one['id']}")).status_code == 404
    assert _trail(site) == [("operator", "departure said", "web-1"), ("operator", "departure taken back", "web-1")]


async def test_a_host_shows_what_runs_on_it_too(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as kim:
        await kim.post(PATH, json=REBOOT | {"scope": "container", "name": "web-1/nginx"})
        found = (await kim.get(PATH, params={"host": "web-1"})).json()["departures"]
        assert [(one["scope"], one["name"]) for one in found] == [("container", "web-1/nginx")]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"for": None}, "say either until when", id="no end"),
        pytest.param({"removed": True}, "say either until when", id="an end of what does not come back"),
        pytest.param({"why": " "}, "say why", id="no reason"),
        pytest.param({"name": ""}, "say which host", id="nothing"),
        pytest.param({"scope": "group", "name": "nobody"}, "no group is named 'nobody'", id="an unknown group"),
        pytest.param({"for": "40d"}, "at most 30 days", id="too long"),
        pytest.param({"for": None, "ends_at": "2020-01-01T00:00:00Z"}, "not in the past", id="over before it is said"),
        pytest.param(
            {"for": None, "scope": "container", "name": "nginx", "removed": True}, "say until when", id="a container for good"
        ),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_reason(site: Site, changed: dict[str, Any], said: str) -> None:
    body = {name: value for name, value in (REBOOT | changed).items() if value is not None}
    async with site.signed_in(Role.OPERATOR) as kim:
        refused = await kim.post(PATH, json=body)
        assert refused.status_code in {400, 422}
        assert said in refused.text
        assert (await kim.get(PATH)).json() == {"departures": []}


async def test_who_only_looks_says_nothing(site: Site) -> None:
    async with site.with_key(Scope.READ) as client:
        assert (await client.post(PATH, json=REBOOT)).status_code == 403
        assert (await client.get(PATH)).status_code == 200


async def test_n5_what_is_away_on_purpose_is_shown_as_away_and_not_as_without_data(site: Site) -> None:
    for host, age in (("web-1", 60.0), ("web-2", 60.0), ("web-3", 0.0), ("web-4", 60.0)):
        await site.store(("node_time_seconds", {"host": host}, to_ms(now()) / 1000 - age, age))
    async with site.signed_in(Role.OPERATOR) as kim:
        await kim.post(PATH, json=REBOOT)
        await kim.post(PATH, json=REBOOT | {"name": "long-gone"})
        for gone in ("web-2", "web-3"):
            await kim.post(PATH, json={"name": gone, "removed": True, "why": "sold"})
        told = (await kim.get("/api/v1/overview")).json()
        one = (await kim.get("/api/v1/hosts/web-1")).json()
        unseen = (await kim.get("/api/v1/hosts/long-gone")).json()
    states = {host["host"]: host["state"] for host in told["hosts"]}
    assert states == {"web-1": "away", "web-2": "away", "web-3": "ok", "web-4": "no_data", "long-gone": "away"}
    assert (one["away"]["by"], one["away"]["why"]) == ("operator", "reboot")
    assert one["away"]["until"] - one["away"]["since"] == pytest.approx(2 * 3_600_000, abs=1000)
    assert {host["host"]: host["away"] and host["away"]["until"] for host in told["hosts"]}["web-2"] is None
    assert unseen["last_seen"] is None


def _host(name: str) -> Host:
    unknown: dict[str, Any] = {one.name: None for one in fields(Host)}
    return Host(**{**unknown, "host": name, "state": "ok", "containers": 1, "alerts": 0})


def _nginx(host: str) -> Container:
    unknown: dict[str, Any] = {one.name: None for one in fields(Container)}
    return Container(**{**unknown, "host": host, "name": "nginx", "image": "", "id": "1", "state": "ok", "last_seen": 0})


def test_n5_groups_containers_and_times_mean_what_rules_take_them_to_mean() -> None:
    at = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)

    def said(scope: str, name: str, hours: int, *, starts: int = 0) -> Departure:
        begins, ends = at + timedelta(hours=starts), at + timedelta(hours=hours)
        return Departure("d", scope, name, begins, ends, removed=False, who="kim", why="move", said_at=at)

    fleet = Fleet([_host("db-1"), _host("web-1")], [_nginx("db-1"), _nginx("web-1")])

    def states(*departures: Departure) -> list[str]:
        found = with_away(fleet, departures, {"dbs": ("db-.*",)}, at)
        return [host.state for host in found.hosts] + [box.state for box in found.containers]

    assert states(said("group", "dbs", 1)) == ["away", "ok", "away", "ok"]
    assert states(said("container", "web-1/nginx", 1)) == ["ok", "ok", "ok", "away"]
    assert states(said("container", "nginx", 1)) == ["ok", "ok", "away", "away"]
    assert states(said("host", "db-1", 2, starts=1)) == ["ok"] * 4
    longest = with_away(fleet, [said("host", "db-1", 1), said("group", "dbs", 3)], {"dbs": ("db-.*",)}, at).hosts[0].away
    assert longest is not None
    assert longest.until == to_ms(at + timedelta(hours=3))
