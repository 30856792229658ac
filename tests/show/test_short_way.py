"""The short way past the framework: who takes it is answered as by a route, and stopped where a route would stop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gwanje.keep.state.people import Scope

from .conftest import Site

READ = ["/api/v1/query", "/api/v1/query_range"]
WRITTEN = ["/api/v1/write", "/write", "/api/v2/write"]


@pytest.mark.parametrize("path", [*READ, *WRITTEN])
async def test_what_takes_the_short_way_is_described_and_not_answered_to_other_methods(site: Site, path: str) -> None:
    methods = {"get", "post"} if path in READ else {"post"}
    assert set((await site.paths())[path]) == methods
    async with site.with_key(Scope.READ, Scope.INGEST) as client:
        assert (await client.delete(path)).status_code == 405


@pytest.mark.parametrize(
    ("path", "method", "lacking"),
    [
        *(pytest.param(path, method, Scope.INGEST, id=f"{method} {path}") for path in READ for method in ("GET", "POST")),
        *(pytest.param(path, "POST", Scope.READ, id=path) for path in WRITTEN),
    ],
)
async def test_a_key_of_another_scope_is_told_what_it_lacks(site: Site, path: str, method: str, lacking: Scope) -> None:
    async with site.with_key(lacking) as client:
        answer = await client.request(method, path, params={"query": "1"})
    assert answer.status_code == 403
    assert "lacks the scope" in answer.json()["error"]["what"]


async def test_nobody_without_a_key_and_no_other_name_gets_through(site: Site) -> None:
    async with site.client() as client:
        for path in READ:
            assert (await client.get(path)).status_code == 401
    async with site.with_key(Scope.READ) as client:
        answer = await client.get("/api/v1/query", params={"query": "1"}, headers={"Host": "evil.example"})
    assert answer.status_code == 421


async def test_a_query_in_a_form_is_read_up_to_the_limit_of_bodies(site: Site) -> None:
    async with site.with_key(Scope.READ) as client:
        answer = await client.post("/api/v1/query", data={"query": "40 + 2"})
        assert answer.json()["data"]["result"][1] == "42"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]

        too_large = await client.post("/api/v1/query", content=_in_parts(2))
    assert too_large.status_code == 413
    assert "the body is over the limit" in too_large.json()["error"]["what"]


async def _in_parts(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * (1 << 20)


@pytest.mark.parametrize("path", ["/api/v1/query", "/api/v1/alerts"])
async def test_a_mistake_of_ours_before_the_framework_is_answered_as_one_within_it(
    site: Site, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def lost(_connection: object, _key: str) -> None:
        raise OSError("the state is away")

    monkeypatch.setattr("gwanje.show.api.gate.people.by_key", lost)
    async with site.with_key(Scope.READ) as client:
        answer = await client.get(path, params={"query": "1"})
    assert answer.status_code == 500
    assert answer.json()["error"]["reason"]["code"] == "our_mistake"
