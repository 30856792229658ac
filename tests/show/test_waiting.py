"""Work goes on as long as somebody waits for it, and ends for the reason it was ended for."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from fastapi import Request

from gwanje.show.api.waiting import LeftError, while_there


class Work:
    """Never done by itself."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = False

    async def run(self) -> None:
        self.begun.set()
        try:
            await asyncio.Future[None]()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


def asked(messages: asyncio.Queue[str]) -> Request:
    async def receive() -> MutableMapping[str, Any]:
        return {"type": await messages.get()}

    return Request({"type": "http"}, receive)


async def test_work_is_called_off_when_the_one_who_asked_leaves() -> None:
    work, messages = Work(), asyncio.Queue[str]()
    for message in ("http.request", "http.disconnect"):
        messages.put_nowait(message)
    with pytest.raises(LeftError):
        await while_there(asked(messages), work.run())
    assert work.cancelled
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_what_was_worked_out_is_answered() -> None:
    assert await while_there(asked(asyncio.Queue()), asyncio.sleep(0, "found")) == "found"


async def test_whoever_else_cancels_it_is_not_taken_for_the_one_who_asked() -> None:
    work = Work()
    task = asyncio.create_task(while_there(asked(asyncio.Queue()), work.run()))
    await work.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.cancelled


async def test_a_time_that_is_over_is_told_as_that() -> None:
    work = Work()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await while_there(asked(asyncio.Queue()), work.run())
    assert work.cancelled
