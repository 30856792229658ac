"""How long `gwanje up` takes until it is ready, with so many samples in the log of its store as a kill may leave.

Run `python benchmarks/start.py [MILLIONS] [TURNS]` from the repository; 10 and 3 unless they are given. 10,000 series as
remote write's shards send them. Also says how long an empty folder takes, which is the program without the log.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import load
import servers

from gwanje.keep.samples.local import Settings
from gwanje.keep.samples.local.store import Store
from gwanje.wire.remote_write.decode import decode

SERIES = 10_000


def fill(folder: Path, millions: int) -> None:
    """Fill the log of a store; its head is too large to leave."""
    bodies = millions * 1_000_000 // load.BATCH
    store = Store(folder, Settings(head_bytes=1 << 40, block_span=timedelta(days=365)))
    shards = load.shards(SERIES, bodies)
    for number in range(bodies):
        body = shards[number % len(shards)].remote_write()
        appended, _ = store.append(decode(body), time.time_ns() // 1_000_000)
        if appended.accepted != load.BATCH:
            raise SystemExit(f"not everything was accepted: {appended}")
    store.close()


def start(samples: Path | None) -> tuple[float, float, int]:
    """Seconds until it is ready, of processor, and the most that was resident; `samples` None: of an empty folder."""
    with tempfile.TemporaryDirectory() as place:
        if samples is not None:
            shutil.copytree(samples, Path(place, "gwanje", "samples"))
        begun = time.monotonic()
        with servers.gwanje(Path(place)) as server:
            taken = server.ready - begun
            return taken, server.cpu_seconds(), server.memory("VmHWM")


def main() -> None:
    millions, turns = (int(given) for given in (sys.argv[1:] + ["10", "3"][len(sys.argv) - 1 :]))
    machine = f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{machine}, load {os.getloadavg()[0]:.1f} before; median of {turns}")
    with tempfile.TemporaryDirectory() as place:
        samples = Path(place, "samples")
        fill(samples, millions)
        for what, folder in (("an empty folder", None), (f"{millions} million samples in the log", samples)):
            seen = [start(folder) for _ in range(turns)]
            taken, busy, peak = (statistics.median(column) for column in zip(*seen, strict=True))
            print(f"{what}: ready after {taken:.2f} s ({busy:.2f} s of processor), {int(peak) >> 20} MB at most")


if __name__ == "__main__":
    main()
