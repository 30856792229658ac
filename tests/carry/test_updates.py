"""The kind `memory` keeps the promise of updates."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gwanje import kinds
from gwanje.carry.updates.base import Update, Updates
from gwanje.carry.updates.memory import MemoryUpdates
from gwanje.testing.updates import UpdatesContract


class TestMemory(UpdatesContract):
    @pytest.fixture
    def waiting(self) -> int:
        return 5

    @pytest.fixture
    def updates(self, waiting: int, tmp_path: Path) -> Updates:
        kind = kinds.find("updates", "memory")
        made: Updates = kind.create(kind.Settings(waiting=waiting), kinds.World(tmp_path))
        return made


async def test_a_listener_of_a_loop_that_is_gone_disturbs_nobody() -> None:
    updates = MemoryUpdates()

    def left_behind() -> None:
        async def listen() -> None:
            await updates.listen().__aenter__()

        asyncio.run(listen())

    await asyncio.to_thread(left_behind)
    async with updates.listen() as listening:
        updates.publish(Update("runs", "1"))
        assert await anext(listening) == Update("runs", "1")
