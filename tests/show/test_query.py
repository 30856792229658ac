"""Prometheus's own paths and answers."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import MutableMapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from gwanje.app.clock import now
from gwanje.app.figures import FiguresProbe
from gwanje.collect.agent import Agent
from gwanje.keep.samples.base import Answer, Matrix
from gwanje.keep.state.people import Scope
from gwanje.show.api.application import application
from gwanje.show.live import Live
from gwanje.show.metrics import OWN
from gwanje.testing.scenarios import MemorySamples

from .conftest import Site


async def test_an_instant_query_answers_a_vector_as_prometheus_does(site: Site) -> None:
    await site.store(("up", {"host": "web-1"}, 1.0, 5), ("up", {"host": "db-1"}, 0.0, 5))
    async with site.with_key(Scope.READ) as client:
        at = now().timestamp()
        body = (await client.get("/api/v1/query", params={"query": "up == 1", "time": str(at)})).json()
    assert body == {
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [{"metric": {"__name__": "up", "host": "web-1"}, "value": [pytest.approx(at, abs=0.001), "1"]}],
        },
    }


async def test_a_scalar_and_a_text_have_their_own_types(site: Site) -> None:
    async with site.with_key(Scope.READ) as client:
        scalar = (await client.get("/api/v1/query", params={"query": "1 + 1", "time": "10"})).json()["data"]
        text = (await client.post("/api/v1/query", data={"query": '"a"', "time": "10"})).json()["data"]
    assert scalar == {"resultType": "scalar", "result": [10.0, "2"]}
    assert text == {"resultType": "string", "result": [10.0, "a"]}


async def test_a_range_query_answers_one_line_a_series_with_its_gaps(site: Site) -> None:
    await site.store(*(("load", {"host": "web-1"}, float(age), float(age)) for age in (1200, 1190, 20, 10)))
    end = now().timestamp()
    given = {"query": "load", "start": str(end - 1200), "end": str(end), "step": "300s"}
    async with site.with_key(Scope.READ) as client:
        data = (await client.get("/api/v1/query_range", params=given)).json()["data"]
    assert data["resultType"] == "matrix"
    (line,) = data["result"]
    assert line["metric"] == {"__name__": "load", "host": "web-1"}
    assert [round(end - at) for at, _ in line["values"]] == [1200, 900, 0]
    assert [value for _, value in line["values"]] == ["1200", "1190", "10"]


NESTED = "(" * 101 + "1" + ")" * 101


@pytest.mark.parametrize(
    ("path", "given", "status", "kind", "said"),
    [
        pytest.param("query", {"query": "sum("}, 400, "bad_data", "", id="does not parse"),
        pytest.param("query", {}, 400, "bad_data", 'invalid parameter "query"', id="no query"),
        pytest.param("query", {"query": "up", "time": "later"}, 400, "bad_data", "cannot parse", id="no time"),
        pytest.param(
            "query_range", {"query": "up", "start": "10", "end": "5", "step": "1"}, 400, "bad_data", "before", id="ends first"
        ),
        pytest.param(
            "query_range", {"query": "up", "start": "0", "end": "9", "step": "0"}, 400, "bad_data", "zero", id="no step"
        ),
        pytest.param(
            "query_range", {"query": "up", "start": "0", "end": "99999", "step": "1"}, 400, "bad_data", "11,000", id="too fine"
        ),
        pytest.param("query", {"query": "up", "timeout": "soon"}, 400, "bad_data", '"timeout"', id="no time to end at"),
        pytest.param("series", {}, 400, "bad_data", "match[]", id="no matchers"),
        pytest.param("query", {"query": NESTED}, 422, "execution", "nests 101 levels deep; at most 100 are read", id="too deep"),
    ],
)
async def test_mistakes_are_answered_as_prometheus_does(
    site: Site, path: str, given: dict[str, str], *, status: int, kind: str, said: str
) -> None:
    async with site.with_key(Scope.READ) as client:
        answer = await client.get(f"/api/v1/{path}", params=given)
    body = answer.json()
    assert (answer.status_code, body["status"], body["errorType"]) == (status, "error", kind)
    assert said in body["error"]


class _Endless(MemorySamples):
    """A store whose answer never comes."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.cancelled = False

    async def instant(self, query: str, at_ms: int) -> Answer:
        self.asked.set()
        try:
            return await asyncio.Future[Answer]()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


