"""The doors for line protocol: both versions' ways to ask, to say the key, and to hear what is wrong."""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from gwanje.app.clock import now
from gwanje.carry.ingest import Ingest
from gwanje.errors import StoreFull
from gwanje.keep.samples.base import Appended, Columns
from gwanje.keep.state import people
from gwanje.keep.state.people import Scope
from gwanje.model import to_ms
from gwanje.show.api.application import application

from .conftest import Site

DOORS = ["/write", "/api/v2/write"]


def line(host: str, value: float = 1, *, ahead_ms: int = 0) -> bytes:
    return f"cpu,host={host} usage={value} {to_ms(now()) + ahead_ms}\n".encode()


async def hosts(client: httpx.AsyncClient, metric: str = "cpu_usage") -> list[str]:
    found = (await client.get("/api/v1/query", params={"query": metric})).json()["data"]["result"]
    return sorted(row["metric"]["host"] for row in found)


@pytest.mark.parametrize("door", DOORS)
async def test_what_was_answered_can_be_queried_at_once(site: Site, door: str) -> None:
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        answer = await client.post(
            door, params={"precision": "ms", "db": "x", "org": "o", "bucket": "b"}, content=line("web-1") + line("web-2")
        )
        assert (answer.status_code, answer.content) == (204, b"")
        assert await hosts(client) == ["web-1", "web-2"]


async def test_times_are_nanoseconds_where_nothing_is_said_and_now_where_there_is_none(site: Site) -> None:
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        content = b"cpu,host=web-1 usage=1 %d\ncpu,host=web-2 usage=1\n" % (to_ms(now()) * 1_000_000)
        assert (await client.post("/write", content=content)).status_code == 204
        assert await hosts(client) == ["web-1", "web-2"]


@pytest.mark.parametrize("door", DOORS)
async def test_gzip_is_taken(site: Site, door: str) -> None:
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        headers = {"Content-Encoding": "gzip"}
        sent = gzip.compress(line("web-1"))
        assert (await client.post(door, params={"precision": "ms"}, content=sent, headers=headers)).status_code == 204
        assert await hosts(client) == ["web-1"]


async def test_a_large_body_is_taken(site: Site) -> None:
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        content = b"# a comment of which nothing is left\n" * 60_000 + line("web-1")
        assert len(content) > 2 << 20
        assert (await client.post("/write", params={"precision": "ms"}, content=content)).status_code == 204
        assert await hosts(client) == ["web-1"]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param(b"cpu,host=db-1 usage=nan\n", "'nan' is no value", id="a value"),
        pytest.param(b"cpu,host usage=1\n", "'host' is no tag", id="a tag"),
    ],
)
async def test_a_bad_line_is_named_and_the_good_ones_kept(site: Site, door: str, bad: bytes, reason: str) -> None:
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        answer = await client.post(
            door, params={"precision": "ms"}, content=b"# first\n" + line("web-1") + bad + line("web-2") + b"bad\n"
        )
        assert await hosts(client) == ["web-1", "web-2"]
    said = answer.json()
    message = said["error"] if door == "/write" else said["message"]
    assert answer.status_code == 400
    assert "line 3: " in message
    assert reason in message
    assert "2 samples kept" in message
    if door == "/write":
        assert said == {"error": message}
    else:
        assert said == {"code": "invalid", "message": message, "line": 3}


async def test_a_sample_that_the_store_refuses_is_named(site: Site) -> None:
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        content = line("web-1") + line("db-1", ahead_ms=3_600_000)
        answer = await client.post("/write", params={"precision": "ms"}, content=content)
        assert await hosts(client) == ["web-1"]
    assert answer.status_code == 400
    assert "too_far_ahead" in answer.json()["error"]
    assert "db-1" in answer.json()["error"]


async def test_text_alone_is_taken_and_nothing_kept(site: Site) -> None:
    async with site.with_key(Scope.INGEST) as client:
        assert (await client.post("/write", content=b'log text="a b"\n')).status_code == 204
        assert (await client.post("/write", content=b"")).status_code == 204


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("content", "headers", "query", "status", "code"),
    [
        pytest.param(b"x", {}, {"precision": "d"}, 400, "invalid", id="an unknown precision"),
        pytest.param(b"bad\n", {}, {}, 400, "invalid", id="bad lines alone"),
        pytest.param(b"x", {"Content-Encoding": "gzip"}, {}, 400, "invalid", id="no gzip"),
        pytest.param(b"x", {"Content-Encoding": "zstd"}, {}, 415, "unsupported media type", id="another compression"),
        pytest.param(
            gzip.compress(b"\0" * (33 << 20)), {"Content-Encoding": "gzip"}, {}, 413, "request too large", id="a gzip bomb"
        ),
        pytest.param(b"\n" * 500_001, {}, {}, 413, "request too large", id="too many lines"),
        pytest.param("서울\n".encode(), {}, {}, 400, "invalid", id="other letters in the answer"),
    ],
)
async def test_what_cannot_be_taken_is_said_in_the_words_of_the_version(
    site: Site, *, door: str, content: bytes, headers: dict[str, str], query: dict[str, str], status: int, code: str
) -> None:
    async with site.with_key(Scope.INGEST) as client:
        answer = await client.post(door, params=query, content=content, headers=headers)
    assert answer.status_code == status
    if door == "/write":
        assert answer.json()["error"]
        assert answer.headers["x-influxdb-error"]
    else:
        assert answer.json()["code"] == code
        assert answer.json()["message"]


