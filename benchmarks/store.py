"""The local store alone, in one process: how fast samples go in, how fast it starts, how small it writes, how fast it answers.

Run `python benchmarks/store.py [BATCHES]` from the repository. 10,000 series, one sample of each in a batch: a third counters,
a third gauges of two decimals, a third rarely changing; every 15 s ± 40 ms. Rates are of processor time of one thread.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import tempfile
import time
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gwanje.keep.samples.local import LocalSamples, Settings, create
from gwanje.kinds import World
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.encode import body_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gwanje.wire.columns import Labels

SERIES = 10_000
STEP_MS = 15_000
BEGIN_MS = 1_700_000_000_000

QUERIES = (
    "m0",
    "topk(10, m1)",
    'count({__name__=~"m."})',
    "sum by (host) (rate(m0[5m]))",
    'sum by (host) (rate({__name__=~"m."}[5m]))',
)


def labels_of(number: int) -> Labels:
    labels = {
        "__name__": f"m{number // 2500}",
        "container": f"c{number % 50}",
        "host": f"web-{number // 800}",
        "i": str(number),
        "zone": "kr-1",
    }
    return tuple(labels.items())


def bodies(count: int) -> Iterator[bytes]:
    random = np.random.default_rng(1)
    every = [labels_of(number) for number in range(SERIES)]
    third = np.arange(SERIES) % 3
    phase = random.integers(0, STEP_MS, SERIES)
    counters, rare = np.zeros(SERIES), np.zeros(SERIES)
    for batch in range(count):
        counters += random.integers(0, 1000, SERIES)
        changed = random.random(SERIES) < 0.01
        rare[changed] = random.integers(0, 5, changed.sum())
        values = np.choose(third, [counters, np.round(random.normal(50, 10, SERIES), 2), rare]).tolist()
        times = (BEGIN_MS + batch * STEP_MS + phase + random.integers(-40, 41, SERIES)).tolist()
        yield body_of((labels, [sample]) for labels, sample in zip(every, zip(times, values, strict=True), strict=True))


async def append(store: LocalSamples, count: int) -> None:
    decoding = appending = size = 0.0
    for number, body in enumerate(bodies(count)):
        marks = [time.thread_time()]
        batch = decode(body)
        marks.append(time.thread_time())
        # The step that the store's own thread does, without the hand-over to it.
        appended, _ = store._store.append(batch, BEGIN_MS + (number + 1) * STEP_MS)  # noqa: SLF001 - measured in this thread
        marks.append(time.thread_time())
        decoded, kept = (after - before for before, after in pairwise(marks))
        decoding, appending, size = decoding + decoded, appending + kept, size + len(body)
        if appended.accepted != SERIES:
            raise SystemExit(f"not everything was accepted: {appended}")
    total = count * SERIES
    print(f"body              {size / total:8.1f} bytes/sample")
    print(f"decode            {total / decoding / 1e6:8.2f} M samples/s")
    print(f"append            {total / appending / 1e6:8.2f} M samples/s")
    print(f"decode and append {total / (decoding + appending) / 1e6:8.2f} M samples/s")


async def ask(store: LocalSamples, at_ms: int, where: str) -> None:
    for query in QUERIES:
        taken = []
        for _ in range(7):
            begun = time.perf_counter()
            await store.instant(query, at_ms)
            taken.append(time.perf_counter() - begun)
        print(f"{where}: {query:46} {min(taken) * 1000:8.1f} ms (first {taken[0] * 1000:.1f})")


def opened(folder: Path, what: str) -> LocalSamples:
    begun, busy = time.perf_counter(), time.thread_time()
    store = create(Settings(head_bytes=4 << 30, block_span=timedelta(days=30)), World(folder))
    print(f"start {what}: {time.perf_counter() - begun:.2f} s ({time.thread_time() - busy:.2f} s of processor)")
    return store


async def main(folder: Path, batches: int) -> None:
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    store = opened(folder, "empty")
    await append(store, batches)
    at_ms = BEGIN_MS + batches * STEP_MS
    await ask(store, at_ms, "head ")
    await store.close()
    store = opened(folder, f"with {batches * SERIES:,} samples in the log")
    begun = time.perf_counter()
    await store.write_block()
    figures = store.own_samples()
    print(f"block written in {time.perf_counter() - begun:.2f} s", end=", ")
    print(f"{figures['gwanje_store_block_bytes'] / figures['gwanje_store_block_samples']:.2f} bytes/sample")
    await ask(store, at_ms, "block")
    await store.close()
    await opened(folder, "with one block").close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(main(Path(place), int(sys.argv[1]) if len(sys.argv) > 1 else 200))
