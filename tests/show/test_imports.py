"""The door for samples as JSON lines."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gwanje.app.clock import now
from gwanje.keep.state.people import Scope
from gwanje.model import Sample, to_ms
from gwanje.show.api.application import application
from gwanje.wire.remote_write.encode import encode
from tests.engines.metrics import victoria_metrics

from .conftest import Site

PATH = "/api/v1/import"


def line(host: str, value: float = 1, *, ahead_ms: int = 0, metric: str = "up") -> bytes:
    body = {"metric": {"__name__": metric, "host": host}, "values": [value], "timestamps": [to_ms(now()) + ahead_ms]}
    return json.dumps(body).encode() + b"\n"


@pytest.mark.parametrize("gzipped", [False, True], ids=["as it is", "by gzip"])
async def test_what_was_answered_can_be_queried_at_once(site: Site, *, gzipped: bool) -> None:
    body = line("web-1", 7)
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        answer = await client.post(
            PATH, content=gzip.compress(body) if gzipped else body, headers={"Content-Encoding": "gzip"} if gzipped else {}
        )
        found = (await client.get("/api/v1/query", params={"query": "up"})).json()["data"]["result"]
    assert (answer.status_code, [row["value"][1] for row in found]) == (204, ["7"])


@pytest.mark.parametrize(
    ("bad", "where", "what"),
    [
        pytest.param(lambda: b"{\n", "line 2", "1 lines", id="a line that cannot be read"),
        pytest.param(lambda: line("db-1", metric=""), "line 2", "1 samples (bad_labels)", id="labels that are none"),
        pytest.param(lambda: line("db-1", ahead_ms=3_600_000), "", "too_far_ahead", id="a sample of the future"),
    ],
)
async def test_what_is_bad_is_named_and_its_neighbours_are_kept(
    site: Site, bad: Callable[[], bytes], where: str, what: str
) -> None:
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        answer = await client.post(PATH, content=line("web-1") + bad() + line("web-2"))
        found = (await client.get("/api/v1/query", params={"query": "up"})).json()["data"]["result"]
    error = answer.json()["error"]
    assert (answer.status_code, error["where"]) == (400, where)
    assert what in error["what"]
    assert sorted(row["metric"]["host"] for row in found) == ["web-1", "web-2"]


async def test_an_agents_key_writes_its_own_hosts_series_only(site: Site) -> None:
    async with site.with_key(Scope.INGEST, host="web-1") as client:
        assert (await client.post(PATH, content=line("web-1"))).status_code == 204
        assert (await client.post(PATH, content=line("db-1"))).status_code == 403


async def test_who_may_not_write_is_told_so(site: Site) -> None:
    async with site.client() as nobody, site.with_key(Scope.READ) as reader:
        assert (await nobody.post(PATH, content=line("web-1"))).status_code == 401
        assert (await reader.post(PATH, content=line("web-1"))).status_code == 403


async def test_a_body_may_be_larger_than_a_forms_but_not_than_the_limit(site: Site) -> None:
    rooms = replace(site.house.rooms(), body_bytes=2 << 20)
    app = application(rooms, site.live)
    async with replace(site, app=app).with_key(Scope.INGEST) as client:
        assert (await client.post(PATH, content=line("web-1") + b" " * (1 << 20))).status_code == 204
        assert (await client.post(PATH, content=b"\n" * (2 << 20) + line("web-1"))).status_code == 413
        bomb = gzip.compress(b"\n" * (3 << 20))
        assert (await client.post(PATH, content=bomb, headers={"Content-Encoding": "gzip"})).status_code == 413


@pytest.mark.parametrize(("encoding", "status"), [("br", 415), ("gzip", 400)])
async def test_another_compression_is_refused(site: Site, encoding: str, status: int) -> None:
    async with site.with_key(Scope.INGEST) as client:
        assert (await client.post(PATH, content=b"x", headers={"Content-Encoding": encoding})).status_code == status


def exported_by_victoria_metrics(folder: Path, samples: list[Sample]) -> bytes:
    with victoria_metrics(folder / "theirs") as url:
        httpx.post(f"{url}/api/v1/write", content=encode(samples).body).raise_for_status()
        httpx.get(f"{url}/internal/force_flush").raise_for_status()
        return httpx.get(f"{url}/api/v1/export", params={"match[]": "sold"}).content


@pytest.mark.engine("victoria-metrics")
async def test_what_victoria_metrics_exports_is_imported(site: Site, tmp_path: Path) -> None:
    at_ms = to_ms(now()) - 60_000
    samples = [
        Sample("sold", {"host": host}, value, at_ms + i * 1000) for host in ("web-1", "web-2") for i, value in enumerate((1, 2.5))
    ]
    exported = exported_by_victoria_metrics(tmp_path, samples)
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        assert (await client.post(PATH, content=exported)).status_code == 204
        found = (await client.get("/api/v1/query", params={"query": "sold[5m]"})).json()["data"]["result"]
    assert {row["metric"]["host"]: [value for _, value in row["values"]] for row in found} == {
        "web-1": ["1", "2.5"],
        "web-2": ["1", "2.5"],
    }
