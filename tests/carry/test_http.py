"""The transport over HTTP: what it posts where, and what it does while nobody answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from gwanje import kinds
from gwanje.carry.http import Http, Settings, create
from gwanje.model import Event, Sample
from gwanje.wire.json.encode import events_batch
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.encode import encode

SAMPLES = encode([Sample("up", {"host": "web-1"}, 1.0, 1_700_000_000_000)])
EVENTS = events_batch([Event("1", 1_700_000_000_000, "container", {"host": "web-1"})])


class Far:
    """A gwanje elsewhere that remembers what it was sent."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.heard: list[tuple[str, dict[str, str], bytes]] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append((request.path, dict(request.headers), await request.read()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)

    def server(self) -> TestServer:
        application = web.Application()
        application.router.add_post("/{path:.*}", self.answer)
        return TestServer(application)


async def _sent(transport: Http) -> None:
    async with asyncio.timeout(20):
        while transport.spool.waiting:  # noqa: ASYNC110 - the spool tells nobody
            await asyncio.sleep(0.01)


async def test_samples_and_events_go_to_their_doors_with_the_key(tmp_path: Path) -> None:
    far = Far()
    async with far.server() as server:
        given = {"url": str(server.make_url("/")), "key": "secret"}
        transport = create(Settings.model_validate(given), kinds.World(tmp_path))
        await transport.send(SAMPLES)
        await transport.send(EVENTS)
        await _sent(transport)
        await transport.close()
    (path, headers, body), (events_path, _, events_body) = far.heard
    assert (path, events_path) == ("/api/v1/write", "/api/v1/events")
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Content-Encoding"] == "snappy"
    assert decode(body).values.tolist() == [1.0]
    assert events_body == EVENTS.body


async def test_what_cannot_be_sent_is_sent_by_the_next_process(tmp_path: Path) -> None:
    settings = Settings(url="http://127.0.0.1:1")
    transport = create(settings, kinds.World(tmp_path))
    await transport.send(SAMPLES)
    await transport.close()
    far = Far(503, 401)
    async with far.server() as server:
        again = create(Settings(url=str(server.make_url("/"))), kinds.World(tmp_path))
        await _sent(again)
        await again.close()
    assert [path for path, _, _ in far.heard] == ["/api/v1/write"] * 3
    assert again.own_samples()["gwanje_spool_batches"] == 0


def test_an_address_is_an_address() -> None:
    with pytest.raises(ValidationError, match="https://host"):
        Settings(url="gwanje.example.org")
