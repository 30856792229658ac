"""How memory that was given back is kept."""

from __future__ import annotations

import ctypes

import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8


def give_back() -> None:
    """Let large arrays go back to the system as soon as nobody has them; for the whole process, before it has threads.

    Otherwise glibc raises its threshold with each large array that is freed, and memory is never less than at the worst moment.
    Arrow brings an allocator of its own that holds on to what a block took (80 MB more under full load); the C library does not.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return
    mallopt(_ARENA_MAX, 2)
    mallopt(_MMAP_THRESHOLD, 1 << 20)
    mallopt(_TRIM_THRESHOLD, 16 << 20)
