"""The contract suite of updates. A kind's tests subclass `UpdatesContract` and give it fixture `updates`.

`waiting` is how many updates that instance lets wait for one listener.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from gwanje.carry.updates.base import Update, Updates


class UpdatesContract:
    """What every kind of updates promises."""

    async def test_every_listener_hears_everything_in_order(self, updates: Updates) -> None:
        told = [Update("fetches", "f-1", {"outcome": "failed"}), Update("runs", "1"), Update("alerts", "a")]
        async with updates.listen() as one, updates.listen() as other:
            for update in told:
                updates.publish(update)
            assert [await anext(one) for _ in told] == told
            assert [await anext(other) for _ in told] == told

    async def test_a_listener_that_waits_is_woken(self, updates: Updates) -> None:
        async with updates.listen() as listening:
            waiting = asyncio.create_task(_next(listening))
            await asyncio.sleep(0)
            updates.publish(Update("runs", "1"))
            assert await asyncio.wait_for(waiting, 5) == Update("runs", "1")

    async def test_nobody_listening_is_no_fault(self, updates: Updates) -> None:
        updates.publish(Update("runs", "1"))
        async with updates.listen() as listening:
            updates.publish(Update("runs", "2"))
            assert await anext(listening) == Update("runs", "2")

    async def test_any_thread_may_publish(self, updates: Updates) -> None:
        asyncio.get_running_loop().set_debug(True)  # then asyncio refuses to be touched from another thread
        async with updates.listen() as listening:
            waiting = asyncio.create_task(_next(listening))
            await asyncio.sleep(0)
            await asyncio.to_thread(updates.publish, Update("runs", "1"))
            assert await asyncio.wait_for(waiting, 5) == Update("runs", "1")

    async def test_a_slow_listener_loses_the_oldest_and_is_told_once(self, updates: Updates, waiting: int) -> None:
        async with updates.listen() as slow:
            for number in range(waiting + 3):
                updates.publish(Update("fetches", str(number)))
            assert await anext(slow) == Update("missed")
            assert [(await anext(slow)).key for _ in range(waiting)] == [str(number) for number in range(3, waiting + 3)]
            updates.publish(Update("fetches", "after"))
            assert await anext(slow) == Update("fetches", "after")

    async def test_a_wait_that_is_given_up_loses_nothing(self, updates: Updates) -> None:
        async with updates.listen() as listening:
            given_up = asyncio.create_task(_next(listening))
            await asyncio.sleep(0)
            given_up.cancel()
            await asyncio.wait({given_up})
            updates.publish(Update("runs", "1"))
            assert await asyncio.wait_for(_next(listening), 5) == Update("runs", "1")

    async def test_after_the_end_of_listening_nothing_is_kept(self, updates: Updates) -> None:
        async with updates.listen():
            pass
        updates.publish(Update("runs", "1"))
        async with updates.listen() as listening:
            updates.publish(Update("runs", "2"))
            assert await anext(listening) == Update("runs", "2")


async def _next(listening: AsyncIterator[Update]) -> Update:
    return await anext(listening)
