"""The door for remote write."""

from __future__ import annotations

import httpx
import pytest

from gwanje.app.clock import now
from gwanje.keep.state.people import Scope
from gwanje.model import Sample, to_ms
from gwanje.wire.remote_write.encode import compressed, encode
from tests.wire.version_2 import Sent

from .conftest import Site

HEADERS = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf", "X-Prometheus-Remote-Write-Version": "0.1.0"}

VERSION_2 = {
    **HEADERS,
    "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "X-Prometheus-Remote-Write-Version": "2.0.0",
}


def body(*samples: tuple[str, dict[str, str], float, int]) -> bytes:
    return encode([Sample(*one) for one in samples]).body


async def test_what_was_answered_can_be_queried_at_once(site: Site) -> None:
    at_ms = to_ms(now())
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        assert (
            await client.post("/api/v1/write", content=body(("up", {"host": "web-1"}, 7.0, at_ms)), headers=HEADERS)
        ).status_code == 204
        found = (await client.get("/api/v1/query", params={"query": "up", "time": str(at_ms / 1000)})).json()
    assert found["data"]["result"][0]["value"][1] == "7"


async def test_bad_samples_are_named_and_their_good_neighbours_kept(site: Site) -> None:
    at_ms = to_ms(now())
    sent = body(("up", {"host": "web-1"}, 1.0, at_ms), ("up", {"host": "db-1"}, 1.0, at_ms + 3_600_000))
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        answer = await client.post("/api/v1/write", content=sent, headers=HEADERS)
        found = (await client.get("/api/v1/query", params={"query": "up"})).json()["data"]["result"]
    assert answer.status_code == 400
    assert "too_far_ahead 1" in answer.json()["error"]["what"]
    assert "db-1" in answer.json()["error"]["what"]
    assert [row["metric"]["host"] for row in found] == ["web-1"]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        pytest.param(b"garbage", HEADERS, 400, id="not snappy"),
        pytest.param(b"", HEADERS, 400, id="nothing"),
        pytest.param(b"x", {**HEADERS, "Content-Encoding": "gzip"}, 415, id="another compression"),
        pytest.param(b"x", {**HEADERS, "Content-Type": "application/json"}, 415, id="another form"),
        pytest.param(
            b"x", {**HEADERS, "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v9.Request"}, 415, id="version 9"
        ),
        pytest.param(b"x", VERSION_2, 400, id="not snappy, version 2"),
    ],
)
async def test_what_cannot_be_read_is_an_error_and_never_more(
    site: Site, content: bytes, headers: dict[str, str], status: int
) -> None:
    async with site.with_key(Scope.INGEST) as client:
        answer = await client.post("/api/v1/write", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["what"]


async def test_an_agents_key_writes_its_own_hosts_series_only(site: Site) -> None:
    at_ms = to_ms(now())
    async with site.with_key(Scope.INGEST, host="web-1") as client:
        own = await client.post("/api/v1/write", content=body(("up", {"host": "web-1"}, 1.0, at_ms)), headers=HEADERS)
        other = await client.post("/api/v1/write", content=body(("up", {"host": "db-1"}, 1.0, at_ms)), headers=HEADERS)
        none = await client.post("/api/v1/write", content=body(("up", {}, 1.0, at_ms)), headers=HEADERS)
    assert [own.status_code, other.status_code, none.status_code] == [204, 403, 403]


async def test_two_keys_of_one_name_are_two_keys(site: Site) -> None:
    at_ms = to_ms(now())
    sent = body(("up", {"host": "web-1"}, 1.0, at_ms))
    async with site.with_key(Scope.INGEST, host="web-1") as one, site.with_key(Scope.INGEST, host="db-1") as other:
        assert (await one.post("/api/v1/write", content=sent, headers=HEADERS)).status_code == 204
        assert (await other.post("/api/v1/write", content=sent, headers=HEADERS)).status_code == 403


def written(answer: httpx.Response) -> list[str]:
    """Samples, histograms and exemplars of which a sender of version 2 hears that they were written."""
    return [answer.headers[f"X-Prometheus-Remote-Write-{what}-Written"] for what in ("Samples", "Histograms", "Exemplars")]


def series_of_1(field: int, count: int) -> bytes:
    """A whole body: one series without samples, that has another field so many times."""
    label = b"\x0a\x08__name__\x12\x01m"
    series = b"\x0a" + bytes((len(label),)) + label + bytes((field << 3 | 2, 0)) * count
    return compressed(b"\x0a" + bytes((len(series),)) + series)


async def test_version_1_hears_of_histograms_and_not_of_exemplars(site: Site) -> None:
    exemplars, histograms = 3, 4
    async with site.with_key(Scope.INGEST) as client:
        fine = await client.post("/api/v1/write", content=series_of_1(exemplars, 2), headers=HEADERS)
        refused = await client.post("/api/v1/write", content=series_of_1(histograms, 2), headers=HEADERS)
    assert (fine.status_code, refused.status_code) == (204, 400)
    assert "native_histograms 2), 0 kept; the first: native histograms are not kept" in refused.json()["error"]["what"]


async def test_version_2_is_told_what_was_written_and_a_repeated_body_is_not_lost(site: Site) -> None:
    sent = Sent()
    sent.series({"__name__": "up", "host": "web-1"}, (to_ms(now()), 7.0)).exemplars.add(value=1.0)
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        answers = [await client.post("/api/v1/write", content=sent.body(), headers=VERSION_2) for _ in range(2)]
        found = (await client.get("/api/v1/query", params={"query": "up"})).json()["data"]["result"]
    assert [(answer.status_code, written(answer)) for answer in answers] == [(204, ["1", "0", "0"])] * 2
    assert [row["metric"] for row in found] == [{"__name__": "up", "host": "web-1"}]


async def test_version_2_hears_of_refused_samples_and_histograms(site: Site) -> None:
    sent = Sent()
    sent.series({"__name__": "up", "host": "web-1"}, (to_ms(now()), 7.0))
    sent.series({"__name__": "up", "host": "db-1"}, (to_ms(now()) + 3_600_000, 7.0))
    sent.series({"__name__": "latency"}).histograms.add(count_int=3, timestamp=to_ms(now()))
    async with site.with_key(Scope.INGEST) as client:
        answer = await client.post("/api/v1/write", content=sent.body(), headers=VERSION_2)
    assert (answer.status_code, written(answer)) == (400, ["1", "0", "0"])
    assert "native_histograms 1, too_far_ahead 1" in answer.json()["error"]["what"]


async def test_version_2_of_another_host_is_refused(site: Site) -> None:
    sent = Sent()
    sent.series({"__name__": "up", "host": "db-1"}, (to_ms(now()), 7.0))
    async with site.with_key(Scope.INGEST, host="web-1") as client:
        assert (await client.post("/api/v1/write", content=sent.body(), headers=VERSION_2)).status_code == 403


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param("application/x-protobuf", id="none named"),
        pytest.param("application/x-protobuf;proto=prometheus.WriteRequest", id="named"),
        pytest.param('Application/X-Protobuf; charset=utf-8; proto="prometheus.WriteRequest"', id="spelled otherwise"),
    ],
)
async def test_version_1_is_meant_by(site: Site, content_type: str) -> None:
    sent = body(("up", {"host": "web-1"}, 7.0, to_ms(now())))
    async with site.with_key(Scope.INGEST) as client:
        answer = await client.post("/api/v1/write", content=sent, headers={**HEADERS, "Content-Type": content_type})
    assert answer.status_code == 204
