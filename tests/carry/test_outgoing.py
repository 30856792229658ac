"""Batches on their way: in order, never lost while the transport is away, and on the disk over a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

from gwanje.carry.outgoing import Outgoing, Waiting
from gwanje.carry.spool import Spool
from gwanje.errors import Rejected, RetryLater
from gwanje.model import Batch, BatchOf

MANY = 1 << 20


def batch(text: str) -> Batch:
    return Batch(BatchOf.EVENTS, text.encode(), 1)


class Far:
    """A transport that is there or away; what it took."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.refused: set[bytes] = set()
        self.asked = 0
        self.taken: list[bytes] = []
        self._changed = asyncio.Event()

    async def send(self, batch: Batch) -> None:
        self.asked += 1
        self._changed.set()
        if self.away:
            raise RetryLater("away", after=timedelta(milliseconds=1))
        if batch.body in self.refused:
            raise Rejected("not ours")
        self.taken.append(batch.body)

    async def close(self) -> None: ...

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(30):
            while self.asked < times:
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def running(outgoing: Outgoing, *, stays: bool = False) -> AsyncIterator[None]:
    """Send until nothing waits, or to the end of the block where something `stays`."""
    task = asyncio.create_task(outgoing.run())
    try:
        yield
        async with asyncio.timeout(30):
            while outgoing.count and not stays:  # noqa: ASYNC110 -- nobody tells that nothing waits any more
                await asyncio.sleep(0.001)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await outgoing.last_words()


async def test_what_is_taken_at_once_never_touches_the_disk(tmp_path: Path) -> None:
    far, spool = Far(), Spool(tmp_path / "spool", MANY)
    (tmp_path / "spool").rmdir()  # whatever is laid down would be an error
    outgoing = Outgoing(far, what="test", spool=spool)
    async with running(outgoing):
        for text in "abc":
            outgoing.add(batch(text))
        await far.until_asked(3)
    assert (far.taken, outgoing.count) == ([b"a", b"b", b"c"], 0)


async def test_what_waits_is_on_the_disk_and_goes_in_order_when_the_transport_is_back(tmp_path: Path) -> None:
    far, spool = Far(away=True), Spool(tmp_path, MANY)
    outgoing = Outgoing(far, what="test", spool=spool)
    async with running(outgoing):
        outgoing.add(batch("a"))
        outgoing.add(batch("b"))
        await far.until_asked(3)
        assert (spool.waiting, outgoing.count) == (2, 2)
        outgoing.add(batch("c"))
        far.away = False
    assert (far.taken, outgoing.count, spool.waiting) == ([b"a", b"b", b"c"], 0, 0)


async def test_what_was_not_sent_is_sent_after_a_restart(tmp_path: Path) -> None:
    away = Far(away=True)
    first = Outgoing(away, what="test", spool=Spool(tmp_path, MANY))
    async with running(first, stays=True):
        for text in "ab":
            first.add(batch(text))
        await away.until_asked(1)
    far = Far()
    second = Outgoing(far, what="test", spool=Spool(tmp_path, MANY))
    async with running(second):
        second.add(batch("c"))
    assert (away.taken, far.taken) == ([], [b"a", b"b", b"c"])


async def test_a_disk_that_takes_nothing_leaves_batches_in_memory(tmp_path: Path) -> None:
    far, spool = Far(away=True), Spool(tmp_path / "spool", MANY)
    (tmp_path / "spool").rmdir()
    outgoing = Outgoing(far, what="test", spool=spool)
    async with running(outgoing):
        outgoing.add(batch("a"))
        await far.until_asked(3)
        assert (outgoing.count, spool.waiting) == (1, 0)
        far.away = False
    assert far.taken == [b"a"]


async def test_a_batch_refused_for_good_is_dropped_and_counted_from_memory_and_disk(tmp_path: Path) -> None:
    far, spool = Far(away=True), Spool(tmp_path, MANY)
    far.refused = {b"a", b"c"}
    outgoing = Outgoing(far, what="test", spool=spool)
    async with running(outgoing):
        outgoing.add(batch("a"))
        await far.until_asked(3)
        far.away = False
        for text in "bc":
            outgoing.add(batch(text))
    assert (far.taken, outgoing.dropped_refused, outgoing.count) == ([b"b"], 2, 0)


async def test_a_batch_that_lost_its_place_while_it_was_on_its_way_takes_no_other_with_it() -> None:
    waiting = Waiting(10)
    first, second = batch("first."), batch("second")
    waiting.add(first)
    on_its_way = await waiting.oldest()

    waiting.add(second)
    waiting.done(on_its_way)

    assert (on_its_way, waiting.dropped_full) == (first, 1)
    assert (waiting.count, waiting.bytes, await waiting.oldest()) == (1, 6, second)
