"""The door for OpenTelemetry: what is kept, what is refused, and that every answer is in the sender's own encoding."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import Any

import httpx
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest, ExportMetricsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from gwanje.app.clock import now
from gwanje.carry.ingest import Ingest
from gwanje.errors import StoreFull
from gwanje.keep.samples.base import Appended, Columns
from gwanje.keep.state.people import Scope
from gwanje.model import to_ms
from gwanje.show.api.application import application

from .conftest import Site

PATH = "/v1/metrics"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
ENCODINGS = [PROTOBUF, JSON]


def request(host: str = "web-1", *, value: float = 7, ahead_ms: int = 0) -> ExportMetricsServiceRequest:
    message = ExportMetricsServiceRequest()
    resource = message.resource_metrics.add()
    for name, text in (("service.name", "shop"), ("host.name", host)):
        resource.resource.attributes.add(key=name, value=AnyValue(string_value=text))
    points = resource.scope_metrics.add().metrics.add(name="queue.size").gauge.data_points
    points.add(as_double=value, time_unix_nano=(to_ms(now()) + ahead_ms) * 1_000_000)
    return message


def encoded(message: ExportMetricsServiceRequest, encoding: str) -> bytes:
    return message.SerializeToString() if encoding == PROTOBUF else json_format.MessageToJson(message).encode()


async def post(client: httpx.AsyncClient, content: bytes, encoding: str, **headers: str) -> httpx.Response:
    return await client.post(PATH, content=content, headers={"Content-Type": encoding, **headers})


def partial(answer: httpx.Response) -> tuple[int, str]:
    """What was refused, and why."""
    response = ExportMetricsServiceResponse()
    if answer.headers["Content-Type"].startswith(JSON):
        json_format.Parse(answer.content, response)
    else:
        response.ParseFromString(answer.content)
    return response.partial_success.rejected_data_points, response.partial_success.error_message


async def found(client: httpx.AsyncClient, query: str = "queue_size") -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = (await client.get("/api/v1/query", params={"query": query})).json()["data"]["result"]
    return result


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("gzipped", [False, True], ids=["as it is", "by gzip"])
async def test_what_was_answered_can_be_queried_at_once(site: Site, encoding: str, *, gzipped: bool) -> None:
    body = encoded(request(), encoding)
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        answer = await post(
            client, gzip.compress(body) if gzipped else body, encoding, **({"Content-Encoding": "gzip"} if gzipped else {})
        )
        (row,) = await found(client)
        (target,) = await found(client, "target_info")
    assert (answer.status_code, answer.headers["Content-Type"], partial(answer)) == (200, encoding, (0, ""))
    assert (row["metric"], row["value"][1]) == ({"__name__": "queue_size", "job": "shop", "host": "web-1"}, "7")
    assert target["metric"]["host_name"] == "web-1"


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_what_is_refused_is_counted_and_its_neighbours_are_kept(site: Site, encoding: str) -> None:
    message = request()
    metric = message.resource_metrics[0].scope_metrics[0].metrics.add(name="latency")
    metric.exponential_histogram.data_points.add(count=3)
    message.MergeFrom(request("db-1", ahead_ms=3_600_000))
    async with site.with_key(Scope.INGEST, Scope.READ) as client:
        answer = await post(client, encoded(message, encoding), encoding)
        rows = await found(client)
    count, why = partial(answer)
    assert (answer.status_code, count) == (200, 3)  # db-1's point and target_info with it, and the histogram
    assert "1 points that are neither delta nor cumulative" in why
    assert "too_far_ahead 2" in why
    assert [row["metric"]["host"] for row in rows] == ["web-1"]


class Elsewhere:
    """The same samples, as a store that must be asked."""

    def __init__(self, samples: Any) -> None:
        self._samples = samples

    def __getattr__(self, name: str) -> Any:
        if name == "newest":
            raise AttributeError(name)
        return getattr(self._samples, name)


@pytest.mark.parametrize("far", [pytest.param(False, id="at hand"), pytest.param(True, id="elsewhere")])
async def test_after_a_restart_deltas_go_on_from_what_is_stored(site: Site, *, far: bool) -> None:
    def sent(value: int, age_ms: int) -> bytes:
        message = ExportMetricsServiceRequest()
        resource = message.resource_metrics.add()
        resource.resource.attributes.add(key="service.name", value=AnyValue(string_value="shop"))
        counter = resource.scope_metrics.add().metrics.add(name="orders").sum
        counter.is_monotonic, counter.aggregation_temporality = True, AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
        counter.data_points.add(as_int=value, time_unix_nano=(at_ms - age_ms) * 1_000_000 + 123_456)
        return message.SerializeToString()

    at_ms = to_ms(now())
    async with site.with_key(Scope.INGEST) as client:
        await post(client, sent(5, 3000), PROTOBUF)
        await post(client, sent(2, 2000), PROTOBUF)
    rooms = site.house.rooms()
    rooms = replace(rooms, samples=Elsewhere(rooms.samples)) if far else rooms
    again = replace(site, app=application(rooms, site.live))  # a door that remembers nothing
    async with again.with_key(Scope.INGEST, Scope.READ) as client:
        for value, age_ms in ((2, 2000), (4, 1000)):  # the first was stored, its answer was lost
            assert partial(await post(client, sent(value, age_ms), PROTOBUF)) == (0, "")
        (row,) = await found(client, "orders_total[1h]")
    assert [value for _, value in row["values"]] == ["5", "7", "11"]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        pytest.param(b"garbage", {"Content-Type": PROTOBUF}, 400, id="no protobuf"),
        pytest.param(b"garbage", {"Content-Type": JSON}, 400, id="no JSON"),
        pytest.param(b"garbage", {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"}, 400, id="no gzip"),
        pytest.param(b"", {"Content-Type": PROTOBUF, "Content-Encoding": "br"}, 415, id="another compression"),
        pytest.param(b"", {"Content-Type": "text/plain"}, 415, id="another form"),
        pytest.param(b"", {}, 415, id="no form"),
    ],
)
async def test_what_cannot_be_read_is_an_error_and_never_more(
    site: Site, content: bytes, headers: dict[str, str], status: int
) -> None:
    async with site.with_key(Scope.INGEST) as client:
        answer = await client.post(PATH, content=content, headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        status,
        JSON if headers.get("Content-Type") == JSON else PROTOBUF,
    )
    assert b"body" in answer.content or b"not" in answer.content


async def test_a_gzip_bomb_is_refused_before_it_takes_room(site: Site) -> None:
    app = application(replace(site.house.rooms(), body_bytes=1 << 20), site.live)
    async with replace(site, app=app).with_key(Scope.INGEST) as client:
        answer = await post(client, gzip.compress(b"\0" * (8 << 20)), PROTOBUF, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, b"1048576 bytes" in answer.content) == (413, True)


class FullDisk:
    """A store that cannot write."""

    async def append(self, batch: Columns, now_ms: int) -> Appended:
        raise StoreFull("no room")


async def test_a_full_store_asks_to_come_again_in_the_one_way_that_senders_understand(site: Site) -> None:
    rooms = site.house.rooms()
    ingest = Ingest(FullDisk(), rooms.events, rooms.updates, rooms.now_ms)
    app = application(replace(rooms, ingest=ingest), site.live)
    async with replace(site, app=app).with_key(Scope.INGEST) as client:
        answer = await post(client, encoded(request(), JSON), JSON)
    assert (answer.status_code, answer.json(), answer.headers["Retry-After"]) == (503, {"message": "no room"}, "5")


async def test_an_agents_key_writes_its_own_hosts_series_only(site: Site) -> None:
    async with site.with_key(Scope.INGEST, host="web-1") as client:
        own = await post(client, encoded(request("web-1"), PROTOBUF), PROTOBUF)
        other = await post(client, encoded(request("db-1"), PROTOBUF), PROTOBUF)
    assert (own.status_code, other.status_code) == (200, 403)


async def test_who_may_not_write_is_told_so(site: Site) -> None:
    async with site.client() as nobody, site.with_key(Scope.READ) as reader:
        assert (await post(nobody, b"", PROTOBUF)).status_code == 401
        assert (await post(reader, b"", PROTOBUF)).status_code == 403
