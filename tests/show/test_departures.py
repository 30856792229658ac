"""N5: people say through the API what goes away on purpose, it is shown, and the audit trail keeps who said it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from gwanje.keep.state.people import Role, Scope
from gwanje.keep.state.tables import audit

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
