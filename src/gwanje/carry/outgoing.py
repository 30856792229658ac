"""Batches on their way to a transport: sent in order, and kept while it does not take them.

As long as all goes well a batch waits in memory only. Once the transport asks to come again, what waits is laid down in the
spool, where there is one, and goes on from there: also after a restart. Beyond the limit the oldest goes and is counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from gwanje.carry.base import Sender
from gwanje.carry.spool import Spool
from gwanje.errors import BadInput, Rejected, RetryLater, StoreFull
from gwanje.model import Batch

log = structlog.get_logger(__name__)

_WAITING_BYTES: Final = 64 * 1024 * 1024
_FIRST_PAUSE: Final = timedelta(seconds=1)
_LONGEST_PAUSE: Final = timedelta(seconds=30)
_LAST_WORDS: Final = timedelta(seconds=1)
_BETWEEN_LOGS: Final = timedelta(minutes=1)


class Outgoing:
    """What one loop collects and sends. `add` and `run` belong to one event loop; figures may be read from anywhere."""

    def __init__(self, transport: Sender, *, what: str, waiting_bytes: int = _WAITING_BYTES, spool: Spool | None = None) -> None:
        """`what` says in logs whose batches they are; `waiting_bytes` bounds those in memory, the spool has its own limit."""
        self._transport = transport
        self._what = what
        self._memory = Waiting(waiting_bytes)
        self._spool = spool
        self._laying: asyncio.Future[None] | None = None

    @property
    def count(self) -> int:
        """Batches not yet sent."""
        return self._memory.count + (self._spool.waiting if self._spool else 0)

    @property
    def bytes(self) -> int:
        return self._memory.bytes + (self._spool.waiting_bytes if self._spool else 0)

    @property
    def dropped_full(self) -> int:
        return self._memory.dropped_full + (self._spool.dropped_full if self._spool else 0)

    @property
    def dropped_refused(self) -> int:
        return self._memory.dropped_refused + (self._spool.dropped_refused if self._spool else 0)

    def add(self, batch: Batch) -> None:
        self._memory.add(batch)

    async def run(self) -> None:
        """Send until cancelled, oldest first; after a failure with pauses that grow."""
        pause, failing = _FIRST_PAUSE, False
        while True:
            try:
                await self._send_oldest()
            except RetryLater as error:
                if not failing:
                    where = "disk" if self._spool else "memory"
                    log.warning("cannot send, batches wait", of=self._what, where=where, reason=str(error), waiting=self.count)
                failing = True
                await self._lay_down()
                await asyncio.sleep((error.after or pause).total_seconds())
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                if failing:
                    log.info("sending again", of=self._what, waiting=self.count)
                pause, failing = _FIRST_PAUSE, False

    async def last_words(self) -> None:
        """After `run` has ended: try what waits once more; the rest is laid down, or given up and said to be."""
        if self._laying:
            await asyncio.wait((self._laying,))
        with suppress(TimeoutError, RetryLater):
            async with asyncio.timeout(_LAST_WORDS.total_seconds()):
                while self.count:
                    await self._send_oldest()
        await self._lay_down()
        if self._memory.count:
            log.warning("stopped with batches unsent", of=self._what, batches=self._memory.count)

    async def _send_oldest(self) -> None:
        """Send the batch that waits longest, or the next one to come; RetryLater for whatever may pass."""
        laid_down = await asyncio.to_thread(self._spool.oldest) if self._spool and self._spool.waiting else None
        batch = laid_down[1] if laid_down else await self._memory.oldest()
        try:
            await self._transport.send(batch)
        except (Rejected, BadInput) as error:
            log.error("batch refused for good, dropped", of=self._what, reason=str(error), count=batch.count)  # noqa: TRY400 # no stack: the reason says it
            self._memory.dropped_refused += 1
        except RetryLater:
            raise
        except Exception as error:
            raise RetryLater(str(error) or repr(error)) from error
        if self._spool and laid_down:
            await asyncio.to_thread(self._spool.done, laid_down[0])
        else:
            self._memory.done(batch)

    async def _lay_down(self) -> None:
        """Move what waits in memory to the disk; what the disk does not take stays where it is."""
        while self._spool and self._memory.count:
            batch = await self._memory.oldest()
            # A thread is not cancelled with the task that waits for it: what it laid down is struck off even then.
            self._laying = asyncio.ensure_future(asyncio.to_thread(self._spool.put, batch))
            self._laying.add_done_callback(partial(self._laid_down, batch))
            try:
                await asyncio.shield(self._laying)
            except StoreFull as error:
                log.warning("batches wait in memory", of=self._what, reason=str(error), waiting=self._memory.count)
                return

    def _laid_down(self, batch: Batch, laying: asyncio.Future[None]) -> None:
        if laying.exception() is None:
            self._memory.done(batch)


class Waiting:
    """Batches in memory, oldest first, bounded by bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._batches: deque[Batch] = deque()
        self._arrived = asyncio.Event()
        self._told_at: float | None = None
        self._untold = 0
        self.bytes = 0
        self.dropped_full = 0
        self.dropped_refused = 0

    @property
    def count(self) -> int:
        return len(self._batches)

    def add(self, batch: Batch) -> None:
        """Queue a batch; the oldest go until it fits."""
        self._batches.append(batch)
        self.bytes += len(batch.body)
        while self.bytes > self._limit_bytes:
            self._strike_off_oldest()
            self.dropped_full += 1
            self._untold += 1
        self._tell_drops()
        self._arrived.set()

    async def oldest(self) -> Batch:
        """The batch to send next; it stays here until it is `done`."""
        while not self._batches:
            self._arrived.clear()
            await self._arrived.wait()
        return self._batches[0]

    def done(self, batch: Batch) -> None:
        # The oldest may have been dropped for want of room while it was on its way.
        if self._batches and self._batches[0] is batch:
            self._strike_off_oldest()

    def _strike_off_oldest(self) -> None:
        self.bytes -= len(self._batches.popleft().body)

    def _tell_drops(self) -> None:
        if not self._untold:
            return
        now = asyncio.get_running_loop().time()
        if self._told_at is None or now - self._told_at >= _BETWEEN_LOGS.total_seconds():
            log.error("no room for unsent batches, dropped the oldest", dropped=self._untold, limit_bytes=self._limit_bytes)
            self._told_at, self._untold = now, 0
