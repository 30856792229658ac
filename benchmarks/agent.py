"""The agent beside node_exporter: what it costs to watch one machine every few seconds.

node_exporter says what it sees and needs somebody to ask and to carry; gwanje's agent does both. So there are three lines:
node_exporter alone, asked by nearly nothing; node_exporter with vmagent, which asks and carries; and our agent.

    python benchmarks/agent.py [SECONDS]
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from gwanje.wire.remote_write.decode import decode

INTERVAL = 5
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """Of processes together, over the time that was measured."""

    cpu_seconds: float
    resident_bytes: int
    series: int

    def line(self, name: str, seconds: float) -> str:
        share = self.cpu_seconds / seconds * 100
        return f"| {name} | {self.series} | {self.cpu_seconds:.2f} | {share:.2f} % | {self.resident_bytes / 2**20:.0f} |"


class Sink:
    """Takes remote write, and counts the series of the last look."""

    def __init__(self) -> None:
        self.keys: set[bytes] = set()
        self.url = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        application = web.Application(client_max_size=64 << 20)
        application.router.add_post("/{path:.*}", self._take)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield
        await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        if request.path.endswith("/write"):
            self.keys.update(decode(await request.read()).keys)
        return web.Response(status=204)


async def measured(pids: Sequence[int], seconds: float) -> tuple[float, int]:
    """CPU seconds spent in `seconds`, and resident bytes at the end."""
    await asyncio.sleep(2 * INTERVAL)  # the start does not count
    before = sum(map(_cpu, pids))
    await asyncio.sleep(seconds)
    return sum(map(_cpu, pids)) - before, sum(map(_resident, pids))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def ours(folder: Path, seconds: float) -> Cost:
    sink = Sink()
    async with sink.open():
        (folder / "gwanje.yaml").write_text(
            f"agent: {{interval: {INTERVAL}s, probes: {{host: {{}}}}}}\ntransport: {{type: http, url: '{sink.url}'}}\n"
        )
        process = _start([sys.executable, "-m", "gwanje.cli", "agent", str(folder)], folder / "agent.log")
        try:
            cpu, resident = await measured([process.pid], seconds)
        finally:
            _end(process)
    return Cost(cpu, resident, len(sink.keys))


async def node_exporter(folder: Path, seconds: float) -> Cost:
    port = _free_port()
    process = _start(["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"], folder / "exporter.log")
    asked = asyncio.create_task(_ask(f"http://127.0.0.1:{port}/metrics"))
    try:
        cpu, resident = await measured([process.pid], seconds)
        series = asked.result() if asked.done() else await _count(f"http://127.0.0.1:{port}/metrics")
    finally:
        asked.cancel()
        _end(process)
    return Cost(cpu, resident, series)


async def node_exporter_and_vmagent(folder: Path, seconds: float) -> Cost:
    port, own = _free_port(), _free_port()
    sink = Sink()
    async with sink.open():
        (folder / "scrape.yml").write_text(
            f"global: {{scrape_interval: {INTERVAL}s}}\n"
            f"scrape_configs: [{{job_name: node, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
        )
        exporter = _start(["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"], folder / "exporter.log")
        carrier = _start(
            [
                "vmagent",
                f"-promscrape.config={folder}/scrape.yml",
                f"-remoteWrite.url={sink.url}/api/v1/write",
                f"-remoteWrite.tmpDataPath={folder}/vmagent",
                f"-httpListenAddr=127.0.0.1:{own}",
            ],
            folder / "vmagent.log",
        )
        try:
            cpu, resident = await measured([exporter.pid, carrier.pid], seconds)
        finally:
            _end(carrier)
            _end(exporter)
    return Cost(cpu, resident, len(sink.keys))


async def _ask(url: str) -> int:
    async with aiohttp.ClientSession() as session:
        while True:
            await asyncio.sleep(INTERVAL)
            async with session.get(url) as answer:
                await answer.read()


async def _count(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return sum(1 for line in (await answer.text()).splitlines() if line and not line.startswith("#"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def main(seconds: float) -> None:
    print(f"one machine, every {INTERVAL} s, {seconds:.0f} s\n")
    print("| what | series | CPU s | of a core | MiB |\n|---|---|---|---|---|")
    for name, measure in (
        ("node_exporter, asked", node_exporter),
        ("node_exporter and vmagent", node_exporter_and_vmagent),
        ("gwanje agent", ours),
    ):
        with tempfile.TemporaryDirectory() as folder:
            print((await measure(Path(folder), seconds)).line(name, seconds), flush=True)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60))
