"""A store elsewhere keeps the promise: a real Prometheus, a real VictoriaMetrics, and what is said when nobody answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from gwanje.errors import BadQuery, QueryLimit, RetryLater
from gwanje.keep.samples.base import Appended, Columns, Matrix, Samples, Scalar, Text
from gwanje.keep.samples.prometheus import RemoteSamples, Settings
from gwanje.keep.samples.recalled import Recalled
from gwanje.testing.samples import HOUR, NOW_MS, SECOND, WEB_1, WEB_2, StoreContract, columns, held, load, series
from gwanje.wire.remote_write.decode import decode, labels_of
from gwanje.wire.remote_write.encode import body_of, key_of
from tests.engines.metrics import free_port, prometheus, victoria_metrics


class ElsewhereContract(StoreContract):
    """What every store elsewhere does beside."""

    async def test_the_newest_samples_of_series_are_recalled(self, samples: Samples) -> None:
        batch = columns(load("web-1", NOW_MS - SECOND, 1.0), load("web-1", NOW_MS, 2.0), load("web-2", NOW_MS, 3.0))
        await samples.append(batch, NOW_MS)
        asked = [WEB_2, series("nothing", host="web-1"), WEB_1]
        newest = await asyncio.to_thread(Recalled(samples, lambda: NOW_MS).newest, asked)
        assert newest == [(NOW_MS, 3.0), None, (NOW_MS, 2.0)]


@pytest.mark.engine("prometheus")
class TestPrometheus(ElsewhereContract):
    @pytest.fixture
    async def samples(self, tmp_path: Path) -> AsyncIterator[Samples]:
        with prometheus(tmp_path / "prometheus") as url:
            store = RemoteSamples(Settings(url=url))
            yield store
            await store.close()

    async def test_what_it_refuses_does_not_lose_its_neighbours(self, samples: Samples) -> None:
        """Far too old for its window: Prometheus refuses the whole request, and we find the one series that it means."""
        await samples.append(columns(load("web-1", NOW_MS, 1.0)), NOW_MS)
        series_of = {host: [(NOW_MS + SECOND, 1.0)] for host in ("a", "b", "c", "d", "e")}
        batch = decode(
            body_of(
                (series("node_load1", host=host), samples_)
                for host, samples_ in {**series_of, "old": [(NOW_MS - 20 * HOUR, 9.0)]}.items()
            )
        )
        appended = await samples.append(batch, NOW_MS)
        assert (appended.accepted, appended.refused) == (5, {"refused_by_store": 1})
        assert "too old sample" in appended.problem
        found = await held(samples)
        assert sorted(dict(labels)["host"] for labels in found) == ["a", "b", "c", "d", "e", "web-1"]

    async def test_the_other_kinds_of_answers_come_as_ours(self, samples: Samples) -> None:
        assert await samples.instant("1.5", NOW_MS) == Scalar(1.5, NOW_MS)
        assert await samples.instant('"a"', NOW_MS) == Text("a", NOW_MS)
        answer = await samples.instant("vector(0) / 0", NOW_MS)
        assert np.isnan(getattr(answer, "values")).all()  # noqa: B009 - a Vector, as the next line would not pass otherwise

    async def test_labels_that_no_protocol_spelled_are_written_too(self, samples: Samples) -> None:
        """A batch of another protocol than remote write has no body that could go through as it is."""
        values = np.array([1.0, np.inf])
        batch = Columns("own", b"", [key_of(WEB_1), key_of(WEB_2)], np.ones(2, np.int64), np.full(2, NOW_MS), values, labels_of)
        assert await samples.append(batch, NOW_MS) == Appended(2)
        assert await held(samples) == {WEB_1: [(NOW_MS, 1.0)], WEB_2: [(NOW_MS, np.inf)]}


class Flushed(RemoteSamples):
    """VictoriaMetrics shows what it has taken within a second or two; here at once, because the suite asks at once."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._flush = f"{settings.url}/internal/force_flush"

    async def append(self, batch: Columns, now_ms: int) -> Appended:
        appended = await super().append(batch, now_ms)
        async with httpx.AsyncClient() as client:
            (await client.get(self._flush)).raise_for_status()
        return appended


@pytest.mark.engine("victoria-metrics")
class TestVictoriaMetrics(ElsewhereContract):
    @pytest.fixture
    async def samples(self, tmp_path: Path) -> AsyncIterator[Samples]:
        # Without this flag VictoriaMetrics keeps what is sent twice, twice.
        with victoria_metrics(tmp_path / "victoria", flags=["-dedup.minScrapeInterval=1ms"]) as url:
            store = Flushed(Settings(url=url))
            yield store
            await store.close()


# --- when the other side does not do what it should -------------------------------------------------------------------------


class Far:
    """A server that answers as it is told."""

    def __init__(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.text, self.headers = status, text, headers
        self.heard: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.Response:
        await request.read()
        self.heard.append(request)
        return web.Response(status=self.status, text=self.text, headers=self.headers)

    def server(self) -> TestServer:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self.answer)
        return TestServer(application)


