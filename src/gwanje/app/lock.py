"""One process per folder: the lock, and the socket over which tools speak to the process that holds it."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gwanje.errors import GwanjeError, InUse

LOCK, _SOCKET = ".lock", "gwanje.sock"


@contextmanager
def hold(folder: Path, doing: str) -> Iterator[None]:
    """Hold the folder until the end. Raises InUse with who has it, GwanjeError when nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise GwanjeError(f"cannot write into {folder}: {error.strerror}; give another folder or mend its rights") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 200, 0).decode(errors="replace").strip() or "another process"
            raise InUse(f"{folder} is in use by {holder}; stop that one first, or give another folder") from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{doing} (pid {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(file)  # the lock goes with the last descriptor, also when the process is killed


def is_held(folder: Path) -> bool:
    """True while some process holds the folder."""
    if not (folder / LOCK).exists():
        return False
    try:
        with hold(folder, "looking"):
            return False
    except InUse:
        return True


@contextmanager
def socket_path(folder: Path) -> Iterator[str]:
    """The tools' socket as a path short enough for the kernel (108 bytes), however deep the folder lies."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{_SOCKET}"
    finally:
        os.close(directory)


def listen_for_tools(folder: Path) -> socket.socket:
    """The tools' socket, openable by the folder's owner alone. The caller holds the folder, so an old file is a leftover."""
    (folder / _SOCKET).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with socket_path(folder) as path:
        before = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(before)
    listener.listen(16)
    return listener
