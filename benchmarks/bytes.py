"""How small samples become on disk, beside VictoriaMetrics: the same day of the same series, after both have merged all of it.

Run `python benchmarks/bytes.py [SERIES]` from the repository, with `victoria-metrics` on the PATH. A third of the series are
counters, a third gauges of two decimals, a third change rarely; every 15 s ± 40 ms, each sample by itself.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gwanje.keep.samples.local import Settings, create
from gwanje.kinds import World
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.encode import body_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gwanje.wire.columns import Labels

SAMPLES = 5760
STEP_MS = 15_000
DAY_MS = 86_400_000
SERIES_OF_BODY = 10


def series(count: int, day_ms: int) -> Iterator[tuple[Labels, list[tuple[int, float]]]]:
    random = np.random.default_rng(1)
    for number in range(count):
        labels = (("__name__", f"m{number // 500}"), ("host", f"web-{number % 20}"), ("i", str(number)))
        phase = int(random.integers(40, STEP_MS - 40))
        times = day_ms + np.arange(SAMPLES) * STEP_MS + phase + random.integers(-40, 41, SAMPLES)
        yield labels, list(zip(times.tolist(), values(random, number % 3).tolist(), strict=True))


def values(random: np.random.Generator, third: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if third == 0:
        return np.cumsum(random.integers(0, 1000, SAMPLES)).astype(np.float64)
    if third == 1:
        return np.round(random.normal(50, 10, SAMPLES), 2)
    changes = random.random(SAMPLES) < 0.01
    changes[0] = True
    levels = random.integers(0, 5, SAMPLES).astype(np.float64)
    return levels[np.maximum.accumulate(np.where(changes, np.arange(SAMPLES), 0))]


def bodies(count: int, day_ms: int) -> Iterator[bytes]:
    every = series(count, day_ms)
    while some := [one for _, one in zip(range(SERIES_OF_BODY), every, strict=False)]:
        yield body_of(some)


async def of_gwanje(folder: Path, count: int, day_ms: int) -> float:
    """Bytes a sample of the blocks."""
    store = create(Settings(retention=timedelta(days=30), head_bytes=32 << 20), World(folder))
    now_ms = day_ms + DAY_MS + 2 * 3_600_000
    for body in bodies(count, day_ms):
        await store.append(decode(body), now_ms)
    await store.write_block()
    await store.compact()
    figures = store.own_samples()
    await store.close()
    if figures["gwanje_store_blocks"] != 1 or figures["gwanje_store_block_samples"] != count * SAMPLES:
        raise SystemExit(f"not one block of all samples: {figures}")
    return size_of(folder / "samples" / "blocks") / (count * SAMPLES)


def of_victoria_metrics(folder: Path, count: int, day_ms: int) -> float:
    """Bytes a sample of its data folder, its index left out."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    arguments = [f"-storageDataPath={folder}", f"-httpListenAddr={url[7:]}", "-retentionPeriod=100y", "-loggerLevel=ERROR"]
    process = subprocess.Popen([str(shutil.which("victoria-metrics")), *arguments])
    try:
        wait_until(lambda: bool(ask(f"{url}/health")))
        for body in bodies(count, day_ms):
            ask(f"{url}/api/v1/write", body)
        ask(f"{url}/internal/force_flush")
        ask(f"{url}/internal/force_merge")
        wait_until(lambda: " 0" in line_of(ask(f"{url}/metrics"), 'vm_active_merges{type="storage/small"}'))
        time.sleep(5)  # parts that were merged are deleted a little later
        return size_of(folder / "data") / (count * SAMPLES)
    finally:
        process.terminate()
        process.wait()


def ask(url: str, body: bytes | None = None) -> str:
    request = urllib.request.Request(url, data=body, headers={"Content-Encoding": "snappy"})  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
            return str(answer.read().decode())
    except ConnectionError:
        return ""
    except OSError as error:
        if body is None:
            return ""
        raise SystemExit(f"{url}: {error}") from error


def line_of(page: str, name: str) -> str:
    return next((line for line in page.splitlines() if line.startswith(name)), "")


def wait_until(done: Callable[[], bool]) -> None:
    for _ in range(300):
        if done():
            return
        time.sleep(0.2)
    raise SystemExit("the peer did not come to an end in a minute")


def size_of(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in folder.rglob("*") if entry.is_file())


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    day_ms = (time.time_ns() // 1_000_000 // DAY_MS - 2) * DAY_MS
    print(f"{platform.machine()}, {os.cpu_count()} cores; {count} series of {SAMPLES} samples")
    with tempfile.TemporaryDirectory() as folder:
        ours = asyncio.run(of_gwanje(Path(folder) / "gwanje", count, day_ms))
        print(f"gwanje           {ours:.3f} bytes a sample")
        theirs = of_victoria_metrics(Path(folder) / "peer", count, day_ms)
        print(f"victoria-metrics {theirs:.3f} bytes a sample")
        print(f"ratio            {ours / theirs:.2f} (at most 1.5)")


if __name__ == "__main__":
    main()
