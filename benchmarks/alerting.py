"""How soon people hear: from a sample's answer to the message at the receiver, and to the curve, under other load.

Starts the real program with one rule (critical, `for: 0s`), a receiver that answers at once, and a sender of other samples in a
process of its own. Then it writes breaching samples one by one, each of a new series, and waits for each one's message.

    python benchmarks/alerting.py [SAMPLES] [OTHER_SAMPLES_A_SECOND]
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import cramjam
import numpy as np
from aiohttp import web

from gwanje.keep.samples.base import Labels
from gwanje.model import Sample
from gwanje.wire.remote_write.encode import HEADERS, body_of, encode

SERIES = 10_000
RULE = """
rules:
  - name: probe
    expr: bench_probe
    critical: ">= 1"
    annotations: {summary: {ko: "느림", en: "slow"}}
"""


class Bodies:
    """Remote write bodies of always the same series: only times and values are written anew, into fixed places."""

    def __init__(self, names: Sequence[Labels], now_ms: int) -> None:
        whole = cramjam.snappy.decompress_raw(body_of((labels, [(now_ms, 1.0)]) for labels in names))
        self._bytes = np.frombuffer(bytes(whole), np.uint8).copy()
        ends = self._ends(len(names))
        self._times = ends[:, None] - np.arange(6, 0, -1)  # times of this age take six bytes as a varint
        self._values = ends[:, None] - 7 - np.arange(8, 0, -1)

    def _ends(self, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Where each series ends: `0x0a`, its length, its content."""
        ends, at, data = np.empty(count, np.int64), 0, self._bytes
        for i in range(count):
            size, shift, at = 0, 0, at + 1
            while True:
                byte = int(data[at])
                size, shift, at = size | (byte & 0x7F) << shift, shift + 7, at + 1
                if byte < 0x80:
                    break
            at += size
            ends[i] = at
        return ends

    def at(self, at_ms: int, values: np.ndarray[Any, np.dtype[np.float64]]) -> bytes:
        """One sample of each series."""
        varint = [(at_ms >> 7 * i & 0x7F) | (0x80 if i < 5 else 0) for i in range(6)]
        self._bytes[self._times] = np.array(varint, np.uint8)
        self._bytes[self._values] = values.astype("<f8").view(np.uint8).reshape(-1, 8)
        return bytes(cramjam.snappy.compress_raw(self._bytes.tobytes()))


def named(number: int) -> Labels:
    host = f"host-{number % 100}"
    return (("__name__", "bench_load"), ("host", host), ("instance", f"{host}:9100"), ("number", str(number)))


async def load(url: str, key: str, rate: int) -> None:
    """Send `rate` samples a second, in bodies of 10,000, until ended."""
    bodies = Bodies([named(number) for number in range(SERIES)], now_ms())
    values = np.random.default_rng(1).normal(size=SERIES).round(2)
    headers = {**HEADERS, "Authorization": f"Bearer {key}"}
    pause = SERIES / rate
    due = time.monotonic()
    async with aiohttp.ClientSession() as session:
        while True:
            values[:100] += 1
            async with session.post(f"{url}/api/v1/write", data=bodies.at(now_ms(), values), headers=headers) as answer:
                if answer.status != 204:
                    print(answer.status, (await answer.text())[:200], file=sys.stderr)
            due += pause
            await asyncio.sleep(max(due - time.monotonic(), 0))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Receiver:
    """Takes webhooks, and remembers when each probe's alert came first, by the label that tells the probes apart."""

    def __init__(self, label: str = "probe") -> None:
        self._label = label
        self.came: dict[str, float] = {}
        self.others = 0
        """Alerts of which nobody asked, such as a rule that could not be evaluated."""
        self.url = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        application = web.Application(client_max_size=64 << 20)
        application.router.add_post("/", self._take)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        yield
        await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        came = time.monotonic()
        for alert in (await request.json())["alerts"]:
            if self._label not in alert["labels"]:
                self.others += 1
            elif alert["status"] == "firing":
                self.came.setdefault(alert["labels"][self._label], came)
        return web.Response()


