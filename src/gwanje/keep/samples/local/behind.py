"""Work that nobody waits for gives way to work that somebody waits for."""

from __future__ import annotations

import os
import sys
import threading
from typing import Final

_NICENESS: Final = 5
"""A third of the weight that those who answer have; so heads become blocks even where the processors are never free."""


def give_way() -> None:
    """Let the calling thread have a processor after the threads that somebody waits for; where threads can be told apart.

    What packs a block needs the interpreter's lock little. With the same right to the two processors it took them from a thread
    that held the lock, and everybody waited for both.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS)
