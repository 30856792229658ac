"""Queries beside VictoriaMetrics: the same samples, the same requests over HTTP in turns, while samples come in on both sides.

Run `python benchmarks/queries.py [--hours 6] [--rate 100000] [--turns 20]` from the repository; needs `victoria-metrics` on PATH.
10,000 counters of 100 hosts, every 15 s ± 40 ms, up to now; those of one host over 24 hours.
Its result cache is off, ours does not exist. Both are left to merge what the filling wrote before they are asked.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cramjam
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from multiprocessing.synchronize import Event

    from numpy.typing import NDArray

HOSTS, OF_HOST = 100, 100
STEP_MS = 15_000
DAY_MS = 24 * 3_600_000
LOOK = {"User-Agent": "benchmark", "Accept-Encoding": "identity"}


class Query(NamedTuple):
    """A question, and how many times as long as the other's our answer may take."""

    name: str
    query: str
    hours: float
    step: int
    allowed: float


QUERIES = (
    Query("one series, 24 h, 60 s step", 'm{host="h1",i="1"}', 24, 60, 1.5),
    Query("100 series, 1 h, 15 s step, avg_over_time[1m]", 'avg_over_time(m{host="h1"}[1m])', 1, 15, 0.5),
    Query("sum by (host) (rate[5m]), 10,000 series, instant", "sum by (host) (rate(m[5m]))", 0, 0, 0.1),
    Query("the same, 1 h, 60 s step", "sum by (host) (rate(m[5m]))", 1, 60, 0.5),
    Query("topk(10, m), instant", "topk(10, m)", 0, 0, 0.1),
    Query("quantile by (host), instant", "quantile by (host) (0.95, m)", 0, 0, 0.1),
    Query("max by (host) (max_over_time[5m]), 6 h, 5 m step", "max by (host) (max_over_time(m[5m]))", 6, 300, 0.5),
)


# --- bodies --------------------------------------------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _sized(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + _varint(len(content)) + content


class Template:
    """A remote write body of one sample for each of some series; times and values are put into their places."""

    def __init__(self, metric: str, series: list[tuple[int, int]]) -> None:
        parts, self._at = [], []
        length = 0
        for host, number in series:
            labels = {"__name__": metric, "host": f"h{host}", "i": str(number), "zone": "kr-1"}
            pairs = b"".join(
                _sized(0x0A, _sized(0x0A, name.encode()) + _sized(0x12, value.encode())) for name, value in labels.items()
            )
            sample = b"\x09" + bytes(8) + b"\x10" + bytes(6)  # a time of today's has six bytes
            own = _sized(0x0A, pairs + _sized(0x12, sample))
            length += len(own)
            self._at.append(length - len(sample))
            parts.append(own)
        self._body = np.frombuffer(b"".join(parts), np.uint8).copy()
        self._places = np.array(self._at)[:, None]

    def body(self, times: NDArray[np.int64], values: NDArray[np.float64]) -> bytes:
        self._body[self._places + np.arange(1, 9)] = values.view(np.uint8).reshape(-1, 8)
        coded = (times[:, None] >> (7 * np.arange(6))) & 127
        coded[:, :5] |= 128
        self._body[self._places + np.arange(10, 16)] = coded
        return bytes(cramjam.snappy.compress_raw(self._body.tobytes()))


@dataclass
class Load:
    """The samples of the past, and those that come in while queries are asked."""

    now_ms: int
    hours: float
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def past(self) -> Iterator[bytes]:
        one = [(1, number) for number in range(OF_HOST)]
        every = [(host, number) for host in range(HOSTS) for number in range(OF_HOST)]
        begin = self.now_ms - DAY_MS
        middle = max(begin, self.now_ms - round(self.hours * 3_600_000))
        counters = self.random.integers(0, 1_000_000, len(every)).astype(np.float64)
        held = slice(OF_HOST, 2 * OF_HOST)
        narrow, wide = Template("m", one), Template("m", every)
        phase = self.random.integers(0, STEP_MS, len(every))
        for at in range(begin, self.now_ms - STEP_MS, STEP_MS):
            times = at + phase + self.random.integers(-40, 41, len(every))
            counters += self.random.integers(0, 1000, len(every))
            if at < middle:
                yield narrow.body(times[held], counters[held])
            else:
                yield wide.body(times, counters)

    def present(self, series: int = 10_000) -> Callable[[int], bytes]:
        template = Template("now", [(number % HOSTS, number) for number in range(series)])
        values = self.random.normal(50, 10, series).round(2)

        def body(at_ms: int) -> bytes:
            return template.body(np.full(series, at_ms), values)

        return body


