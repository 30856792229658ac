"""Samples on the local disk: a write-ahead log, the recent past in memory, Parquet blocks; PromQL answered in this process."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, Field

from gwanje import config, kinds, processors
from gwanje.errors import QueryLimit, StoreFull
from gwanje.keep import promql
from gwanje.keep.samples.local import at_hand
from gwanje.keep.samples.local.store import Store

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from gwanje.keep.samples.base import Answer, Appended, Asked, Columns, Labels, Matrix, Swept

Result = TypeVar("Result")

_AT_ONE_GO: Final = 0.02
"""Seconds after which no further question is taken, so that the others that read get their turn."""


def _step(value: timedelta) -> timedelta:
    if value < timedelta(minutes=1) or timedelta(days=1) % value:
        raise ValueError(
            f"{config.format_duration(value)} is no step of a rollup; a day must be made of whole steps, as of 5m or 1h"
        )
    return value


Step = Annotated[config.Duration, AfterValidator(_step)]


class Settings(config.Settings):
    """Samples in `samples/` of the data folder: for one machine, no service to install."""

    retention: config.Duration = timedelta(days=15)
    """How long samples are kept as they came; whole blocks go when all of a block is older."""
    rollups: dict[Step, config.Duration] = Field(
        default_factory=lambda: {timedelta(minutes=5): timedelta(days=90), timedelta(hours=1): timedelta(days=730)}
    )
    """What is kept of samples past their retention: min, max, sum, count and last of each step, and for how long."""
    fsync: Literal["every second", "always"] = "every second"
    """When the log reaches the disk: a killed process loses nothing either way, a power cut the last second or nothing."""
    head_bytes: int = 28 << 20
    """How much memory the recent past may take before a block is written."""
    block_span: config.Duration = timedelta(hours=2)
    """After how long a block is written even when the head is not full."""
    segment_bytes: int = 64 << 20
    """How large a file of the log becomes."""
    cache_bytes: int = 96 << 20
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
    query_bytes: int = 340 << 20
    """How much memory the results of one query may take on its way: 17 bytes for each series and step."""


def create(settings: Settings, world: kinds.World) -> LocalSamples:
    """Open the store; takes as long as reading the log does. Raises Damaged, and StoreFull where nothing can be written."""
    folder = world.folder / "samples"
    try:
        store = Store(folder, settings)
    except OSError as error:
        raise StoreFull(f"{folder} cannot be opened ({error.strerror}); make it writable and free some space") from error
    return LocalSamples(store, settings)


class LocalSamples:
    """Keeps the promise of `keep/samples/base.py` with a store of this process: one thread writes, two answer queries.

    What is at hand is answered where it is asked for (`at_hand.py`).
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._closed = False
        self._always = settings.fsync == "always"
        self._limits = promql.Limits(samples=settings.query_samples, memory=settings.query_bytes)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="samples-append")
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="samples-query")

    async def append(self, batch: Columns, now_ms: int) -> Appended:
        appended, position = await _in(self._writer, partial(self._store.append, batch, now_ms))
        if self._always and position:
            await asyncio.wrap_future(self._store.synced(position))
        return appended

    async def instant(self, query: str, at_ms: int) -> Answer:
        soon = self._soon(query, partial(promql.instant, query, at_ms))
        if soon is not None:
            return soon
        return await self._asked(partial(promql.instant, query, at_ms, self._store.find, self._limits))

    async def some(self, asked: deque[Asked]) -> list[tuple[Asked, Answer | Exception]]:
        """As the promise `Brisk` says."""
        return await self._ask(partial(self._some, asked))

    async def sweep(self, selectors: tuple[str, ...], at_ms: int) -> Swept:
        """As the promise `Sweeping` says."""
        return await self._ask(partial(self._store.sweep, selectors, at_ms))

    def newest(self, series: Sequence[Labels]) -> list[tuple[int, float] | None]:
        """As the promise `Remembering` says."""
        with self._store.looking():
            return self._store.newest(series)

    async def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Matrix:
        soon = self._soon(query, partial(promql.range_, query, start_ms, end_ms, step_ms))
        if soon is not None:
            return soon
        return await self._asked(partial(self._over_time, query, start_ms, end_ms, step_ms))

    async def series(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[Labels]:
        return await self._ask(partial(self._series, matchers, start_ms, end_ms))

    async def label_names(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        found = await self.series(matchers, start_ms, end_ms)
        return sorted({name for labels in found for name, _ in labels})

    async def label_values(self, name: str, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        found = await self.series(matchers, start_ms, end_ms)
        return sorted({value for labels in found for known, value in labels if known == name})

    async def write_block(self) -> None:
        """Write the head into a block now: for tools that read blocks, such as a backup."""
        await _in(self._writer, self._store.write_block)

    async def compact(self) -> None:
        """Merge, roll up and delete blocks now, as far as there is something to do."""
        await _in(self._readers, self._store.compact)

    async def backup(self, to: Path) -> None:
        """Copy everything that was answered, by hard links where that is possible, into a folder that is not there yet."""
        await _in(self._readers, partial(self._store.backup, to))

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

    def _soon(self, query: str, evaluate: Callable[[promql.Fetch, promql.Limits], Result]) -> Result | None:
        """The answer to a light question about few samples that are at hand; None for all that is to be left to a thread."""
        selector = promql.light(query)
        if selector is None or self._store.few_at_hand(selector.matchers) is None:
            return None
        try:
            with self._store.looking():
                return evaluate(self._store.find_at_hand, at_hand.limits(self._limits))
        except (at_hand.NotAtHandError, QueryLimit):
            return None

    async def _ask(self, ask: Callable[[], Result]) -> Result:
        """Answer a question in a thread of the readers, with series that mean the same to its end."""

        def looking() -> Result:
            with self._store.looking():
                return ask()

        return await _in(self._readers, looking)

    async def _asked(self, evaluate: Callable[[promql.Watch], Result]) -> Result:
        """Evaluate in a thread, which stops soon when the caller is cancelled."""
        nobody_waits = threading.Event()
        try:
            return await self._ask(partial(evaluate, nobody_waits.is_set))
        except asyncio.CancelledError:
            nobody_waits.set()
            raise

    @processors.apart()
    def _over_time(self, query: str, start_ms: int, end_ms: int, step_ms: int, nobody_waits: promql.Watch) -> Matrix:
        """Much may be read for it; rules and others that ask often ask for one instant."""
        return promql.range_(query, start_ms, end_ms, step_ms, self._store.find, self._limits, nobody_waits)

    def _some(self, asked: deque[Asked]) -> list[tuple[Asked, Answer | Exception]]:
        found: list[tuple[Asked, Answer | Exception]] = []
        until = time.monotonic() + _AT_ONE_GO
        while time.monotonic() < until:
            try:
                one = asked.popleft()
            except IndexError:
                break
            if not one.wanted:
                continue
            try:
                answer = promql.instant(one.query, one.at_ms, self._store.find, self._limits, partial(_unwanted, one))
            except Exception as error:  # noqa: BLE001 - it belongs to this question; the others have their answers
                found.append((one, error))
            else:
                found.append((one, answer))
        return found

    def _series(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[Labels]:
        return self._store.series([promql.matchers(selector) for selector in matchers], start_ms, end_ms)


def _unwanted(asked: Asked) -> bool:
    return not asked.wanted


async def _in(threads: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    """Run in one of the store's own threads; the loop that asks may be any."""
    return await asyncio.get_running_loop().run_in_executor(threads, work)
