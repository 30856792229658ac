"""A real container engine with one image, and what the probes' tests ask of a reading."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.dockerd import Dockerd, dockerd

IMAGE = "busybox:test"
_APPLETS = ("sh", "dd", "httpd", "kill", "sleep", "touch", "wget")


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dockerd]:
    """A daemon of its own with the image `busybox:test`; for tests marked `engine("containers")`."""
    folder = tmp_path_factory.mktemp("dockerd")
    with dockerd(folder) as daemon:
        archive = tmp_path_factory.mktemp("image") / "busybox.tar"
        archive.write_bytes(_busybox())
        daemon.run("import", str(archive), IMAGE)
        yield daemon
    _remove_with_mounts(folder)


def _remove_with_mounts(folder: Path) -> None:
    """A container on the host's network leaves a mount behind, over which nobody can clear the folder away."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    for mount in sorted((one for one in mounts if one.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", mount], check=True)
    shutil.rmtree(folder, ignore_errors=True)


def _busybox() -> bytes:
    busybox = shutil.which("busybox")
    assert busybox
    assert "not a dynamic" in subprocess.run(["ldd", busybox], capture_output=True, text=True, check=False).stderr, (
        "needs busybox-static"
    )
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(busybox, "bin/busybox")
        for applet in _APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return archive.getvalue()
