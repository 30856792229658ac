"""A file system that hangs holds nobody up, is told as failed, and is asked again when it comes back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from gwanje.collect.probes.filesystems import Filesystems
from gwanje.collect.probes.procfs import Mount


def mount(mountpoint: str, *, readonly: bool = False) -> Mount:
    return Mount("254:0", "/", mountpoint, "ext4", "/dev/vda", readonly=readonly)


class Kernel:
    """Answers for every path, but holds whoever asks for one below `/nas` until its server is back."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.server_back = Event()

    def statvfs(self, path: Path) -> os.statvfs_result:
        self.asked.append(str(path))
        if "nas" in path.name:
            self.server_back.wait()
        if path.name == "gone":
            raise OSError(2, "No such file or directory")
        return os.statvfs_result((4096, 1024, 1000, 600, 500, 64, 32, 32, 0, 255))


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    kernel = Kernel()
    yield kernel
    kernel.server_back.set()


def errors(filesystems: Filesystems, *mountpoints: str) -> dict[str, float]:
    figures = filesystems.look([mount(one) for one in mountpoints])
    return {labels["mountpoint"]: value for metric, labels, value in figures if metric == "node_filesystem_device_error"}


def test_sizes_are_counted_in_fragments_and_available_is_what_users_get(kernel: Kernel) -> None:
    figures = list(Filesystems(Path("/host"), patience=5, ask=kernel.statvfs).look([mount("/srv", readonly=True)]))

    labels = {"device": "/dev/vda", "fstype": "ext4", "mountpoint": "/srv"}
    assert figures == [
        ("node_filesystem_device_error", labels, 0),
        ("node_filesystem_readonly", labels, 1),
        ("node_filesystem_size_bytes", labels, 1000 * 1024),
        ("node_filesystem_free_bytes", labels, 600 * 1024),
        ("node_filesystem_avail_bytes", labels, 500 * 1024),
        ("node_filesystem_files", labels, 64),
        ("node_filesystem_files_free", labels, 32),
    ]
    assert kernel.asked == ["/host/srv"]


def test_one_that_cannot_be_asked_is_told_as_failed_and_hides_no_other(kernel: Kernel) -> None:
    filesystems = Filesystems(Path("/"), patience=5, ask=kernel.statvfs)

    assert errors(filesystems, "/a", "/gone", "/b") == {"/a": 0, "/gone": 1, "/b": 0}


def test_one_that_hangs_is_left_behind_and_those_after_it_are_asked(kernel: Kernel) -> None:
    filesystems = Filesystems(Path("/"), patience=0.2, ask=kernel.statvfs)

    assert errors(filesystems, "/a", "/nas", "/b", "/nas2", "/c") == {"/a": 0, "/nas": 1, "/b": 0, "/nas2": 1, "/c": 0}


def test_one_that_hangs_is_not_asked_again_before_it_came_back(kernel: Kernel) -> None:
    filesystems = Filesystems(Path("/"), patience=0.2, ask=kernel.statvfs)
    errors(filesystems, "/nas")

    assert errors(filesystems, "/a", "/nas") == {"/a": 0, "/nas": 1}
    assert kernel.asked == ["/nas", "/a"]

    waiting = filesystems._held["/nas"]
    kernel.server_back.set()
    waiting.join(timeout=10)
    assert errors(filesystems, "/a", "/nas") == {"/a": 0, "/nas": 0}
