"""Nobody gets in: names, origins, sizes, sessions, keys, scopes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from gwanje.keep.state.people import Role, Scope
from gwanje.show.api.gate import OPEN

from .conftest import Site

SOMEWHERE = re.compile(r"\{[^}]*\}")


async def test_nothing_is_answered_without_a_session_or_a_key(site: Site) -> None:
    asked = 0
    async with site.client() as client:
        for path, methods in {**(await site.paths()), "/api/docs": ["get"], "/api/openapi.json": ["get"]}.items():
            for method in map(str.upper, methods):
                if (method, path) in OPEN:
                    continue
                answer = await client.request(method, SOMEWHERE.sub("x", path))
                assert (method, path, answer.status_code) == (method, path, 401)
                asked += 1
    assert asked >= 20


async def test_health_is_open_and_says_nothing_else(site: Site) -> None:
    async with site.client() as client:
        for path in ("/healthz", "/readyz"):
            answer = await client.get(path)
            assert (answer.status_code, answer.text) == (200, "ok\n")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("127.0.0.1:8080", 200, id="an address"),
        pytest.param("[::1]:8080", 200, id="an address of version 6"),
        pytest.param("localhost", 200, id="localhost"),
        pytest.param("LOCALHOST:8080", 200, id="localhost in capitals"),
        pytest.param("evil.example", 421, id="another site's name for our address"),
        pytest.param("", 421, id="no name"),
    ],
)
async def test_only_our_own_names_are_answered(site: Site, host: str, status: int) -> None:
    async with site.client() as client:
        assert (await client.get("/healthz", headers={"Host": host})).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Origin": "http://127.0.0.1:8080"}, 200, id="our own page"),
        pytest.param({"Origin": "http://evil.example"}, 403, id="another site"),
        pytest.param({"Origin": "null"}, 403, id="a page without an origin"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, id="the browser says: another site"),
        pytest.param({"Sec-Fetch-Site": "same-origin"}, 200, id="the browser says: the same"),
        pytest.param({}, 403, id="a cookie and no word where it comes from"),
    ],
)
async def test_a_cookie_works_from_our_own_page_only(site: Site, headers: dict[str, str], status: int) -> None:
    async with site.signed_in(Role.OPERATOR) as client:
        del client.headers["Origin"]
        answer = await client.post("/collect", headers=headers)
        assert answer.status_code == (409 if status == 200 else status)  # the pipeline is off: nothing is to be collected


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        pytest.param(Scope.INGEST, "GET", "/api/v1/overview", 403, id="an ingest key reads nothing"),
        pytest.param(Scope.INGEST, "GET", "/metrics", 403, id="not even metrics"),
        pytest.param(Scope.READ, "GET", "/api/v1/overview", 200, id="a read key reads"),
        pytest.param(Scope.READ, "POST", "/collect", 403, id="a read key runs nothing"),
        pytest.param(Scope.READ, "POST", "/api/v1/write", 403, id="a read key writes nothing"),
        pytest.param(Scope.OPERATE, "POST", "/collect", 409, id="an operate key runs"),
        pytest.param(Scope.OPERATE, "GET", "/api/v1/overview", 403, id="and scopes are not included in each other for keys"),
    ],
)
async def test_a_key_may_do_what_its_scopes_say(site: Site, scope: Scope, method: str, path: str, status: int) -> None:
    async with site.with_key(scope) as client:
        assert (await client.request(method, path)).status_code == status


async def test_a_person_writes_no_samples(site: Site) -> None:
    async with site.signed_in(Role.ADMIN) as client:
        assert (await client.post("/api/v1/write", content=b"")).status_code == 403


async def test_a_body_over_the_limit_is_refused_with_and_without_its_length(site: Site) -> None:
    async def in_parts() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * (1 << 20)

    async with site.with_key(Scope.INGEST) as client:
        too_large = await client.post("/api/v1/write", content=b"x" * (33 << 20))
        assert (too_large.status_code, too_large.json()["error"]["what"]) == (413, "the body is over the limit of 33554432 bytes")
        assert (await client.post("/api/v1/write", content=in_parts())).status_code == 413
        assert (await client.post("/api/session", content=b"x" * (2 << 20))).status_code == 413


@pytest.mark.parametrize("path", ["/", "/collection", "/machines/web-1.example.org", "/alerts/abc"])
async def test_views_of_the_page_are_open_because_the_page_asks_to_sign_in(site: Site, path: str) -> None:
    async with site.client() as client:
        answer = await client.get(path)
    assert answer.status_code in {200, 503}  # 503 where the page was not built
    assert "sign in" not in answer.text


async def test_every_answer_carries_the_headers_that_keep_a_page_safe(site: Site) -> None:
    async with site.client() as client:
        for path in ("/healthz", "/", "/api/v1/overview"):
            headers = (await client.get(path)).headers
            assert "script-src 'self'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["/../gwanje.yaml", "/%2e%2e/%2e%2e/config.py", "/assets/../../cli.py", "/..%2f..%2fcli.py", "/\0"]
)
async def test_the_page_gives_no_file_but_its_own(site: Site, path: str) -> None:
    async with site.client() as client:
        answer = await client.get(path.replace("\0", "%00"))
        assert "import " not in answer.text
        assert "listen:" not in answer.text
