"""How much memory a series takes in the embedded store: its labels in the index, its key, its newest sample.

Run `python benchmarks/store_memory.py [SERIES]` from the repository. Two figures, of series that were sent once and stand in a
block: what Python and numpy hold for them (tracemalloc), and by how much the process has grown, which includes memory that
allocators keep after the block was written. The first has what the decoder remembers of the last bodies in it, 16 MB at most.
"""

from __future__ import annotations

import asyncio
import gc
import os
import platform
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from gwanje.keep.samples.local import LocalSamples, Settings, create
from gwanje.kinds import World
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.encode import body_of

if TYPE_CHECKING:
    from gwanje.wire.columns import Labels

SERIES_OF_BODY = 5000
FIRST, TRACED = 20_000, 100_000


def labels_of(number: int) -> Labels:
    labels = {
        "__name__": f"container_metric_{number % 40}_bytes_total",
        "container": f"c{number // 40 % 50}",
        "host": f"web-{number // 2000}.example.org",
        "id": f"/docker/{number // 40:016x}",
        "image": f"registry.example.org/team/service-{number // 40 % 50}:1.2.3",
        "job": "containers",
    }
    return tuple(labels.items())


async def fill(store: LocalSamples, first: int, count: int, now_ms: int) -> None:
    for start in range(first, first + count, SERIES_OF_BODY):
        numbers = range(start, min(start + SERIES_OF_BODY, first + count))
        await store.append(decode(body_of([(labels_of(number), [(now_ms, float(number))]) for number in numbers])), now_ms)
    await store.write_block()


def resident() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


async def measure(folder: Path, count: int) -> tuple[float, float]:
    store = create(Settings(), World(folder))
    now_ms = time.time_ns() // 1_000_000
    await fill(store, 0, FIRST, now_ms)  # what libraries take once is not counted
    before = resident()
    await fill(store, FIRST, count, now_ms + 1)
    grown = resident() - before
    tracemalloc.start()
    await fill(store, FIRST + count, TRACED, now_ms + 2)
    await asyncio.sleep(1)  # the thread that wrote the block has let go of what it wrote
    gc.collect()
    traced, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    known = store.own_samples()["gwanje_store_series"]
    await store.close()
    if known != FIRST + count + TRACED:
        raise SystemExit(f"{known} series are known")
    return traced / TRACED, grown / count


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 180_000
    with tempfile.TemporaryDirectory() as folder:
        held, grown = asyncio.run(measure(Path(folder), count))
    print(f"{platform.machine()}, {os.cpu_count()} cores; {count} series of 6 labels")
    print(f"{held:.0f} bytes held for a series (at most 1024); the process grew by {grown:.0f} bytes a series")


if __name__ == "__main__":
    main()
