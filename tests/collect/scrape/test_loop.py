"""The loop against real pages of a local server: what it sends, when it fails, and what it says of it."""

from __future__ import annotations

import asyncio
import base64
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from gwanje.collect.discovery.base import Target
from gwanje.collect.scrape.loop import REPORT, Scraper, Watched
from gwanje.collect.scrape.spec import Job
from gwanje.errors import Rejected, RetryLater
from gwanje.model import STALE_NAN_BITS, Batch
from gwanje.show.metrics import OWN
from gwanje.testing.web import Behaviour, WebServer
from gwanje.wire.remote_write.decode import decode

STALE = "stale"
FOREVER = 30.0


class Store:
    """The far end of the transport: remembers samples by series, and refuses while it is told to."""

    def __init__(self) -> None:
        self.samples: dict[str, list[tuple[int, float | str]]] = {}
        self.refuses: Exception | None = None
        self.refused = 0
        self._came = asyncio.Event()

    async def send(self, batch: Batch) -> None:
        self._came.set()
        if self.refuses:
            self.refused += 1
            raise self.refuses
        columns = decode(batch.body)
        bits = np.ascontiguousarray(columns.values).view(np.uint64).tolist()
        for key, at, value, bit in zip(columns.keys, columns.times.tolist(), columns.values.tolist(), bits, strict=True):
            labels = dict(columns.labels_of(key))
            name = f"{labels['__name__']}@{labels['instance']}"
            self.samples.setdefault(name, []).append((at, STALE if bit == STALE_NAN_BITS else value))

    async def close(self) -> None: ...

    def of(self, metric: str, url: str = "") -> list[float | str]:
        """The values of a metric, of one instance or of the only one."""
        found = [name for name in self.samples if name.startswith(f"{metric}@") and name.endswith(url.removeprefix("http://"))]
        return [value for name in found for _, value in self.samples[name]]

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait until something that was sent makes it hold."""
        async with asyncio.timeout(FOREVER):
            while not holds():
                self._came.clear()
                await self._came.wait()


class Told:
    """A discovery that says what the test tells it."""

    trouble = ""

    def __init__(self, *addresses: str) -> None:
        self._said: asyncio.Queue[Sequence[Target]] = asyncio.Queue()
        self.say(*addresses)

    def say(self, *addresses: str, **labels: str) -> None:
        self._said.put_nowait([{"__address__": address.removeprefix("http://"), **labels} for address in addresses])

    async def changes(self) -> AsyncIterator[Sequence[Target]]:
        while True:
            yield await self._said.get()


def job(**settings: Any) -> Job:
    return Job.model_validate({"name": "node", "interval": "100ms", **settings})


@asynccontextmanager
async def running(store: Store, *jobs: tuple[Job, Told]) -> AsyncIterator[Scraper]:
    scraper = Scraper([(one, [told]) for one, told in jobs], store)
    task = asyncio.create_task(scraper.run())
    try:
        yield scraper
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def only(scraper: Scraper) -> Watched:
    (watched,) = scraper.pools[0].watched.values()
    return watched


@pytest.fixture
async def site() -> AsyncIterator[WebServer]:
    async with WebServer(behaviour=page("# TYPE a gauge\na 1\n")) as server:
        yield server


def page(body: str, **more: Any) -> Behaviour:
    return Behaviour(body=body, content_type="text/plain; version=0.0.4", **more)


async def test_a_page_is_sent_with_how_it_went_at_one_time(site: WebServer) -> None:
    store = Store()
    async with running(store, (job(), Told(site.url))) as scraper:
        await store.until(lambda: store.of("a"))
        assert (only(scraper).health, only(scraper).last_error) == ("up", "")
        assert [about.type for about in scraper.about()["a"]] == ["gauge"]
    at = next(samples[0][0] for name, samples in store.samples.items() if name.startswith("a@"))
    first = {name.partition("@")[0]: dict(samples)[at] for name, samples in store.samples.items()}
    assert set(first) == {"a", *REPORT}
    assert {name: first[name] for name in ("a", "up", "scrape_samples_scraped", "scrape_series_added")} == {
        "a": 1.0,
        "up": 1.0,
        "scrape_samples_scraped": 1.0,
        "scrape_series_added": 1.0,
    }
    assert site.requests[0].headers["Accept"].startswith("application/openmetrics-text")


async def test_a_target_that_fails_is_down_and_its_series_end_until_it_is_back(site: WebServer) -> None:
    store = Store()
    async with running(store, (job(), Told(site.url))) as scraper:
        await store.until(lambda: store.of("a"))
        site.behaviour = page("a 1\n", status=503)
        await store.until(lambda: only(scraper).last_error.startswith("answered 503") and store.of("up")[-1] == 0.0)
        assert only(scraper).health == "down"
        assert store.of("a")[-1] == STALE
        await site.stop()
        await store.until(lambda: store.of("up").count(0.0) >= 3)
        assert [store.of("a")[-1], store.of("a")[-2:].count(STALE)] == [STALE, 1]
        await site.start()
        site.behaviour = page("a 2\n")
        await store.until(lambda: store.of("a")[-1] == 2.0)
        assert only(scraper).health == "up"


@pytest.mark.parametrize(
    ("behaviour", "settings", "trouble"),
    [
        pytest.param(page("a 1\n" * 1000), {"body_bytes": 1000}, "more than 1,000 bytes", id="a page too large"),
        pytest.param(page("a 1\nb 1\n"), {"sample_limit": 1}, "`sample_limit`", id="too many samples"),
        pytest.param(page("<html>"), {}, "no sample that can be read", id="something else"),
        pytest.param(
            page("", headers={"Location": "/b"}, status=302), {"follow_redirects": False}, "answered 302", id="a redirect"
        ),
        pytest.param(
            page("", headers={"Location": "http://169.254.169.254/keys"}, status=302), {}, "link-local", id="a redirect to keys"
        ),
        pytest.param(page("a 1\n", fail_every=1, fail_by_drop=True), {}, "connection", id="a connection that is dropped"),
        pytest.param(page("a 1\n", delay_seconds=FOREVER), {}, "no page within 100ms", id="a page too slow"),
    ],
)
async def test_what_keeps_a_page_from_being_used_is_said(
    site: WebServer, behaviour: Behaviour, settings: dict[str, Any], trouble: str
) -> None:
    store = Store()
    site.behaviour = behaviour
    async with running(store, (job(**settings), Told(site.url))) as scraper:
        await store.until(lambda: store.of("up") and trouble in only(scraper).last_error)
    assert (set(store.of("up")), store.of("a")) == ({0.0}, [])


async def test_link_local_addresses_are_not_asked() -> None:
    store = Store()
    async with running(store, (job(), Told("169.254.169.254:80", "[::ffff:169.254.169.254]:80"))) as scraper:
        watched = scraper.pools[0].watched
        await store.until(
            lambda: [one for one in watched.values() if "link-local" in one.last_error] == [*watched.values()] != []
        )


async def test_a_slow_target_holds_up_no_other(site: WebServer) -> None:
    store = Store()
    async with WebServer(behaviour=page("a 1\n", delay_seconds=FOREVER)) as slow:
        jobs = job(interval="100ms"), job(name="slow", interval="60s", timeout="60s")
        async with running(store, (jobs[0], Told(site.url)), (jobs[1], Told(slow.url))) as scraper:
            await store.until(lambda: len(store.of("up", site.url)) >= 5)
            assert store.of("up", slow.url) == []
            figures = scraper.own_samples()
    assert figures['gwanje_scrape_targets{health="unknown",scrape_job="slow"}'] == 1


async def test_what_the_transport_does_not_take_waits_and_arrives_with_its_time(site: WebServer) -> None:
    store = Store()
    store.refuses = RetryLater("the store is full")
    async with running(store, (job(), Told(site.url))) as scraper:
        await store.until(lambda: scraper.own_samples()["gwanje_scrape_waiting_batches"] >= 2)
        assert store.samples == {}
        store.refuses = None
        await store.until(lambda: len(store.of("up")) >= 3)
        times = [at for at, _ in next(samples for name, samples in store.samples.items() if name.startswith("a@"))]
        assert times == sorted(set(times))


async def test_what_the_transport_refuses_for_good_is_counted(site: WebServer) -> None:
    store = Store()
    store.refuses = Rejected("no")
    async with running(store, (job(), Told(site.url))) as scraper:
        await store.until(lambda: store.refused >= 2)
        assert scraper.own_samples()['gwanje_scrape_dropped_batches_total{reason="refused"}'] >= 1


async def test_a_target_that_is_found_no_more_ends_after_its_time(site: WebServer) -> None:
    store, told = Store(), Told(site.url)
    async with running(store, (job(), told)):
        await store.until(lambda: store.of("a"))
        told.say()
        await store.until(lambda: STALE in store.of("up"))
        assert [store.of(name)[-1] for name in ("a", *REPORT)] == [STALE] * 6


async def test_the_same_series_from_elsewhere_do_not_end(site: WebServer) -> None:
    store, told = Store(), Told()
    async with running(store, (job(), told)) as scraper:
        told.say(site.url, instance="one")
        await store.until(lambda: store.of("a"))
        told.say(site.url, instance="one", __metrics_path__="/elsewhere")
        await store.until(lambda: any(request.path == "/elsewhere" for request in site.requests))
        count = len(store.of("up"))
        await store.until(lambda: len(store.of("up")) > count + 8)
        assert STALE not in store.of("up")
        assert only(scraper).target.url.endswith("/elsewhere")


async def test_a_process_that_stops_ends_no_series(site: WebServer) -> None:
    store = Store()
    async with running(store, (job(), Told(site.url))):
        await store.until(lambda: store.of("a"))
    assert STALE not in store.of("up")


async def test_more_targets_than_allowed_all_fail(site: WebServer) -> None:
    store = Store()
    async with running(store, (job(target_limit=1), Told(site.url, site.url.replace("127.0.0.1", "localhost")))):
        await store.until(lambda: len(store.of("up")) >= 2)
    assert set(store.of("up")) == {0.0}
    assert site.requests == []


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        pytest.param({"bearer_token": "k"}, "Bearer k", id="a key"),
        pytest.param({"authorization": {"type": "ApiKey", "credentials": "k"}}, "ApiKey k", id="another sort of key"),
        pytest.param(
            {"basic_auth": {"username": "kim", "password": "관"}},
            f"Basic {base64.b64encode('kim:관'.encode()).decode()}",
            id="a name and a password",
        ),
        pytest.param({}, None, id="none"),
    ],
)
async def test_who_we_are(site: WebServer, settings: dict[str, Any], header: str | None) -> None:
    store = Store()
    async with running(store, (job(**settings), Told(site.url))):
        await store.until(lambda: store.of("up"))
    assert site.requests[0].headers.get("Authorization") == header


async def test_a_key_in_a_file_is_read_for_each_scrape(site: WebServer, tmp_path: Path) -> None:
    store, file = Store(), tmp_path / "key"
    async with running(store, (job(authorization={"credentials_file": str(file)}), Told(site.url))) as scraper:
        missing = f"cannot read {file}: No such file or directory"
        await store.until(lambda: store.of("up") and only(scraper).last_error == missing)
        file.write_text("k1\n", encoding="utf-8")
        await store.until(lambda: site.requests)
    assert site.requests[0].headers["Authorization"] == "Bearer k1"


@pytest.mark.engine("openssl")
@pytest.mark.parametrize(
    ("tls", "up"),
    [
        pytest.param({}, 0.0, id="a certificate of nobody we know"),
        pytest.param({"ca_file": "CERTIFICATE", "server_name": "web-1.example"}, 1.0, id="one that we are told to trust"),
        pytest.param({"ca_file": "CERTIFICATE"}, 0.0, id="but for another name"),
        pytest.param({"insecure_skip_verify": True}, 1.0, id="any certificate, when told so"),
        pytest.param({"ca_file": "/nowhere"}, 0.0, id="a file that is not there"),
    ],
)
async def test_certificates(tls: dict[str, Any], up: float, tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    store = Store()
    async with secure_page(certificate) as port:
        told = {name: str(certificate) if value == "CERTIFICATE" else value for name, value in tls.items()}
        async with running(store, (job(interval="2s", scheme="https", tls=told), Told(f"127.0.0.1:{port}"))) as scraper:
            await store.until(lambda: store.of("up"))
            assert (store.of("up")[0], bool(only(scraper).last_error)) == (up, not up)


@asynccontextmanager
async def secure_page(certificate: Path) -> AsyncIterator[int]:
    """A page over TLS, with a certificate of its own for web-1.example; its port."""
    both = certificate.with_suffix(".both")
    await asyncio.to_thread(make_certificate, certificate, both)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(both)
    runner = web.ServerRunner(web.Server(answer_with_a_page))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def make_certificate(certificate: Path, both: Path) -> None:
    """One that signs itself, and the same with its key."""
    key = certificate.with_suffix(".key")
    what = ("-subj", "/CN=web-1.example", "-addext", "subjectAltName=DNS:web-1.example", "-days", "2", "-nodes")
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", str(key), *what]
    subprocess.run([*made, "-out", str(certificate)], check=True, capture_output=True, timeout=60)
    both.write_bytes(certificate.read_bytes() + key.read_bytes())


async def answer_with_a_page(_request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="a 1\n")


async def test_every_figure_is_described(site: WebServer) -> None:
    store = Store()
    async with running(store, (job(), Told(site.url))) as scraper:
        await store.until(lambda: store.of("up"))
        names = {name.partition("{")[0] for name in scraper.own_samples()}
    assert names == {name for name in OWN if name.startswith("gwanje_scrape_")}