@dataclass
class FullStore:
    """A store on a full disk."""

    problem: str

    async def append(self, batch: Columns, now_ms: int) -> Appended:
        raise StoreFull(self.problem)


@pytest.mark.parametrize(("door", "word"), [("/write", "error"), ("/api/v2/write", "message")])
async def test_a_full_store_asks_to_come_again(site: Site, door: str, word: str) -> None:
    rooms = site.house.rooms()
    ingest = Ingest(FullStore("no space left"), rooms.events, rooms.updates, rooms.now_ms)
    full = replace(site, app=application(replace(rooms, ingest=ingest), site.live))
    async with full.with_key(Scope.INGEST) as client:
        answer = await client.post(door, content=b"cpu value=1\n")
    assert (answer.status_code, answer.json()[word], answer.headers["retry-after"]) == (507, "no space left", "5")


async def test_an_agents_key_writes_its_own_hosts_series_only(site: Site) -> None:
    async with site.with_key(Scope.INGEST, host="web-1") as client:
        own = await client.post("/write", content=b"cpu,host=web-1 value=1\n")
        other = await client.post("/write", content=b"cpu,host=web-1 value=1\ncpu,host=db-1 value=1\n")
        none = await client.post("/api/v2/write", content=b"cpu value=1\n")
    assert [own.status_code, other.status_code, none.status_code] == [204, 403, 403]
    assert none.json()["code"] == "forbidden"


def add_key(site: Site, scope: Scope) -> str:
    with site.house.state.write() as connection:
        return people.add_key(connection, scope.value, [scope], now())


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("door", "authorization", "query", "status"),
    [
        pytest.param("/write", "Bearer {key}", {}, 204, id="version 1, bearer"),
        pytest.param("/write", "Token {key}", {}, 204, id="version 1, token"),
        pytest.param("/write", "basic", {}, 204, id="version 1, basic"),
        pytest.param("/write", "", {"u": "telegraf", "p": "{key}"}, 204, id="version 1, in the address"),
        pytest.param("/write", "", {"u": "{key}"}, 401, id="the key as the user"),
        pytest.param("/write", "Bearer wrong", {"p": "{key}"}, 401, id="a wrong key and a right one in the address"),
        pytest.param("/write", "Basic {key}", {}, 401, id="basic that is none"),
        pytest.param("/write", "Basic w6k", {}, 401, id="basic cut off"),
        pytest.param("/write", "Digest {key}", {}, 401, id="another scheme"),
        pytest.param("/write", "Token", {}, 401, id="no token"),
        pytest.param("/write", "", {}, 401, id="version 1, nothing"),
        pytest.param("/api/v2/write", "Bearer {key}", {}, 204, id="version 2, bearer"),
        pytest.param("/api/v2/write", "Token {key}", {}, 204, id="version 2, token"),
        pytest.param("/api/v2/write", "token {key}", {}, 204, id="version 2, token in small letters"),
        pytest.param("/api/v2/write", "basic", {}, 204, id="version 2, basic"),
        pytest.param("/api/v2/write", "", {"p": "{key}"}, 401, id="version 2, in the address"),
        pytest.param("/api/v2/write", "", {}, 401, id="version 2, nothing"),
        pytest.param("/api/v1/write", "Token {key}", {}, 401, id="another path, token"),
        pytest.param("/api/v1/write", "basic", {}, 401, id="another path, basic"),
        pytest.param("/api/v1/write", "", {"p": "{key}"}, 401, id="another path, in the address"),
    ],
)
async def test_a_key_may_be_said_as_influxs_clients_say_it(
    site: Site, door: str, authorization: str, query: dict[str, str], status: int
) -> None:
    key = add_key(site, Scope.INGEST)
    given = basic("telegraf", key) if authorization == "basic" else authorization.format(key=key)
    headers = {"Authorization": given} if given else {}
    params = {name: value.format(key=key) for name, value in query.items()}
    async with site.client(**headers) as client:
        assert (await client.post(door, params=params, content=b"cpu value=1\n")).status_code == status


@pytest.mark.parametrize("door", DOORS)
async def test_a_key_without_the_scope_writes_nothing(site: Site, door: str) -> None:
    async with site.client(Authorization=f"Token {add_key(site, Scope.READ)}") as client:
        assert (await client.post(door, content=b"cpu value=1\n")).status_code == 403


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_ping_is_open_and_says_nothing_but_health(site: Site, method: str) -> None:
    async with site.client() as client:
        answer: Any = await client.request(method, "/ping")
    assert (answer.status_code, answer.content) == (204, b"")
    assert not [name for name in answer.headers if "version" in name or "influx" in name]
