"""The disk buffer in front of a transport whose other side may be away: what is on the disk is answered, and sent in order.

One file a batch, written under a temporary name, synced and renamed; its name holds its order, its type and its count. Beyond the
limit the oldest go first, and are counted.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from gwanje.errors import BadInput, Rejected, RetryLater, StoreFull
from gwanje.model import Batch, BatchOf

_FIRST_PAUSE: Final = timedelta(seconds=1)
_LONGEST_PAUSE: Final = timedelta(seconds=30)
_SUFFIX: Final = ".batch"
_UNFINISHED: Final = ".writing"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A batch on the disk."""

    path: Path
    size: int
    of: BatchOf
    count: int


class Spool:
    """Keeps batches in a folder until `forward` has them. May be used from several threads; one process a folder."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        """Takes up what an earlier process left. Raises StoreFull when the folder cannot be made."""
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._number = 0
        self._arrived = threading.Event()
        self.dropped_full = 0
        self.dropped_refused = 0
        self._take_up()

    @property
    def waiting(self) -> int:
        """Batches not yet sent."""
        return len(self._kept)

    @property
    def waiting_bytes(self) -> int:
        with self._lock:
            return sum(one.size for one in self._kept.values())

    def put(self, batch: Batch) -> None:
        """Write a batch down. Raises StoreFull when the disk does not take it; then nothing of it is kept."""
        with self._lock:
            self._number += 1
            number = self._number
        path = self._folder / f"{number:016d}-{batch.of.value}-{batch.count}{_SUFFIX}"
        unfinished = path.with_suffix(_UNFINISHED)
        try:
            with unfinished.open("wb") as file:
                file.write(batch.body)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise StoreFull(f"nothing can be written to {self._folder}: {error.strerror}; free some space") from error
        with self._lock:
            self._kept[number] = _Kept(path, len(batch.body), batch.of, batch.count)
        self._make_room()
        self._arrived.set()

    def oldest(self) -> tuple[int, Batch] | None:
        """The batch to send next, with its number for `done`; None when nothing waits."""
        while True:
            with self._lock:
                first = next(iter(self._kept.items()), None)
            if first is None:
                return None
            number, kept = first
            try:
                return number, Batch(kept.of, kept.path.read_bytes(), kept.count)
            except OSError as error:  # dropped meanwhile for want of room, or taken away by somebody
                log.warning("a waiting batch cannot be read", file=str(kept.path), reason=str(error))
                self.done(number)

    def done(self, number: int) -> None:
        """Strike a batch off: it was sent, or will never be taken."""
        with self._lock:
            kept = self._kept.pop(number, None)
        if kept is not None:
            with suppress(OSError):
                kept.path.unlink(missing_ok=True)

    async def forward(self, send: Callable[[Batch], Awaitable[None]]) -> None:
        """Send what waits, oldest first, until cancelled."""
        pause = _FIRST_PAUSE
        failing = False
        while True:
            self._arrived.clear()
            waiting = await asyncio.to_thread(self.oldest)
            if waiting is None:
                await asyncio.to_thread(self._arrived.wait, 0.5)
                continue
            number, batch = waiting
            try:
                await send(batch)
            except RetryLater as error:
                if not failing:
                    log.warning("cannot send, batches wait on the disk", reason=str(error), waiting=self.waiting)
                failing = True
                await asyncio.sleep((error.after or pause).total_seconds())
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            except (Rejected, BadInput) as error:
                log.error("batch refused for good, dropped", reason=str(error), of=batch.of, count=batch.count)  # noqa: TRY400 - the reason says it all
                self.dropped_refused += 1
            if failing:
                log.info("sending again", waiting=self.waiting)
            pause, failing = _FIRST_PAUSE, False
            await asyncio.to_thread(self.done, number)

    def own_samples(self) -> Mapping[str, float]:
        """Figures of what waits and what was lost."""
        return {
            "gwanje_spool_batches": float(self.waiting),
            "gwanje_spool_bytes": float(self.waiting_bytes),
            'gwanje_spool_dropped_batches_total{reason="full"}': float(self.dropped_full),
            'gwanje_spool_dropped_batches_total{reason="refused"}': float(self.dropped_refused),
        }

    def _take_up(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for unfinished in self._folder.glob(f"*{_UNFINISHED}"):
                unfinished.unlink()
            found = sorted(self._folder.glob(f"*{_SUFFIX}"))
        except OSError as error:
            raise StoreFull(f"{self._folder} cannot be used: {error.strerror}; choose another place") from error
        for path in found:
            number, of, count = path.stem.split("-")
            self._kept[int(number)] = _Kept(path, path.stat().st_size, BatchOf(of), int(count))
            self._number = int(number)

    def _make_room(self) -> None:
        dropped = 0
        while self.waiting > 1 and self.waiting_bytes > self._limit_bytes:
            with self._lock:
                number = next(iter(self._kept))
            self.done(number)
            dropped += 1
        if dropped:
            self.dropped_full += dropped
            log.error("no room for unsent batches, dropped the oldest", dropped=dropped, limit_bytes=self._limit_bytes)
