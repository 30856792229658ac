"""Who is told what and when, and the test that a receiver works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from gwanje.app import folder as folders
from gwanje.app.house import open_house
from gwanje.keep.state.people import Role, Scope
from gwanje.show.api.application import application
from gwanje.show.live import Live

from .conftest import Site


@pytest.fixture
async def hook() -> AsyncIterator[BaseTestServer]:
    """A receiver that answers 200 at `/good` and 404 anywhere else."""
    app = web.Application()
    app.router.add_post("/good", _ok)
    async with TestServer(app) as server:
        yield server


async def _ok(_request: web.Request) -> web.Response:
    return web.Response()


@pytest.fixture
async def desk(tmp_path: Path, hook: BaseTestServer) -> AsyncIterator[Site]:
    """A house with two receivers, one of which works, a window, a rota and an escalation."""
    written = {
        "receivers": [
            {"name": "good", "type": "webhook", "url": str(hook.make_url("/good"))},
            {"name": "gone", "type": "webhook", "url": str(hook.make_url("/gone"))},
        ],
        "routes": {"receiver": "good", "mute": ["nights"], "escalate": "up"},
        "windows": [{"name": "nights", "zone": "Asia/Seoul", "from": "22:00", "to": "07:00"}],
        "duty": [{"name": "boss", "people": [{"name": "kim", "receiver": "good"}], "starts": "2026-01-05"}],
        "escalations": [{"name": "up", "steps": [{"after": "10m", "duty": "boss"}]}],
        "inhibit": [{"source": 'rule="switch down"', "target": 'severity="warning"', "equal": ["site"]}],
    }
    (tmp_path / "gwanje.yaml").write_text(yaml.safe_dump(written, allow_unicode=True), encoding="utf-8")
    async with open_house(folders.read(tmp_path)) as house:
        rooms = house.rooms()
        live = Live(rooms)
        yield Site(house, live, application(rooms, live))


async def test_the_calendar_of_two_weeks(desk: Site) -> None:
    async with desk.with_key(Scope.READ) as client:
        found = (await client.get("/api/v1/telling")).json()
    assert found["receivers"] == [{"name": "good", "type": "webhook"}, {"name": "gone", "type": "webhook"}]
    assert 14 <= len(found["windows"][0]["stretches"]) <= 15
    assert (found["duty"][0]["now"], len(found["duty"][0]["turns"])) == ("kim", 1)
    assert found["escalations"] == [{"name": "up", "steps": [{"after": "10m", "receiver": None, "duty": "boss"}]}]
    assert found["inhibit"][0]["equal"] == ["site"]


@pytest.mark.parametrize(("receiver", "state", "says"), [("good", "sent", ""), ("gone", "failed", "404")])
async def test_d7_a_test_takes_the_way_of_every_message(desk: Site, receiver: str, state: str, says: str) -> None:
    async with desk.signed_in(Role.OPERATOR) as client, _delivering(desk):
        found = (await client.post(f"/api/v1/receivers/{receiver}/test")).json()
    assert (found["state"], found["tries"]) == (state, 1)
    assert says in found["error"]


async def test_a_receiver_that_nobody_knows_and_a_viewer_who_may_not(desk: Site) -> None:
    async with desk.signed_in(Role.OPERATOR) as client:
        assert (await client.post("/api/v1/receivers/nobody/test")).status_code == 404
    async with desk.signed_in(Role.VIEWER) as client:
        assert (await client.post("/api/v1/receivers/good/test")).status_code == 403


@asynccontextmanager
async def _delivering(desk: Site) -> AsyncIterator[None]:
    """The house's delivery at work meanwhile."""
    task = asyncio.create_task(desk.house.delivery.run())
    try:
        yield
    finally:
        task.cancel()
