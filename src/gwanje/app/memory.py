"""How memory that was given back is kept."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_BETWEEN_SEARCHES = (10_000, 20, 50)
"""New things for a search among them, such searches for one among older ones, and those for one among all."""


def give_back() -> None:
    """Let large arrays go back to the system as soon as nobody has them; for the whole process.

    To be called before it has threads, and before it loads Arrow, which chooses its allocator once.

    Otherwise glibc raises its threshold with each large array that is freed, and memory is never less than at the worst moment.
    Arrow brings an allocator of its own that holds on to what a block took (80 MB more under full load); the C library does not.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return
    mallopt(_ARENA_MAX, 1)  # what one thread gave back is there for the others
    # What a query works on piece by piece stays: new pages for each piece would cost it half its time.
    mallopt(_MMAP_THRESHOLD, 4 << 20)
    mallopt(_TRIM_THRESHOLD, 16 << 20)


@contextmanager
def settled() -> Iterator[None]:
    """Take everything that is there at the beginning for here to stay. For when a process has everything that it lives with.

    The search for garbage otherwise goes through modules, tables and routes again and again: a tenth of the event loop's time.
    What is made later is searched as seldom as fits a process that makes ten thousand things a second. At the end all can be
    found again, or DuckDB would say on the terminal what of it was left over.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_BETWEEN_SEARCHES)
    try:
        yield
    finally:
        gc.unfreeze()
