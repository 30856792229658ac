"""On which processors the threads of this process run. On Linux; elsewhere the system alone decides, and nothing happens here.

The threads of one interpreter take turns at its lock, some eighty times for a body of samples. From one processor to another a
turn begins with a wake-up, which on a virtual machine takes as long as what is done in the turn; on one processor it is a switch.
So while they need most of a processor they are kept on one (decision 27).
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_LOOK_SECONDS: Final = 0.1
_MUCH: Final = 0.75
_LITTLE: Final = 0.35
"""So many processors in use gather the threads, and fewer than so many let them go: gathered they need three fifths as much."""
_SECONDS_TOGETHER: Final = 10.0
"""Then they are let go until the next look: where they meet again, the system has found room for the one that gathers them."""

_TASKS: Final = Path("/proc/self/task")

_moving = threading.Lock()
_apart: set[int] = set()
_home: set[int] = set()
"""The processor on which threads are kept; none while they are not."""
_everywhere: set[int] = set()
"""The processors that this process may use otherwise; none while nothing is kept."""


@contextmanager
def apart() -> Iterator[None]:
    """Meanwhile the calling thread runs wherever it may: it works on large arrays, and seldom takes the interpreter's lock."""
    thread = threading.get_native_id()
    with _moving:
        _apart.add(thread)
        _allow(thread, _everywhere)
    try:
        yield
    finally:
        with _moving:
            _apart.discard(thread)
            _allow(thread, _home)


def go_everywhere(process: int) -> None:
    """Let a process that was begun here run wherever this one may; it would stay on the processor of the thread that began it."""
    with _moving:
        _allow(process, _everywhere)


def gathers(since: float | None, busy: float, now: float) -> bool:
    """Whether threads are to be on one processor, given since when they are (None: they are not), and how many they used."""
    if since is None:
        return busy >= _MUCH
    return busy >= _LITTLE and now - since < _SECONDS_TOGETHER


class Gathering:
    """Gathers the threads of this process while they need most of a processor. Seconds count from anywhere."""

    def __init__(self, now: float, spent: float) -> None:
        self._now, self._spent = now, spent
        self._since: float | None = None

    def look(self, now: float, spent: float) -> None:
        """Told the time and how many seconds of processors the process has used. From the event loop's own thread."""
        busy = (spent - self._spent) / (now - self._now) if now > self._now else 0.0
        self._now, self._spent = now, spent
        if not gathers(self._since, busy, now):
            self._since = None
            let_go()
        elif self._since is None:
            self._since = now
            gather()


async def keep_together() -> None:
    """Look again and again."""
    gathering = Gathering(time.monotonic(), time.process_time())
    try:
        while sys.platform == "linux":
            await asyncio.sleep(_LOOK_SECONDS)
            gathering.look(time.monotonic(), time.process_time())
    finally:
        let_go()


def gather() -> None:
    """Keep all threads but those that are apart on the processor on which the calling one runs."""
    with _moving:
        _everywhere.update(os.sched_getaffinity(0))
        _home.add(ctypes.CDLL(None).sched_getcpu())
        for thread in threading.enumerate():
            if thread.native_id is not None and thread.native_id not in _apart:
                _allow(thread.native_id, _home)


def let_go() -> None:
    """Let all threads run wherever this process may, those too that were begun meanwhile by libraries."""
    with _moving:
        if _home:
            for thread in _TASKS.iterdir():
                _allow(int(thread.name), _everywhere)
            _home.clear()
            _everywhere.clear()


def own_samples() -> dict[str, float]:
    """Figures for `/metrics`."""
    return {"gwanje_threads_gathered": float(bool(_home))}


def _allow(thread: int, processors: set[int]) -> None:
    if processors:
        with suppress(OSError):  # it has ended meanwhile, or a sandbox forbids it
            os.sched_setaffinity(thread, processors)
