"""What another Prometheus takes over."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from gwanje.keep.state.people import Scope
from gwanje.model import to_ms
from gwanje.show.api.application import application
from gwanje.testing.scenarios import MemorySamples

from .conftest import ADDRESS, Site

WITH_QUOTES = "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.1"


async def test_the_newest_samples_of_all_selectors_stand_once_with_their_times(site: Site) -> None:
    await site.store(
        ("up", {"host": "web-1"}, 1.0, 20), ("up", {"host": "web-1"}, 0.0, 5), ("load", {}, 0.25, 1), ("other", {}, 1, 1)
    )
    await site.store(("up", {"host": "gone"}, 1.0, 301))
    async with site.with_key(Scope.READ) as client:
        answer = await client.get("/federate", params={"match[]": ["up", '{__name__=~"load|up"}', "nothing"]})
        when = (await client.get("/api/v1/query", params={"query": "timestamp(up)"})).json()["data"]["result"][0]["value"][1]
    lines = answer.text.splitlines()
    assert [line.rpartition(" ")[0] for line in lines] == [
        "# TYPE load",
        'load{instance=""} 0.25',
        "# TYPE up",
        'up{host="web-1",instance=""} 0',
    ]
    assert lines[-1].rpartition(" ")[2] == str(round(float(when) * 1000))
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_names_are_quoted_for_who_reads_them_so(site: Site) -> None:
    await site.store(("http.time", {"a.b": "c"}, 1.0, 5))
    given = {"match[]": '{"http.time"}'}
    async with site.with_key(Scope.READ) as client:
        plain = await client.get("/federate", params=given)
        quoted = await client.get("/federate", params=given, headers={"Accept": WITH_QUOTES})
    assert plain.text.startswith('# TYPE http_time untyped\nhttp_time{a_b="c",instance=""} 1 ')
    assert quoted.text.startswith('# TYPE "http.time" untyped\n{"http.time","a.b"="c",instance=""} 1 ')
    assert "escaping=allow-utf-8" in quoted.headers["content-type"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "no match[] parameter"),
        ({"match[]": "up offset 5m"}, "is not a selector"),
        ({"match[]": ["up", "up{"]}, "parse error"),
    ],
    ids=["nothing", "no selector", "a mistake"],
)
async def test_what_is_no_selector_is_refused(site: Site, given: dict[str, str], said: str) -> None:
    async with site.with_key(Scope.READ) as client:
        answer = await client.get("/federate", params=given)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


async def test_nobody_else_takes_anything_over(site: Site) -> None:
    async with site.client() as client:
        assert (await client.get("/federate", params={"match[]": "up"})).status_code == 401
    async with site.with_key(Scope.INGEST) as client:
        assert (await client.get("/federate", params={"match[]": "up"})).status_code == 403


async def test_a_store_that_does_not_say_times_leaves_them_to_who_scrapes(site: Site) -> None:
    rooms = site.house.rooms()
    samples = MemorySamples()
    samples.append("up", {"host": "web-1"}, 1.0, to_ms(rooms.now()) - 5000)
    app = application(replace(rooms, samples=samples), site.live)
    async with site.with_key(Scope.READ) as client:
        headers = client.headers
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ADDRESS, headers=headers) as client:
        answer = await client.get("/federate", params={"match[]": "up"})
    assert answer.text == '# TYPE up untyped\nup{host="web-1",instance=""} 1\n'