# --- servers -------------------------------------------------------------------------------------------------------------


class Server:
    """One side: where it listens, and what every request carries."""

    def __init__(self, name: str, port: int, pid: int, headers: Mapping[str, str]) -> None:
        self.name, self.port, self.pid = name, port, pid
        self._headers = {**LOOK, **headers}

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def write(self, connection: http.client.HTTPConnection, body: bytes) -> None:
        headers = {**self._headers, "Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
        while True:
            connection.request("POST", "/api/v1/write", body, headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status < 300:
                return
            if answer.status != 503:
                raise SystemExit(f"{self.name} refused a body: {answer.status} {said[:500]!r}")
            time.sleep(0.05)

    def ask(self, connection: http.client.HTTPConnection, query: Query, now_ms: int) -> tuple[float, bytes]:
        """Milliseconds until the whole answer was there, and the answer."""
        given = {"query": query.query}
        end = now_ms / 1000
        if query.hours:
            given |= {"start": f"{end - query.hours * 3600:.3f}", "end": f"{end:.3f}", "step": f"{query.step}s"}
        else:
            given |= {"time": f"{end:.3f}"}
        path = f"/api/v1/{'query_range' if query.hours else 'query'}?{urllib.parse.urlencode(given)}"
        begun = time.perf_counter()
        connection.request("GET", path, headers=self._headers)
        answer = connection.getresponse()
        body = answer.read()
        taken = (time.perf_counter() - begun) * 1000
        if answer.status != 200:
            raise SystemExit(f"{self.name} does not answer {query.query}: {answer.status} {body[:500]!r}")
        return taken, body

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, path: str) -> None:
    for _ in range(600):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"nothing answers at port {port}")


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def gwanje(folder: Path) -> Iterator[Server]:
    port = _free_port()
    own = folder / "gwanje"
    own.mkdir()
    (own / "gwanje.yaml").write_text(f"listen: 127.0.0.1:{port}\n", encoding="utf-8")
    cli = [sys.executable, "-m", "gwanje.cli"]
    with _process([*cli, "up", str(own)], folder / "gwanje.log") as process:
        _wait(port, "/readyz")
        made = subprocess.run(
            [*cli, "key", "create", "--name", "bench", "--scope", "read,ingest", str(own)],
            capture_output=True,
            text=True,
            check=True,
        )
        key = made.stdout.splitlines()[-1]
        yield Server("gwanje", port, process.pid, {"Authorization": f"Bearer {key}"})


@contextmanager
def victoria_metrics(folder: Path) -> Iterator[Server]:
    program = shutil.which("victoria-metrics")
    if program is None:
        raise SystemExit("victoria-metrics is not installed")
    port = _free_port()
    command = [program, f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder / 'vm'}", "-retentionPeriod=12"]
    command += ["-search.disableCache", "-search.latencyOffset=0s", "-search.maxUniqueTimeseries=1000000"]
    with _process(command, folder / "vm.log") as process:
        _wait(port, "/health")
        yield Server("VictoriaMetrics", port, process.pid, {})


# --- the run -------------------------------------------------------------------------------------------------------------


def fill(servers: list[Server], load: Load) -> None:
    """The same bodies to all, in turns."""
    connections = [server.connection() for server in servers]
    spent = [0.0] * len(servers)
    for body in load.past():
        for number, (server, connection) in enumerate(zip(servers, connections, strict=True)):
            begun = time.perf_counter()
            server.write(connection, body)
            spent[number] += time.perf_counter() - begun
    for server, seconds in zip(servers, spent, strict=True):
        print(f"filled {server.name} in {seconds:.1f} s", flush=True)


