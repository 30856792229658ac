"""People pause a pipeline and have it go on: through the API, seen wherever the pipeline is, and in the audit trail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gwanje.app.clock import now
from gwanje.keep.said import Pause
from gwanje.keep.state import pauses, runs
from gwanje.keep.state.people import Role, Scope
from gwanje.keep.state.tables import audit
from gwanje.model import to_ms

from .conftest import Site

NAME = "collect"
PATH = f"/api/v1/pipelines/{NAME}/pause"


@pytest.fixture(autouse=True)
def target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARGET_URL", "http://127.0.0.1:9/nothing-listens-there")


def _trail(site: Site) -> list[tuple[str, str, str]]:
    with site.house.state.read() as connection:
        lines = connection.execute(select(audit.c.who, audit.c.what, audit.c.target).order_by(audit.c.id))
        return [(who, what, target) for who, what, target in lines if what.startswith("pipeline")]


def _runs(site: Site) -> int:
    with site.house.state.read() as connection:
        return len(runs.last(connection, NAME))


async def _shown(client: Any) -> dict[str, Any]:
    (pipeline,) = (await client.get("/api/v1/pipelines")).json()["pipelines"]
    assert isinstance(pipeline, dict)
    return pipeline


async def test_a_pipeline_is_paused_until_a_time_and_shown_with_who_and_why(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as kim:
        answered = await kim.put(PATH, json={"why": "the site moves", "for": "2h"})
        assert answered.status_code == 200
        paused = answered.json()["paused"]
        assert (paused["by"], paused["why"]) == ("operator", "the site moves")
        assert paused["until"] - paused["since"] == pytest.approx(2 * 3_600_000, abs=1000)
        await site.house.schedule.look(now())
        shown = await _shown(kim)
        assert shown["paused"] == paused
        assert shown["next_at"] >= paused["until"], "the next tick that becomes a run"
        (in_overview,) = (await kim.get("/api/v1/overview")).json()["pipelines"]
        assert in_overview["paused"] == paused
        (in_short,) = (await kim.get("/status")).json()["pipelines"]
        assert in_short["paused"] == paused
        assert (await kim.delete(PATH)).status_code == 204
        assert (await _shown(kim))["paused"] is None
        assert (await kim.delete(PATH)).status_code == 404
    assert _trail(site) == [("operator", "pipeline paused", NAME), ("operator", "pipeline resumed", NAME)]


async def test_without_an_end_nothing_is_next(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as kim:
        await kim.put(PATH, json={"why": "the site is gone"})
        await site.house.schedule.look(now())
        shown = await _shown(kim)
        assert (shown["paused"]["until"], shown["next_at"]) == (None, None)


async def test_a_pause_whose_time_is_over_is_shown_no_longer(site: Site) -> None:
    with site.house.state.write() as connection:
        then = now() - timedelta(hours=1)
        pauses.put(connection, Pause(NAME, "kim", "x", then, then + timedelta(minutes=1)))
    async with site.with_key(Scope.READ) as client:
        assert (await _shown(client))["paused"] is None


async def test_run_now_says_that_it_is_paused_and_how_to_run_it_anyway(site: Site) -> None:
    async with site.signed_in(Role.OPERATOR) as kim:
        until = now() + timedelta(hours=1)
        await kim.put(PATH, json={"why": "the site moves", "until": until.isoformat()})
        refused = await kim.post("/collect")
        assert refused.status_code == 409
        error = refused.json()["error"]
        assert error["what"] == f"collect is paused by operator until {until:%Y-%m-%d %H:%M} UTC: the site moves"
        assert error["where"] == NAME
        assert error["todo"] == "resume it, or run it all the same with anyway=true"
        assert error["reason"]["code"] == "is_paused"
        assert error["reason"]["values"] == {"name": NAME, "who": "operator", "why": "the site moves", "until": to_ms(until)}
        assert _runs(site) == 0


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        pytest.param({"why": " "}, 400, "why", id="without a reason"),
        pytest.param({"why": "x", "until": "2020-01-01T00:00:00Z"}, 400, "until", id="until the past"),
        pytest.param({"why": "x", "for": "0s"}, 400, "until", id="for no time"),
        pytest.param({"why": "x", "for": "1h", "until": "2099-01-01T00:00:00Z"}, 422, "body", id="two ends"),
        pytest.param({"why": "x", "until": "2099-01-01T00:00:00"}, 422, "body.until", id="without a zone"),
        pytest.param({"why": "x", "whence": 1}, 422, "body.whence", id="a word nobody knows"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_pauses_nothing(site: Site, body: Any, status: int, where: str) -> None:
    async with site.with_key(Scope.OPERATE, Scope.READ) as client:
        answered = await client.put(PATH, json=body)
        assert (answered.status_code, answered.json()["error"]["where"]) == (status, where)
        assert (await _shown(client))["paused"] is None


async def test_a_pipeline_that_is_not_there_is_not_found(site: Site) -> None:
    async with site.with_key(Scope.OPERATE) as client:
        for answered in (
            await client.put("/api/v1/pipelines/nothing/pause", json={"why": "x"}),
            await client.delete("/api/v1/pipelines/nothing/pause"),
        ):
            assert answered.status_code == 404
            assert "known: collect" in answered.json()["error"]["what"]


async def test_who_may_only_look_pauses_nothing(site: Site) -> None:
    async with site.signed_in(Role.VIEWER) as lee:
        assert (await lee.put(PATH, json={"why": "x"})).status_code == 403
        assert (await lee.delete(PATH)).status_code == 403


async def test_the_stream_hears_of_a_pause(site: Site) -> None:
    async with site.with_key(Scope.OPERATE) as client, site.house.updates.listen() as listening:
        await client.put(PATH, json={"why": "x"})
        assert (await anext(listening)).key == NAME
