"""Many questions of one round asked together, where the store answers faster than the way to it takes.

A thousand rules ask a thousand questions in the same moment. One by one, each costs a way through the loop to a thread and back;
a store that is `Brisk` takes them from one queue, some at a time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from gwanje.keep.samples.base import Answer, Asked, Brisk, Queryable

_AT_ONCE: Final = 2
"""How many threads of the store take from the queue: a long question holds up one of them."""


class Asking:
    """Asks instant queries, from tasks of one loop. A task that is cancelled takes its question back."""

    def __init__(self, samples: Queryable) -> None:
        self._samples = samples
        self._brisk = samples if isinstance(samples, Brisk) else None
        self._waiting: deque[Asked] = deque()
        self._answers: dict[Asked, asyncio.Future[Answer]] = {}
        self._takers: set[asyncio.Task[None] | None] = set()

    async def instant(self, query: str, at_ms: int) -> Answer:
        """As the store's own `instant`."""
        if self._brisk is None:
            return await self._samples.instant(query, at_ms)
        one = Asked(query, at_ms)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[one] = answer
        self._waiting.append(one)
        if len(self._takers) < min(_AT_ONCE, len(self._waiting)):
            taker = asyncio.create_task(self._take(self._brisk))
            self._takers.add(taker)
        try:
            return await answer
        finally:
            one.wanted = False
            self._answers.pop(one, None)

    async def _take(self, brisk: Brisk) -> None:
        try:
            while self._waiting:
                for one, answer in await brisk.some(self._waiting):
                    self._hand_over(one, answer)
        except Exception as error:  # noqa: BLE001 - the store cannot be asked at all: everybody who waits is told
            self._waiting.clear()
            for one in list(self._answers):
                self._hand_over(one, error)
        finally:
            # At once and not by a callback: who was answered last asks again before a callback would run, and finds no taker.
            self._takers.discard(asyncio.current_task())

    def _hand_over(self, one: Asked, answer: Answer | Exception) -> None:
        waiting = self._answers.get(one)
        if waiting is None or waiting.done():
            return
        if isinstance(answer, Exception):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)
