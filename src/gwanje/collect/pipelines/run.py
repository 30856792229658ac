"""One run of a pipeline: its fetch with all retries, within the pipeline's time. Never raises what a source did wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog

from gwanje.collect.pipelines.spec import Prepared
from gwanje.collect.sources.base import Fetched, Outcome
from gwanje.config import format_duration

log = structlog.get_logger()

Pause = Callable[[timedelta], Awaitable[None]]

_FIRST_PAUSE: Final = timedelta(milliseconds=500)
_LONGEST_PAUSE: Final = timedelta(seconds=30)
_STOPPED: Final = "stopped before an answer came"


async def sleep(pause: timedelta) -> None:
    """Pause on the running loop's clock."""
    await asyncio.sleep(pause.total_seconds())


async def fetch(prepared: Prepared, now_ms: int, pause: Pause = sleep) -> tuple[Fetched, int]:
    """The run's fetch, and which try brought it. Cancelled, it is a cancelled outcome: the caller still has to tell it."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    tries = _Tries()

    def cut(outcome: Outcome, error: str) -> tuple[Fetched, int]:
        took = round((loop.time() - began) * 1000, 3)
        return Fetched(outcome, prepared.source.url, None, 0, took, error=error), tries.begun

    try:
        async with asyncio.timeout(prepared.pipeline.timeout.total_seconds()):
            return await _with_retries(prepared, now_ms, pause, tries), tries.begun
    except asyncio.CancelledError:
        return cut(Outcome.CANCELLED, _STOPPED)
    except TimeoutError:
        return cut(Outcome.FAILED, f"not done within {format_duration(prepared.pipeline.timeout)}")
    except Exception as error:
        # A fault in one kind, its own or in other people's code, must not stop the schedule of all the others.
        log.exception("source broke", pipeline=prepared.name, source=prepared.kind)
        return cut(Outcome.FAILED, f"the source {prepared.kind!r} broke ({type(error).__name__}); see the log")


def never_begun(prepared: Prepared) -> tuple[Fetched, int]:
    """What `fetch` would have told, had it been cancelled a moment later."""
    return Fetched(Outcome.CANCELLED, prepared.source.url, None, 0, 0.0, error=_STOPPED), 0


class _Tries:
    begun = 0


async def _with_retries(prepared: Prepared, now_ms: int, pause: Pause, tries: _Tries) -> Fetched:
    while True:
        tries.begun += 1
        fetched = await prepared.source.fetch(now_ms)
        if not fetched.try_again or tries.begun > prepared.pipeline.retries:
            return fetched
        log.info("fetch is tried again", pipeline=prepared.name, attempt=tries.begun, error=fetched.error)
        await pause(pause_before(tries.begun))


def pause_before(attempt: int) -> timedelta:
    """How long to wait after try number `attempt`: twice as long each time, up to half a minute."""
    return min(_FIRST_PAUSE * float(2 ** (attempt - 1)), _LONGEST_PAUSE)
