"""A whole house on embedded engines, asked over HTTP without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp

from gwanje.app import folder as folders
from gwanje.app import packs
from gwanje.app.clock import now
from gwanje.app.house import House, open_house
from gwanje.keep.state import people
from gwanje.keep.state.people import Role, Scope
from gwanje.model import Sample, to_ms
from gwanje.show.api.application import application
from gwanje.show.live import Live
from gwanje.wire.remote_write.encode import encode

ADDRESS = "http://127.0.0.1:8080"
PASSWORD = "correct horse"


@dataclass(frozen=True, slots=True)
class Site:
    """The open house and its HTTP application."""

    house: House
    live: Live
    app: ASGIApp

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Somebody on the network, not signed in."""
        transport = httpx.ASGITransport(app=self.app, client=("127.0.0.1", 50000), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=ADDRESS, headers=headers)

    async def paths(self) -> dict[str, dict[str, object]]:
        """Every path and its methods, as the API describes itself."""
        async with self.with_key(Scope.READ) as client:
            described: dict[str, dict[str, object]] = (await client.get("/api/openapi.json")).json()["paths"]
        return described

    def with_key(self, *scopes: Scope, host: str | None = None) -> httpx.AsyncClient:
        """A program with a key."""
        with self.house.state.write() as connection:
            key = people.add_key(connection, "test", scopes, now(), host=host)
        return self.client(Authorization=f"Bearer {key}")

    @asynccontextmanager
    async def signed_in(self, role: Role) -> AsyncIterator[httpx.AsyncClient]:
        """A person in a browser."""
        with self.house.state.write() as connection:
            people.add_user(connection, role.value, PASSWORD, role, now())
        async with self.client(Origin=ADDRESS) as client:
            await client.post("/api/session", json={"name": role.value, "password": PASSWORD})
            yield client

    async def store(self, *samples: tuple[str, dict[str, str], float, float]) -> None:
        """Store samples: metric, labels, value, age in seconds."""
        at_ms = to_ms(now())
        await self.house.transport.send(
            encode([Sample(metric, labels, value, at_ms - round(age * 1000)) for metric, labels, value, age in samples])
        )


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    packs.lay("web-collector", tmp_path)
    async with open_house(folders.read(tmp_path)) as house:
        rooms = house.rooms()
        live = Live(rooms)
        yield Site(house, live, application(rooms, live))
