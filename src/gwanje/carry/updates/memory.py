"""Updates within one process."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import Field

from gwanje import config, kinds
from gwanje.carry.updates.base import Update

MISSED = Update("missed")


class Settings(config.Settings):
    """Updates stay in this process; processes on one database tell each other through it what changed there."""

    waiting: int = Field(default=1000, ge=1)
    """How many updates may wait for one listener; a slower one is told that it missed some."""


def create(settings: Settings, world: kinds.World) -> MemoryUpdates:
    return MemoryUpdates(settings.waiting)


class MemoryUpdates:
    """Hands each update to every listener of this process."""

    def __init__(self, waiting: int = 1000) -> None:
        self._waiting = waiting
        self._lock = threading.Lock()
        self._listeners: tuple[_Listener, ...] = ()

    def publish(self, update: Update) -> None:
        """Hand it on; returns at once, whatever the listeners do."""
        for listener in self._listeners:
            listener.put(update)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[Update]]:
        """Everything that is published from now until the end of the block."""
        listener = _Listener(asyncio.get_running_loop(), self._waiting)
        with self._lock:
            self._listeners = (*self._listeners, listener)
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners = tuple(other for other in self._listeners if other is not listener)


class _Listener:
    """A bounded queue from any thread into one loop. An object and not a generator: a wait that is given up leaves it whole."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self._loop = loop
        self._limit = limit
        self._lock = threading.Lock()
        self._updates: deque[Update] = deque()
        self._missed = False
        self._there_is_one = asyncio.Event()

    def put(self, update: Update) -> None:
        with self._lock:
            if len(self._updates) == self._limit:
                self._updates.popleft()
                self._missed = True
            self._updates.append(update)
            first = len(self._updates) == 1
        if first:
            self._wake()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._there_is_one.set)
        except RuntimeError:
            # The listener's loop is closed: its process is going down, and nobody reads on.
            if not self._loop.is_closed():
                raise

    def __aiter__(self) -> AsyncIterator[Update]:
        return self

    async def __anext__(self) -> Update:
        while True:
            update = self._take()
            if update is None:
                self._there_is_one.clear()
                # Put between the look and the clear: its wake-up may have been wiped, so look once more before waiting.
                update = self._take()
            if update is not None:
                return update
            await self._there_is_one.wait()

    def _take(self) -> Update | None:
        with self._lock:
            if self._missed:
                self._missed = False
                return MISSED
            return self._updates.popleft() if self._updates else None
