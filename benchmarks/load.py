"""Bodies made beforehand, sent as fast as they are taken, in a process of its own that costs as little as it can.

`python benchmarks/load.py remote_write|lines SERIES BODIES` prints `ready`, then takes one JSON object a line on its standard
input, `{"port": …, "path": …, "headers": {…}, "senders": 4}`, sends every body there, and answers with one JSON object a line.
Series are shared out among the senders, as remote write's shards do: so every series comes in order of time.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gwanje.wire.remote_write.encode import HEADERS, compressed, key_of
from gwanje.wire.remote_write.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from gwanje.wire.columns import Labels

SENDERS = 4
BATCH = 10_000
STEP_MS = 15_000


def labels_of(number: int) -> Labels:
    labels = {
        "__name__": f"m{number // 2500}",
        "container": f"c{number % 50}",
        "host": f"web-{number // 800}",
        "i": str(number),
        "zone": "kr-1",
    }
    return tuple(labels.items())


class Shard:
    """One sender's series: a third counters, a third gauges of two decimals, a third rarely changing; every 15 s ± 40 ms."""

    def __init__(self, which: int, series: int, begin_ms: int) -> None:
        self._random = np.random.default_rng(which)
        self.numbers = np.arange(which, series, SENDERS)
        count = len(self.numbers)
        self._phase = self._random.integers(0, STEP_MS, count)
        self._counters, self._rare = np.zeros(count), np.zeros(count)
        self._at_ms = begin_ms
        self.scrapes = max(1, BATCH // count)
        """How often each series stands in a body."""
        labels = [labels_of(number) for number in self.numbers.tolist()] * self.scrapes
        self._pattern = Pattern([key_of(own, framed=True) for own in labels])
        self._lines = [_line(own) for own in labels]

    def remote_write(self) -> bytes:
        return compressed(self._pattern.message(*self._samples()))

    def lines(self) -> bytes:
        times, values = self._samples()
        numbers = zip(self._lines, values.tolist(), times.tolist(), strict=True)
        return "".join(f"{line}{value!r} {at_ms}000000\n" for line, value, at_ms in numbers).encode()

    def _samples(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        every = [self._scrape() for _ in range(self.scrapes)]
        return np.concatenate([times for times, _ in every]), np.concatenate([values for _, values in every])

    def _scrape(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        count = len(self.numbers)
        self._counters += self._random.integers(0, 1000, count)
        changed = self._random.random(count) < 0.01
        self._rare[changed] = self._random.integers(0, 5, changed.sum())
        gauges = np.round(self._random.normal(50, 10, count), 2)
        times = self._at_ms + self._phase + self._random.integers(-40, 41, count)
        self._at_ms += STEP_MS
        return times, np.choose(self.numbers % 3, [self._counters, gauges, self._rare])


def _line(labels: Labels) -> str:
    (_, metric), *tags = labels
    return f"{metric},{','.join(f'{name}={value}' for name, value in tags)} value="


def shards(series: int, bodies: int) -> list[Shard]:
    """So many bodies of each end now."""
    scrapes = max(1, BATCH * SENDERS // series) * -(-bodies // SENDERS)
    begin_ms = time.time_ns() // 1_000_000 - (scrapes + 1) * STEP_MS
    return [Shard(which, series, begin_ms) for which in range(SENDERS)]


@dataclass
class Sent:
    """What became of a run."""

    bodies: int = 0
    again: int = 0
    """Times a server asked to come again."""
    problems: list[str] = field(default_factory=list)


class Sender:
    """One connection on which bodies go out one after another."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        said = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{said}Content-Length: ".encode()

    def send(self, body: bytes, sent: Sent) -> None:
        while True:
            self._socket.sendall(self._head + b"%d\r\n\r\n" % len(body))
            self._socket.sendall(body)
            status, said = self._answer()
            if status != 503:
                break
            sent.again += 1
            time.sleep(0.01)
        sent.bodies += 1
        if status >= 300:
            sent.problems.append(f"{status} {said[:300]!r}")

    def _answer(self) -> tuple[int, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            more = self._socket.recv(65_536)
            if not more:
                raise ConnectionError("the server hung up")
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
        while len(body) < length:
            body += self._socket.recv(65_536)
        return int(lines[0].split()[1]), body


def send_all(order: Mapping[str, object], bodies: Sequence[Sequence[bytes]]) -> dict[str, object]:
    """Each sender its own bodies, all at once; seconds from the first byte to the last answer."""
    headers = dict(order["headers"])  # type: ignore[call-overload] # what came as JSON
    outcomes = [Sent() for _ in bodies]
    senders = [Sender(int(str(order["port"])), str(order["path"]), headers) for _ in bodies]

    def run(which: int) -> None:
        for body in bodies[which]:
            senders[which].send(body, outcomes[which])

    threads = [threading.Thread(target=run, args=(which,)) for which in range(len(bodies))]
    begun, busy = time.monotonic(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "seconds": time.monotonic() - begun,
        "cpu_seconds": time.process_time() - busy,
        "samples": sum(sent.bodies for sent in outcomes) * BATCH,
        "again": sum(sent.again for sent in outcomes),
        "problems": [problem for sent in outcomes for problem in sent.problems][:3],
    }


def main() -> None:
    protocol, series, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    own = HEADERS if protocol == "remote_write" else {"Content-Type": "text/plain"}
    bodies = [[getattr(shard, protocol)() for _ in range(count // SENDERS)] for shard in shards(series, count)]
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        order["headers"] = {**own, **order["headers"]}
        print(json.dumps(send_all(order, bodies)), flush=True)


if __name__ == "__main__":
    main()