def rest(servers: list[Server]) -> None:
    """Wait until all have put away what came, a day in some seconds: nobody's samples come so.

    They may look first whether more comes, as ours does for ten seconds.
    """
    time.sleep(12)
    for _ in range(60):
        before = [server.cpu_seconds() for server in servers]
        time.sleep(2)
        if all(server.cpu_seconds() - used < 0.3 for server, used in zip(servers, before, strict=True)):
            return


@contextmanager
def coming_in(servers: list[Server], load: Load, rate: int) -> Iterator[list[int]]:
    """So many samples a second into each of the servers, meanwhile; yields how many batches each got, when it is over.

    From a process of its own: making and sending them would hold up who takes the time of answers.
    """
    count = list[int]()
    if not rate:
        yield count
        return
    fork = multiprocessing.get_context("fork")
    stop, found = fork.Event(), fork.SimpleQueue()
    sender = fork.Process(target=lambda: found.put(_sent(servers, load, rate, stop)))
    sender.start()
    try:
        yield count
    finally:
        stop.set()
        count += found.get()
        sender.join()


def _sent(servers: list[Server], load: Load, rate: int, stop: Event) -> list[int]:
    """Send until it is to stop; how many batches each got."""
    body, every, count = load.present(), 10_000 / rate, [0] * len(servers)

    def send(number: int) -> None:
        connection = servers[number].connection()
        due = time.monotonic()
        while not stop.is_set():
            at = time.time_ns() // 1_000_000
            with lock:
                if at not in bodies:
                    bodies.clear()
                    bodies[at] = body(at)
                own = bodies[at]
            servers[number].write(connection, own)
            count[number] += 1
            due = max(due + every, time.monotonic() - 1)
            stop.wait(max(0.0, due - time.monotonic()))

    lock, bodies = threading.Lock(), dict[int, bytes]()
    threads = [threading.Thread(target=send, args=(number,), daemon=True) for number in range(len(servers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count


def measure(servers: list[Server], now_ms: int, turns: int, only: str) -> None:
    connections = [server.connection() for server in servers]
    print(f"{'':52}" + "".join(f"{server.name:>18}" for server in servers) + "    ratio  allowed")
    for query in QUERIES:
        if only and only not in query.name:
            continue
        taken: list[list[float]] = [[] for _ in servers]
        sizes = [0] * len(servers)
        for turn in range(turns + 1):
            for number, server in enumerate(servers):
                spent, answer = server.ask(connections[number], query, now_ms)
                sizes[number] = len(answer)
                if turn:  # the first reads blocks
                    taken[number].append(spent)
        medians = [statistics.median(own) for own in taken]
        ratio = f"{medians[0] / medians[-1]:8.3f} {query.allowed:8.1f}" if len(servers) > 1 else ""
        print(f"{query.name:52}" + "".join(f"{one:15.2f} ms" for one in medians) + ratio, sizes, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=6)
    parser.add_argument("--rate", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--only", default="")
    parser.add_argument("--alone", action="store_true", help="without the peer")
    given = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        starts = [gwanje] if given.alone else [gwanje, victoria_metrics]
        servers = [stack.enter_context(start(Path(place))) for start in starts]
        load = Load(time.time_ns() // 1_000_000, given.hours)
        fill(servers, load)
        rest(servers)
        with coming_in(servers, load, given.rate) as count:
            time.sleep(3)  # what comes in is new series at first
            begun = time.monotonic()
            measure(servers, load.now_ms, given.turns, given.only)
            seconds = time.monotonic() - begun + 3
        for server, batches in zip(servers, count, strict=bool(given.rate)):
            print(f"{server.name}: {batches * 10_000 / seconds:,.0f} samples/s came in meanwhile")


if __name__ == "__main__":
    main()
