"""Work that goes on as long as somebody waits for its answer."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any

from fastapi import Request

_PROMPT_SECONDS = 0.05
"""Most answers are there sooner, and nobody leaves that fast: only then it is looked whether somebody left."""


class LeftError(Exception):
    """The one who asked does not wait for the answer any more."""


async def while_there(request: Request, work: Coroutine[Any, Any, Any]) -> Any:
    """What `work` says. It is cancelled when the one who asked goes away before; then raises LeftError."""
    watch = _Watch(request)
    try:
        return await work
    except asyncio.CancelledError:
        if watch.called_off():
            raise LeftError from None
        raise
    finally:
        watch.end()


async def said_in_time(request: Request, work: Coroutine[Any, Any, Any], seconds: float) -> Any:
    """What `work` says, as `while_there`; raises TimeoutError when it takes longer than so many seconds.

    What it can say without waiting for anything is said without clock and watch.
    """
    try:
        first = work.send(None)
    except StopIteration as said:
        return said.value
    async with asyncio.timeout(seconds):
        return await while_there(request, _the_rest(work, first))


@types.coroutine
def _the_rest(work: Coroutine[Any, Any, Any], waits_for: Any) -> Generator[Any, Any, Any]:
    """The rest of a coroutine that was begun, and now waits for something."""
    while True:
        try:
            came = yield waits_for
        except BaseException as error:  # noqa: BLE001 -- whatever it is, it is the coroutine's
            go_on = partial(work.throw, error)
        else:
            go_on = partial(work.send, came)
        try:
            waits_for = go_on()
        except StopIteration as said:
            return said.value


class _Watch:
    """Cancels the current task when the one who asked leaves."""

    def __init__(self, request: Request) -> None:
        self._request = request
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine is awaited in a task
        self._task = task
        self._cancelled_before = task.cancelling()
        self._watching: asyncio.Task[None] | None = None
        self._left = False
        self._soon = asyncio.get_running_loop().call_later(_PROMPT_SECONDS, self._begin)

    def called_off(self) -> bool:
        """Whether it was this watch, and nobody else, who cancelled the task; takes that back."""
        return self._left and self._task.uncancel() <= self._cancelled_before

    def end(self) -> None:
        self._soon.cancel()
        if self._watching is not None:
            self._watching.cancel()

    def _begin(self) -> None:
        self._watching = asyncio.create_task(self._until_left())

    async def _until_left(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        self._left = True
        self._task.cancel()