@asynccontextmanager
async def gwanje(folder: Path, receiver: str) -> AsyncIterator[tuple[str, str]]:
    """The real program; its address and a key."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "rules").mkdir()
    (folder / "rules" / "probe.yaml").write_text(RULE, encoding="utf-8")
    (folder / "gwanje.yaml").write_text(
        f"listen: 127.0.0.1:{port}\n"
        f"receivers: [{{name: hook, type: webhook, url: '{receiver}'}}]\n"
        "routes: {receiver: hook, group_by: [rule, probe]}\nmessages_a_minute: 10000\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "gwanje.cli"]
    creating = await asyncio.create_subprocess_exec(
        *command, "key", "create", "--name", "b", "--scope", "ingest,read", folder, stdout=asyncio.subprocess.PIPE
    )
    made, _ = await creating.communicate()
    with (folder / "out").open("wb") as out:
        process = await asyncio.create_subprocess_exec(*command, "up", str(folder), stdout=out, stderr=out)
    url = f"http://127.0.0.1:{port}"
    try:
        await _ready(url)
        yield url, made.decode().splitlines()[-1]
    finally:
        process.terminate()
        await process.wait()


async def _ready(url: str) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        while True:
            try:
                async with session.get(f"{url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


async def probed(url: str, key: str, receiver: Receiver, count: int) -> tuple[list[float], list[float]]:
    """Seconds from each sample's answer to its message, and to a query that sees it."""
    answered: dict[str, float] = {}
    seen: list[float] = []
    moments = np.random.default_rng(2)
    own = {**HEADERS, "Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession() as session:
        for i in range(count):
            probe = f"p{i}"
            body = encode([Sample("bench_probe", {"probe": probe}, 2.0, now_ms())]).body
            async with session.post(f"{url}/api/v1/write", data=body, headers=own) as answer:
                answer.raise_for_status()
            answered[probe] = time.monotonic()
            seen.append(await _seen(session, url, key, probe) - answered[probe])
            await asyncio.sleep(float(moments.uniform(0.02, 0.1)))
        async with asyncio.timeout(30):
            while len(receiver.came) < count:  # noqa: ASYNC110 - it ends with the measurement
                await asyncio.sleep(0.1)
    return [receiver.came[probe] - at for probe, at in answered.items()], seen


async def _seen(session: aiohttp.ClientSession, url: str, key: str, probe: str) -> float:
    while True:
        asked = {"query": f'bench_probe{{probe="{probe}"}}'}
        async with session.get(f"{url}/api/v1/query", params=asked, headers={"Authorization": f"Bearer {key}"}) as answer:
            if (await answer.json())["data"]["result"]:
                return time.monotonic()


def said(name: str, seconds: list[float]) -> str:
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return f"| {name} | {p50:.0f} | {p99:.0f} | {max(seconds) * 1000:.0f} |"


async def main(count: int, rate: int) -> None:
    receiver = Receiver()
    with tempfile.TemporaryDirectory() as folder:
        async with receiver.open(), gwanje(Path(folder), receiver.url) as (url, key):
            loading = await asyncio.create_subprocess_exec(sys.executable, __file__, "--load", url, key, str(rate))
            try:
                await asyncio.sleep(5)
                told, seen = await probed(url, key, receiver, count)
            finally:
                loading.terminate()
                await loading.wait()
    print(f"{count} samples, each of a new series, under {rate:,} other samples a second; {os.cpu_count()} cores\n")
    print("| from the answer to | median ms | p99 ms | longest ms |\n|---|---|---|---|")
    print(said("a query that sees it", seen))
    print(said("the message at the receiver", told))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        asyncio.run(load(sys.argv[2], sys.argv[3], int(sys.argv[4])))
    else:
        numbers = [int(one) for one in sys.argv[1:]]
        asyncio.run(main(*(numbers + [1000, 100_000][len(numbers) :])))