BATCH = columns(load("web-1", NOW_MS, 1.0))


async def _told(store: RemoteSamples) -> RetryLater:
    with pytest.raises(RetryLater) as told:
        await store.append(BATCH, NOW_MS)
    return told.value


async def test_a_store_that_is_not_there_asks_to_come_again() -> None:
    store = RemoteSamples(Settings(url=f"http://127.0.0.1:{free_port()}"))
    assert "is it running" in str(await _told(store))
    with pytest.raises(RetryLater, match="is it running"):
        await store.instant("up", NOW_MS)
    assert store.own_samples()["gwanje_store_remote_failed_writes_total"] == 1
    await store.close()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_store_that_cannot_now_says_how_long_to_wait(status: int) -> None:
    far = Far(status, "busy", {"Retry-After": "7"})
    async with far.server() as server:
        store = RemoteSamples(Settings(url=str(server.make_url("/"))))
        told = await _told(store)
        assert (told.status, told.after.total_seconds() if told.after else None) == (status, 7)
        await store.close()


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        pytest.param(400, '{"status":"error","errorType":"bad_data","error":"parse error"}', BadQuery, id="does not parse"),
        pytest.param(422, '{"status":"error","errorType":"execution","error":"too many samples"}', QueryLimit, id="too much"),
        pytest.param(503, '{"status":"error","errorType":"timeout","error":"query timed out"}', RetryLater, id="timeout"),
        pytest.param(200, "<html>a proxy</html>", RetryLater, id="not Prometheus"),
    ],
)
async def test_what_a_query_is_answered_becomes_an_error_of_ours(status: int, text: str, kind: type[Exception]) -> None:
    async with Far(status, text).server() as server:
        store = RemoteSamples(Settings(url=str(server.make_url("/"))))
        with pytest.raises(kind):
            await store.instant("up", NOW_MS)
        await store.close()


async def test_an_answer_beyond_the_limit_is_not_read() -> None:
    async with Far(200, "x" * 5000).server() as server:
        store = RemoteSamples(Settings(url=str(server.make_url("/")), answer_bytes=1024))
        with pytest.raises(QueryLimit, match="answer_bytes"):
            await store.range("up", NOW_MS, NOW_MS, SECOND)
        await store.close()


async def test_credentials_and_tenant_go_with_every_request() -> None:
    far = Far(500, "no")
    async with far.server() as server:
        url = str(server.make_url("/"))
        store = RemoteSamples(Settings.model_validate({"url": url, "authorization": "Bearer abc", "tenant": "team-1"}))
        await _told(store)
        with pytest.raises(RetryLater):
            await store.instant("up", NOW_MS)
        await store.close()
    assert [(one.headers["X-Scope-OrgID"], one.headers["Authorization"]) for one in far.heard] == [("team-1", "Bearer abc")] * 2


@pytest.mark.parametrize("url", ["prometheus:9090", "http://kim:hunter2@prometheus:9090"])
def test_an_address_is_an_address_and_holds_no_password(url: str) -> None:
    with pytest.raises(ValidationError) as told:
        Settings(url=url)
    assert "hunter2" not in told.value.errors()[0]["msg"]


async def test_a_label_of_any_name_is_asked_for_in_its_escaped_form() -> None:
    far = Far(200, '{"status":"success","data":["b","a"]}')
    async with far.server() as server:
        store = RemoteSamples(Settings(url=str(server.make_url("/"))))
        assert await store.label_values("http.method", [], NOW_MS, NOW_MS) == ["a", "b"]
        await store.close()
    assert far.heard[0].path.endswith("/label/U__http_2e_method/values")


async def test_an_answer_without_a_matrix_is_not_taken_for_one() -> None:
    async with Far(200, '{"status":"success","data":{"resultType":"matrix","result":[]}}').server() as server:
        store = RemoteSamples(Settings(url=str(server.make_url("/"))))
        matrix = await store.range("up", NOW_MS, NOW_MS, SECOND)
        assert isinstance(matrix, Matrix)
        assert len(matrix.labels) == 0
        await store.close()


@pytest.mark.parametrize(
    ("notes", "warnings", "infos"),
    [
        pytest.param(',"warnings":["w"],"infos":["i","j"]', ("w",), ("i", "j"), id="both"),
        pytest.param(',"warnings":null', (), (), id="null"),
        pytest.param("", (), (), id="none"),
    ],
)
async def test_notes_beside_an_answer_are_handed_on(notes: str, warnings: tuple[str, ...], infos: tuple[str, ...]) -> None:
    text = '{"status":"success","data":{"resultType":"matrix","result":[]}' + notes + "}"
    async with Far(200, text).server() as server:
        store = RemoteSamples(Settings(url=str(server.make_url(""))))
        try:
            for answer in (await store.instant("a", NOW_MS), await store.range("a", NOW_MS, NOW_MS + HOUR, SECOND)):
                assert (answer.warnings, answer.infos) == (warnings, infos)
        finally:
            await store.close()