class _Answering(MemorySamples):
    """A store that has one answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer

    async def instant(self, query: str, at_ms: int) -> Answer:
        return self._answer


async def test_a_query_is_cancelled_when_nobody_waits_for_it_any_more(site: Site) -> None:
    store = _Endless()
    rooms = replace(site.house.rooms(), samples=store)
    bodies: list[bytes] = []
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        if not store.asked.is_set():
            await store.asked.wait()
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        else:
            bodies.append(message["body"])

    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/api/v1/query",
        "raw_path": b"/api/v1/query",
    }
    scope |= {"query_string": b"query=up", "headers": [], "scheme": "http", "root_path": "", "client": None}
    scope |= {"server": ("socket", None)}  # the folder's own socket needs no key
    await asyncio.wait_for(application(rooms, Live(rooms))(scope, receive, send), 30)
    assert store.cancelled
    assert statuses == [499]
    assert json.loads(b"".join(bodies))["errorType"] == "canceled"


@pytest.mark.parametrize("samples", [10_000, 10_001, 200_001])
async def test_an_answer_of_any_size_is_whole(site: Site, samples: int) -> None:
    store = _Answering(Matrix([(("__name__", "up"),)], np.array([0, samples]), 10**12 + np.arange(samples), np.ones(samples)))
    rooms = replace(site.house.rooms(), samples=store)
    async with replace(site, app=application(rooms, Live(rooms))).with_key(Scope.READ) as client:
        answer = await client.get("/api/v1/query", params={"query": "up[1h]"})
    assert len(answer.json()["data"]["result"][0]["values"]) == samples
    assert int(answer.headers.get("content-length", len(answer.content))) == len(answer.content)


@pytest.mark.parametrize(
    ("allowed", "given"),
    [
        pytest.param(30.0, {"timeout": "10ms"}, id="that it was given"),
        pytest.param(0.01, {}, id="that every query has"),
        pytest.param(0.01, {"timeout": "1h"}, id="that every query has, whatever is asked for"),
    ],
)
async def test_a_query_ends_at_the_time(site: Site, allowed: float, given: dict[str, str]) -> None:
    store = _Endless()
    rooms = replace(site.house.rooms(), samples=store, query_seconds=allowed)
    async with replace(site, app=application(rooms, Live(rooms))).with_key(Scope.READ) as client:
        answer = await client.get("/api/v1/query", params={"query": "up", **given})
    assert store.cancelled
    assert (answer.status_code, answer.json()["errorType"]) == (503, "timeout")
    assert answer.json()["error"] == "query timed out in expression evaluation"


async def test_queries_are_counted_by_how_they_ended(site: Site) -> None:
    asked = [("query", {"query": "1"}), ("query", {"query": "1"}), ("query", {"query": "sum("}), ("query", {"query": NESTED})]
    asked.append(("query_range", {"query": "1", "start": "0", "end": "9", "step": "1"}))
    async with site.with_key(Scope.READ) as client:
        for path, given in asked:
            await client.get(f"/api/v1/{path}", params=given)
    figures = site.house.rooms().own_samples()
    counted = {
        name.partition("{")[2]: value for name, value in figures.items() if name.startswith("gwanje_queries_total") and value
    }
    assert counted == {
        'kind="instant",outcome="succeeded"}': 2,
        'kind="instant",outcome="bad_data"}': 1,
        'kind="instant",outcome="execution"}': 1,
        'kind="range",outcome="succeeded"}': 1,
    }
    assert figures['gwanje_query_seconds_total{kind="instant"}'] > 0


async def test_labels_and_series_are_listed(site: Site) -> None:
    await site.store(("up", {"host": "web-1", "job": "node"}, 1.0, 5), ("load", {"host": "db-1"}, 1.0, 5))
    async with site.with_key(Scope.READ) as client:
        assert (await client.get("/api/v1/labels")).json()["data"] == ["__name__", "host", "job"]
        assert (await client.get("/api/v1/label/host/values")).json()["data"] == ["db-1", "web-1"]
        found = (await client.get("/api/v1/series", params={"match[]": 'up{job="node"}'})).json()["data"]
    assert found == [{"__name__": "up", "host": "web-1", "job": "node"}]


async def test_names_that_are_any_text_are_found_and_listed(site: Site) -> None:
    await site.store(
        ("http.server.duration", {"http.method": "GET", "host": "web-1"}, 2.0, 5),
        ("http.server.duration", {"http.method": "PUT", "host": "web-1"}, 3.0, 5),
    )
    async with site.with_key(Scope.READ) as client:

        async def result(query: str) -> list[tuple[dict[str, str], str]]:
            found = (await client.get("/api/v1/query", params={"query": query})).json()["data"]["result"]
            return [(one["metric"], one["value"][1]) for one in found]

        async def listed(path: str, **given: str) -> list[Any]:
            found: list[Any] = (await client.get(f"/api/v1/{path}", params=given)).json()["data"]
            return found

        assert await result('{"http.server.duration","http.method"="GET"}') == [
            ({"__name__": "http.server.duration", "host": "web-1", "http.method": "GET"}, "2")
        ]
        assert await result('sum by ("http.method") ({"http.server.duration", host="web-1"})') == [
            ({"http.method": "GET"}, "2"),
            ({"http.method": "PUT"}, "3"),
        ]
        assert await listed("labels") == ["__name__", "host", "http.method"]
        for spelled in ("U__http_2e_method", "http.method"):
            assert await listed(f"label/{spelled}/values") == ["GET", "PUT"]
        assert len(await listed("series", **{"match[]": '{"http.server.duration"}'})) == 2
        assert "http.server.duration" in await listed("metadata")
        history = (await client.get("/api/v1/metrics/http.server.duration/history", params={"hours": "1"})).json()
    assert [line["labels"]["http.method"] for line in history["series"]] == ["GET", "PUT"]


async def test_metrics_come_as_plain_json_too(site: Site) -> None:
    await site.store(("load", {"host": "web-1"}, 0.5, 70), ("load", {"host": "web-1"}, 0.75, 5))
    async with site.with_key(Scope.READ) as client:
        latest = (await client.get("/api/v1/metrics", params={"match": "load"})).json()
        history = (await client.get("/api/v1/metrics/load/history", params={"hours": "1"})).json()
    assert latest["metrics"] == [{"name": "load", "labels": {"host": "web-1"}, "value": 0.75}]
    (line,) = history["series"]
    assert line["labels"] == {"host": "web-1"}
    assert {value for _, value in line["points"]} == {0.5, 0.75}


async def test_metrics_come_as_text_for_prometheus_and_in_short_for_who_asks_for_json(site: Site) -> None:
    async with site.with_key(Scope.READ) as client:
        text = await client.get("/metrics")
        short = (await client.get("/metrics", headers={"Accept": "application/json"})).json()
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'gwanje_fetch_total{outcome="failed",pipeline="collect",source="http"} 0' in text.text.splitlines()
    assert "process_resident_memory_bytes" in text.text
    (pipeline,) = short["pipelines"]
    assert (pipeline["name"], pipeline["fail_rate"], pipeline["total"]) == ("collect", None, 0)


async def test_every_metric_of_our_own_says_what_it_counts(site: Site) -> None:
    agent = Agent(
        {"own": FiguresProbe(site.house.own, job="gwanje")},
        site.house.transport,
        host="a",
        instance="a",
        interval=timedelta(seconds=5),
    )
    ours = {sample.metric for sample in await agent.collect_once()} | {
        name.partition("{")[0] for name in site.house.rooms().own_samples()
    }
    families = {re.sub(r"(?<=seconds)_(bucket|sum|count)$", "", name) for name in ours}
    assert families - set(OWN) == set()
    assert len(families) > 25
