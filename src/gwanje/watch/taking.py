"""A loop that runs in one process at a time: here while it is this process's turn, and not while another has it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gwanje.errors import GwanjeError
from gwanje.watch.turns import Turns

_LOOK_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


async def in_turns(turns: Turns, run: Callable[[], Awaitable[None]], *, clock: Callable[[], datetime]) -> None:
    """Run the loop whenever it is this process's turn, from its beginning each time, until cancelled; then give the turn back.

    While state cannot be asked the turn lasts as long as its lease: by then another may have it. What the loop raises is raised.
    """
    running: asyncio.Future[None] | None = None
    try:
        while True:
            if not await _is_ours(turns, clock()):
                await _end(running)
                running = None
            elif running is None:
                running = asyncio.ensure_future(_awaited(run))
            elif running.done():
                return running.result()
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await _end(running)
        await asyncio.to_thread(turns.give_back)


async def _awaited(run: Callable[[], Awaitable[None]]) -> None:
    await run()


async def _is_ours(turns: Turns, now: datetime) -> bool:
    try:
        return await turns.mine(now, begins=lambda: None)
    except (GwanjeError, SQLAlchemyError) as error:
        log.debug("whose turn it is cannot be asked now", reason=str(error))
        return turns.lasts_at(now)


async def _end(running: asyncio.Future[None] | None) -> None:
    if running is not None and not running.done():
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
