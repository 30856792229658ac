"""Samples on the local disk: a write-ahead log, the recent past in memory, Parquet blocks; PromQL answered in this process."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

from gwanje import config, kinds
from gwanje.errors import StoreFull
from gwanje.keep import promql
from gwanje.keep.samples.local.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gwanje.keep.samples.base import Answer, Appended, Columns, Labels, Matrix

Result = TypeVar("Result")


class Settings(config.Settings):
    """Samples in `samples/` of the data folder: for one machine, no service to install."""

    retention: config.Duration = timedelta(days=15)
    """How long samples are kept; whole blocks are deleted when all of a block is older."""
    fsync: Literal["every second", "always"] = "every second"
    """When the log reaches the disk: a killed process loses nothing either way, a power cut the last second or nothing."""
    head_bytes: int = 128 << 20
    """How much memory the recent past may take before a block is written."""
    block_span: config.Duration = timedelta(hours=2)
    """After how long a block is written even when the head is not full."""
    segment_bytes: int = 64 << 20
    """How large a file of the log becomes."""
    cache_bytes: int = 64 << 20
    """How much of the blocks read last stays in memory."""
    out_of_order: config.Duration = timedelta(hours=1)
    """How much older than its series' newest a sample may be."""
    ahead: config.Duration = timedelta(minutes=10)
    """How far in the future a sample may lie."""
    active_series: int = 1_000_000
    """How many series may be active; past it new ones are refused, known ones go on."""
    labels: int = 40
    """How many labels a series may have, its name counted."""
    name_length: int = 256
    """How many characters a label's name may have."""
    value_length: int = 2048
    """How many characters a label's value may have."""
    query_samples: int = 50_000_000
    """How many samples one query may touch."""


def create(settings: Settings, world: kinds.World) -> LocalSamples:
    """Open the store; takes as long as reading the log does. Raises Damaged, and StoreFull where nothing can be written."""
    folder = world.folder / "samples"
    try:
        store = Store(folder, settings)
    except OSError as error:
        raise StoreFull(f"{folder} cannot be opened ({error.strerror}); make it writable and free some space") from error
    return LocalSamples(store, settings)


class LocalSamples:
    """Keeps the promise of `keep/samples/base.py` with a store of this process: one thread writes, two answer queries."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._closed = False
        self._always = settings.fsync == "always"
        self._limits = promql.Limits(samples=settings.query_samples)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="samples-append")
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="samples-query")

    async def append(self, batch: Columns, now_ms: int) -> Appended:
        appended, position = await _in(self._writer, partial(self._store.append, batch, now_ms))
        if self._always and position:
            await asyncio.wrap_future(self._store.synced(position))
        return appended

    async def instant(self, query: str, at_ms: int) -> Answer:
        return await _in(self._readers, partial(promql.instant, query, at_ms, self._store.fetch, self._limits))

    async def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Matrix:
        ask = partial(promql.range_, query, start_ms, end_ms, step_ms, self._store.fetch, self._limits)
        return await _in(self._readers, ask)

    async def series(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[Labels]:
        return await _in(self._readers, partial(self._series, matchers, start_ms, end_ms))

    async def label_names(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        found = await self.series(matchers, start_ms, end_ms)
        return sorted({name for labels in found for name, _ in labels})

    async def label_values(self, name: str, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        found = await self.series(matchers, start_ms, end_ms)
        return sorted({value for labels in found for known, value in labels if known == name})

    async def write_block(self) -> None:
        """Write the head into a block now: for tools that read blocks, such as a backup."""
        await _in(self._writer, self._store.write_block)

    def own_samples(self) -> Mapping[str, float]:
        return self._store.own_samples()

    async def close(self) -> None:
        """A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        await _in(self._writer, self._store.close)
        self._writer.shutdown()
        self._readers.shutdown()

    def _series(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[Labels]:
        return self._store.series([promql.matchers(selector) for selector in matchers], start_ms, end_ms)


async def _in(threads: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    """Run in one of the store's own threads; the loop that asks may be any."""
    return await asyncio.get_running_loop().run_in_executor(threads, work)
