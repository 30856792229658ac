"""Sizes that people hold: kept until their time or somebody's word, and handed to whoever scales."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gwanje.app.clock import now
from gwanje.keep.state.people import Role, Scope
from gwanje.keep.state.tables import audit

from .conftest import Site

PATH = "/api/v1/scaling/web/hold"
EVENT = {"size": 5, "for": "2h", "why": "event"}


def _trail(site: Site) -> list[tuple[str, str, str]]:
    with site.house.state.read() as connection:
        lines = connection.execute(select(audit.c.who, audit.c.what, audit.c.target).order_by(audit.c.id))
        return [(who, what, target) for who, what, target in lines if what.startswith("size")]


async def test_a_size_is_held_until_a_time_and_handed_to_whoever_scales(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as kim, site.with_key(Scope.READ) as scaler:
        assert (await scaler.get(PATH)).json() == {"scaler": "web", "hold": None, "planned": []}
        said = (await kim.put(PATH, json=EVENT)).json()
        held = (await scaler.get(PATH)).json()
        assert held == {"scaler": "web", "hold": said["hold"], "planned": []}
        hold = held["hold"]
        assert (hold["size"], hold["stop"], hold["by"], hold["why"]) == (5, None, "operator", "event")
        assert hold["ends_at"] - hold["starts_at"] == pytest.approx(2 * 3_600_000, abs=1000)
        assert (await scaler.get("/api/v1/scaling")).json() == {"scalers": [held]}
        assert (await kim.delete(PATH)).status_code == 204
        assert (await scaler.get("/api/v1/scaling")).json() == {"scalers": []}
        assert (await kim.delete(PATH)).status_code == 404
    assert _trail(site) == [("operator", "size held", "web"), ("operator", "size no longer held", "web")]


async def test_a_new_word_says_whose_place_it_takes(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as kim:
        first = (await kim.put(PATH, json=EVENT)).json()
        second = (await kim.put(PATH, json={"stop": "in", "for": "1h", "why": "release"})).json()
        assert (first["replaced"], second["replaced"]) == ([], [first["hold"]])
        assert (second["hold"]["size"], second["hold"]["stop"]) == (None, "in")


async def test_a_planned_event_stands_beside_what_holds_now_and_ends_by_its_number(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as kim:
        await kim.put(PATH, json=EVENT)
        later = (now() + timedelta(hours=1)).isoformat()
        said = (await kim.put(PATH, json={"size": 20, "starts_at": later, "for": "10m", "why": "the match"})).json()
        (planned,) = said["planned"]
        assert (said["hold"]["size"], planned["size"], said["replaced"]) == (5, 20, [])
        assert (await kim.delete(PATH, params={"id": planned["id"]})).status_code == 204
        assert (await kim.delete(PATH, params={"id": planned["id"]})).status_code == 404
        assert (await kim.get(PATH)).json()["hold"]["size"] == 5


async def test_a_manual_size_stays_until_its_end_and_its_end_is_written_down(site: Site) -> None:
    """The peers' defect: a size set by hand was reverted at once, or silently."""
    async with site.signed_in(Role.OPERATOR) as kim:
        await kim.put(PATH, json={**EVENT, "for": "20ms"})
        while (await kim.get(PATH)).json()["hold"]:
            pass
        assert _trail(site) == [("operator", "size held", "web")], "whoever scales sees the end by the time alone"
        site.house.worker.end_holds()
    assert _trail(site)[-1] == ("its time", "size no longer held", "web")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        pytest.param({**EVENT, "stop": "in"}, "size", id="a size and a direction"),
        pytest.param({"for": "1h", "why": "x"}, "size", id="neither"),
        pytest.param({**EVENT, "size": -1}, "body.size", id="fewer than none"),
        pytest.param({**EVENT, "why": ""}, "why", id="without a reason"),
        pytest.param({"size": 5, "why": "x"}, "ends_at", id="without an end"),
        pytest.param({**EVENT, "ends_at": "2099-01-01T00:00:00Z"}, "ends_at", id="two ends"),
        pytest.param({"size": 5, "why": "x", "ends_at": "2020-01-01T00:00:00Z"}, "ends_at", id="until the past"),
        pytest.param({**EVENT, "stop": "up", "size": None}, "body.stop", id="a direction nobody knows"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_holds_nothing(site: Site, body: dict[str, Any], where: str) -> None:
    async with site.with_key(Scope.OPERATE, Scope.READ) as client:
        answered = await client.put(PATH, json=body)
        assert answered.status_code in {400, 422}
        assert answered.json()["error"]["where"] == where
        assert (await client.get("/api/v1/scaling")).json() == {"scalers": []}


async def test_a_name_may_have_a_namespace_and_nothing_odd(site: Site) -> None:
    async with site.with_key(Scope.OPERATE, Scope.READ) as client:
        assert (await client.put("/api/v1/scaling/shop/web/hold", json=EVENT)).json()["scaler"] == "shop/web"
        refused = await client.put("/api/v1/scaling/we%20b/hold", json=EVENT)
        assert (refused.status_code, refused.json()["error"]["where"]) == (400, "name")


async def test_who_may_only_look_holds_nothing(site: Site) -> None:
    async with site.signed_in(Role.VIEWER) as lee:
        assert (await lee.put(PATH, json=EVENT)).status_code == 403
        assert (await lee.delete(PATH)).status_code == 403
