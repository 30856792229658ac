"""How a process keeps its memory."""

from __future__ import annotations

import subprocess
import sys

_USES_EVENTS = """
import duckdb
from gwanje.app import memory

with memory.settled():
    connection = duckdb.connect()
    connection.execute("select 1").fetchall()
    connection.close()
"""


def test_a_process_that_ends_has_nothing_to_say_about_what_it_never_searched() -> None:
    ended = subprocess.run([sys.executable, "-c", _USES_EVENTS], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout + ended.stderr == ""
