"""One process per folder."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gwanje.app import lock
from gwanje.errors import GwanjeError, InUse

HOLDER = """
import sys, time
from pathlib import Path
from gwanje.app import lock
with lock.hold(Path(sys.argv[1]), "somebody"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_holder_is_told_who_has_it(tmp_path: Path) -> None:
    with (
        lock.hold(tmp_path, "gwanje up"),
        pytest.raises(InUse, match=rf"in use by gwanje up \(pid {os.getpid()}\)"),
        lock.hold(tmp_path, "x"),
    ):
        pass


def test_the_lock_goes_with_a_killed_process(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert lock.is_held(tmp_path)
        holder.send_signal(signal.SIGKILL)
    assert not lock.is_held(tmp_path)


def test_looking_at_a_folder_that_is_not_there_does_not_make_it(tmp_path: Path) -> None:
    assert not lock.is_held(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_cannot_be_written_is_one_sentence() -> None:
    with pytest.raises(GwanjeError, match="cannot write into /proc/nowhere"), lock.hold(Path("/proc/nowhere"), "x"):
        pass


def test_the_tools_socket_is_its_owners_alone_however_deep_the_folder_lies(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["a-long-name-of-a-folder"] * 8)
    folder.mkdir(parents=True)
    with lock.listen_for_tools(folder):
        mode = stat.S_IMODE((folder / "gwanje.sock").stat().st_mode)
        assert mode & 0o077 == 0
        with lock.socket_path(folder) as path, socket.socket(socket.AF_UNIX) as tool:
            tool.connect(path)
    with lock.listen_for_tools(folder):  # a leftover of a killed process is no hindrance
        pass
