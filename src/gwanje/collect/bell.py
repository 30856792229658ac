"""Waiting for a change that may be told, and that is looked for anyway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from gwanje.carry.updates.base import Topic, Updates


class Bell:
    """Rings when something changed; a ring while nobody waits is not lost."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, longest: timedelta) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(longest.total_seconds()):
                await self._rung.wait()
        self._rung.clear()


@asynccontextmanager
async def bell_of(updates: Updates, topic: Topic) -> AsyncIterator[Bell]:
    """A bell that updates of a topic ring, as long as the block lasts."""
    bell = Bell()

    async def ring() -> None:
        async for update in listening:
            if update.topic in {topic, "missed"}:
                bell.ring()

    async with updates.listen() as listening:
        task = asyncio.create_task(ring())
        try:
            yield bell
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
