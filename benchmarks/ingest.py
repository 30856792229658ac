"""How fast samples go in, beside the peers: the same bodies to each program in turns, over HTTP, by four senders.

Run `python benchmarks/ingest.py [--protocol lines] [--bodies 600] [--turns 3] [--peers victoria-metrics,prometheus]`. 10,000
series, 10,000 samples a body. Our program runs as a new user starts it, with its rules, and with a live page that listens.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers import Server

SERIES = 10_000


@dataclass(frozen=True, slots=True)
class Turn:
    """One program's turn: a fresh folder, every body once."""

    name: str
    rate: float
    cpu_of_million: float
    peak: int
    end: int
    disk_of_sample: float


@contextmanager
def load(protocol: str, bodies: int) -> Iterator[subprocess.Popen[str]]:
    """The load generator, with its bodies made."""
    command = [sys.executable, str(Path(__file__).with_name("load.py")), protocol, str(SERIES), str(bodies)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise SystemExit("the load generator has no pipes")
        process.stdout.readline()
        yield process
        process.stdin.close()


@contextmanager
def live_page(server: Server) -> Iterator[None]:
    """What a browser listens to."""
    if server.name != "gwanje":
        yield
        return
    connection = server.connection(10)
    connection.request("GET", "/api/v1/stream?topics=overview,alerts", headers=dict(server.headers))
    answer, ended = connection.getresponse(), threading.Event()

    def listen() -> None:
        while not ended.is_set() and answer.read1(65_536):
            pass

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        connection.close()


def turn(server: Server, process: subprocess.Popen[str], protocol: str) -> Turn:
    if process.stdin is None or process.stdout is None:
        raise SystemExit("the load generator has no pipes")
    path = "/api/v1/write" if protocol == "remote_write" else server.lines_path
    busy = server.cpu_seconds()
    with live_page(server):
        process.stdin.write(json.dumps({"port": server.port, "path": path, "headers": dict(server.headers)}) + "\n")
        process.stdin.flush()
        said: dict[str, Any] = json.loads(process.stdout.readline())
        spent = server.cpu_seconds() - busy
    if said["problems"]:
        raise SystemExit(f"{server.name} refused bodies: {said['problems']}")
    million = said["samples"] / 1e6
    print(
        f"{server.name}: {million / said['seconds']:.2f} M/s, {spent / million:.2f} s/M, "
        f"the sender {said['cpu_seconds'] / million:.2f} s/M, asked again {said['again']} times",
        file=sys.stderr,
    )
    return Turn(
        server.name,
        said["samples"] / said["seconds"],
        spent / million,
        server.memory("VmHWM"),
        server.memory(),
        server.on_disk() / said["samples"],
    )


def table(turns: list[Turn]) -> str:
    """Medians of each program's turns, the first one's ratios to the others."""
    names = list(dict.fromkeys(one.name for one in turns))
    rates = {name: statistics.median(one.rate for one in turns if one.name == name) for name in names}
    rows = ["| program | samples/s | gwanje's is | CPU s per M | memory peak | memory at the end | bytes a sample on disk |"]
    rows.append("|---|---|---|---|---|---|---|")
    for name in names:
        own = [one for one in turns if one.name == name]
        rows.append(
            f"| {name} | {rates[name]:,.0f} | {rates[names[0]] / rates[name]:.2f} x "
            f"| {statistics.median(one.cpu_of_million for one in own):.2f} "
            f"| {max(one.peak for one in own) >> 20} MB | {statistics.median(one.end for one in own) / (1 << 20):.0f} MB "
            f"| {statistics.median(one.disk_of_sample for one in own):.1f} |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protocol", choices=["remote_write", "lines"], default="remote_write")
    parser.add_argument("--bodies", type=int, default=600)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--peers", default="victoria-metrics")
    given = parser.parse_args()
    machine = f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    print(
        f"{machine}, load {os.getloadavg()[0]:.1f} before; "
        f"{given.protocol}, {given.bodies} bodies of 10,000, {given.turns} turns\n"
    )
    turns = []
    with load(given.protocol, given.bodies) as process:
        for _ in range(given.turns):
            for name in ["gwanje", *filter(None, given.peers.split(","))]:
                with tempfile.TemporaryDirectory() as place, servers.STARTS[name](Path(place)) as server:
                    turns.append(turn(server, process, given.protocol))
    print(table(turns))


if __name__ == "__main__":
    main()
