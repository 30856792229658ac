"""How full the file systems are, without ever waiting long for one that hangs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from time import monotonic

from gwanje.collect.probes.procfs import Figures, Mount

Asking = Callable[[Path], os.statvfs_result]


class Filesystems:
    """Asks each mount for its size in a thread that may be left behind.

    A mount whose server is gone (NFS, a failed disk) holds whoever asks it, unkillably. Such a mount is reported as
    `node_filesystem_device_error` 1 and is not asked again before the thread that waits for it comes back.
    """

    def __init__(self, root: Path, *, patience: float, ask: Asking = os.statvfs) -> None:
        self._root = root
        self._patience = patience
        self._ask = ask
        self._held: dict[str, Thread] = {}

    def look(self, mounts: Sequence[Mount]) -> Figures:
        """Figures of all mounts. Blocks for `patience` seconds in all, plus what healthy mounts need."""
        self._held = {place: thread for place, thread in self._held.items() if thread.is_alive()}
        answers = self._answers([mount for mount in mounts if mount.mountpoint not in self._held])
        for mount in mounts:
            yield from _figures(mount, answers.get(mount.mountpoint))

    def _answers(self, mounts: Sequence[Mount]) -> dict[str, os.statvfs_result]:
        answers: dict[str, os.statvfs_result] = {}
        until = monotonic() + self._patience
        waiting = list(mounts)
        while waiting:
            walk = _Walk(self._root, waiting, self._ask)
            walk.thread.start()
            walk.thread.join(max(0.0, until - monotonic()))
            answers.update(walk.answers)
            if not walk.thread.is_alive():
                break
            walk.left_behind = True
            self._held[waiting[walk.position].mountpoint] = walk.thread
            waiting = waiting[walk.position + 1 :]
            until = max(until, monotonic() + self._patience / 10)  # those behind it get their chance too
        return answers


class _Walk:
    """One thread's way through the mounts."""

    def __init__(self, root: Path, mounts: Sequence[Mount], ask: Asking) -> None:
        self.answers: dict[str, os.statvfs_result] = {}
        self.position = 0
        self.left_behind = False
        self.thread = Thread(target=self._run, args=(root, mounts, ask), name="filesystems", daemon=True)

    def _run(self, root: Path, mounts: Sequence[Mount], ask: Asking) -> None:
        for self.position, mount in enumerate(mounts):
            try:
                answer = ask(root / mount.mountpoint.lstrip("/"))
            except OSError:
                answer = None
            if self.left_behind:
                return
            if answer:
                self.answers[mount.mountpoint] = answer


def _figures(mount: Mount, answer: os.statvfs_result | None) -> Figures:
    labels = {"device": mount.device, "fstype": mount.fstype, "mountpoint": mount.mountpoint}
    yield "node_filesystem_device_error", labels, float(answer is None)
    yield "node_filesystem_readonly", labels, float(mount.readonly)
    if answer is not None:
        yield "node_filesystem_size_bytes", labels, float(answer.f_blocks * answer.f_frsize)
        yield "node_filesystem_free_bytes", labels, float(answer.f_bfree * answer.f_frsize)
        yield "node_filesystem_avail_bytes", labels, float(answer.f_bavail * answer.f_frsize)
        yield "node_filesystem_files", labels, float(answer.f_files)
        yield "node_filesystem_files_free", labels, float(answer.f_ffree)
