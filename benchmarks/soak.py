"""What memory does under full load for long: remote write as fast as it is taken, bodies made while they are sent.

Run `python benchmarks/soak.py [SECONDS]` from the repository; 600 unless it is given. 10,000 series every 8 s, bodies of 10,000,
four senders; the samples begin two weeks ago, so that days are finished, merged, and in the end rolled up while more comes in.
Prints resident memory each ten seconds, then the median of each minute.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import load
import servers

from gwanje.wire.remote_write.encode import HEADERS

if TYPE_CHECKING:
    from servers import Server

SERIES = 10_000
BACK_MS = 14 * 86_400_000
LOOK_SECONDS, MINUTE = 10, 6


def soak(server: Server, seconds: float) -> None:
    load.STEP_MS = 8_000
    begin_ms = time.time_ns() // 1_000_000 - BACK_MS
    sent = [load.Sent() for _ in range(load.SENDERS)]
    until = time.monotonic() + seconds

    def run(which: int) -> None:
        shard = load.Shard(which, SERIES, begin_ms)
        sender = load.Sender(server.port, "/api/v1/write", {**HEADERS, **server.headers})
        while time.monotonic() < until and not sent[which].problems:
            sender.send(shard.remote_write(), sent[which])

    threads = [threading.Thread(target=run, args=(which,)) for which in range(load.SENDERS)]
    begun, busy = time.monotonic(), server.cpu_seconds()
    for thread in threads:
        thread.start()
    resident = []
    while time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        resident.append(server.memory() >> 20)
        print(f"{time.monotonic() - begun:.0f} s: {resident[-1]} MB, at most {server.memory('VmHWM') >> 20} MB", flush=True)
    for thread in threads:
        thread.join()
    if problems := [problem for one in sent for problem in one.problems]:
        raise SystemExit(f"bodies were refused: {problems[:3]}")
    million = sum(one.bodies for one in sent) * load.BATCH / 1e6
    taken, spent = time.monotonic() - begun, server.cpu_seconds() - busy
    minutes = [statistics.median(resident[at : at + MINUTE]) for at in range(0, len(resident), MINUTE)]
    print(f"{million:.0f} million samples, {million / taken:.2f} M/s, {spent / million:.2f} CPU s per million")
    print(f"resident, median of each minute: {', '.join(f'{one:.0f}' for one in minutes)} MB")
    print(f"at most {server.memory('VmHWM') >> 20} MB (goal 500)")


def main() -> None:
    machine = f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{machine}, load {os.getloadavg()[0]:.1f} before")
    with tempfile.TemporaryDirectory() as place, servers.gwanje(Path(place)) as server:
        soak(server, float(sys.argv[1]) if len(sys.argv) > 1 else 600)


if __name__ == "__main__":
    main()
