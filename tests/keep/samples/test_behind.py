"""Threads that give way."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from gwanje.keep.samples.local.behind import give_way


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no niceness of their own")
def test_a_thread_that_gives_way_takes_no_other_with_it() -> None:
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    seen: list[int] = []

    def behind() -> None:
        give_way()
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=behind)
    thread.start()
    thread.join()
    assert seen[0] > own
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own
