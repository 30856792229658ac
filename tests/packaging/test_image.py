"""The image and the compose file, for real: built without a network, started by docker-compose on a daemon of the test's own."""

from __future__ import annotations

import json
import platform
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import base_image, require
from tests.engines.dockerd import Dockerd, dockerd
from tests.packaging.wheels import run

pytestmark = [pytest.mark.e2e, pytest.mark.engine("containers", "base image")]

HEALTHY_SECONDS = 60
STOP_SECONDS = 10
IMAGE_BYTES = 900 * 2**20


@pytest.fixture(scope="module")
def docker() -> Iterator[Dockerd]:
    require("containers")
    with dockerd(Path(tempfile.mkdtemp(prefix="gw-"))) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def image(docker: Dockerd, dist: Path) -> str:
    """The image of the clean copy. Its build has no network: base, wheels and page come with the context."""
    require("base image")
    docker.run("import", str(base_image()), "base")
    version = docker.run(
        "run", "--rm", "base", "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"
    ).stdout.strip()
    context = dist.parent
    _download_wheels(context, version)
    docker.run("build", "--network=none", "--build-arg=BASE=base", "--tag=gwanje", str(context), timeout=600)
    return "gwanje"


def _download_wheels(context: Path, version: str) -> None:
    locks = [f"--requirement={context / 'requirements' / name}" for name in ("server.txt", "build.txt")]
    target = ["--dest", str(context / "wheels"), "--python-version", version, "--only-binary=:all:"]
    run([sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", *target, *locks])


@dataclass(frozen=True)
class Composed:
    """The one machine of compose.yaml, running."""

    docker: Dockerd
    folder: Path
    port: int

    def compose(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        group = self.docker.socket.stat().st_gid
        return self.docker.command(
            "docker-compose",
            "--project-name=gw",
            *arguments,
            cwd=self.folder,
            PORT=str(self.port),
            DOCKER_SOCKET=str(self.docker.socket),
            DOCKER_GID=str(group),
            MACHINE_NAME="web-1",
        )

    @cached_property
    def container(self) -> str:
        return self.compose("ps", "--quiet", "gwanje").stdout.strip()

    def state(self) -> dict[str, Any]:
        (inspected,) = json.loads(self.docker.run("inspect", self.container).stdout)
        state: dict[str, Any] = inspected["State"]
        return state

    def until(self, reached: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > deadline or not self.state()["Running"]:
                pytest.fail(
                    f"{what} not within {seconds} s:\n{self.state()}\n{self.compose('logs', '--no-color').stdout[-3000:]}"
                )
            time.sleep(0.25)

    def until_healthy(self) -> None:
        self.until(lambda: self.state()["Health"]["Status"] == "healthy", HEALTHY_SECONDS, "healthy")


@pytest.fixture(scope="module")
def composed(docker: Dockerd, image: str, dist: Path) -> Iterator[Composed]:
    require("docker-compose")
    folder = docker.socket.parent / "compose"
    folder.mkdir()
    shutil.copy(dist.parent / "compose.yaml", folder)
    machine = Composed(docker, folder, _free_port())
    machine.compose("up", "--detach", "--no-build")
    machine.until_healthy()
    yield machine
    machine.compose("down", "--volumes")


def test_the_image_runs_the_command_as_nobody_in_particular(docker: Dockerd, image: str) -> None:
    (inspected,) = json.loads(docker.run("image", "inspect", image).stdout)
    settings = inspected["Config"]

    print(f"image: {inspected['Size'] / 2**20:.0f} MiB")
    assert docker.run("run", "--rm", image, "version").stdout.strip() == "0.1.0"
    assert settings["User"] == "10001:10001"
    assert settings["ExposedPorts"] == {"8080/tcp": {}}
    assert settings["Volumes"] == {"/data": {}}
    assert settings["Cmd"] == ["up", "/data"]
    assert inspected["Size"] < IMAGE_BYTES


def test_the_image_holds_no_tools_of_its_making(docker: Dockerd, image: str) -> None:
    found = docker.run(
        "run", "--rm", "--entrypoint=find", image, "/opt", "/build", "/root", "-name", "*.whl", "-o", "-name", "node", check=False
    )

    assert found.stdout == ""


def test_the_page_answers_on_this_machine_only(composed: Composed) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{composed.port}/", timeout=30) as answer:
        page = answer.read().decode()

    assert "<script" in page
    assert json.loads(composed.docker.run("inspect", composed.container).stdout)[0]["NetworkSettings"]["Ports"] == {
        "8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(composed.port)}]
    }


def test_the_process_is_not_root_and_owns_only_its_data(composed: Composed) -> None:
    script = (
        "import os; print(os.getuid(), os.access('/data', os.W_OK), os.access('/opt/gwanje', os.W_OK), os.access('/', os.W_OK))"
    )
    said = composed.docker.run("exec", composed.container, "python", "-c", script).stdout.split()

    assert said == ["10001", "True", "False", "False"]


def test_it_measures_the_host_and_not_its_own_box(composed: Composed) -> None:
    interfaces = {name for name in _names("/sys/class/net") if not name.startswith(("lo", "veth", "br-"))}

    def seen() -> str:
        return composed.docker.run(
            "exec", composed.container, "gwanje", "query", "node_network_receive_bytes_total", "/data", check=False
        ).stdout

    composed.until(lambda: "node_network_receive_bytes_total" in seen(), 30, "numbers of the host")
    found = seen()
    assert {name for name in interfaces if f'device="{name}"' not in found} == set()
    assert 'host="web-1"' in found
    assert platform.node() not in found


def test_it_knows_its_own_container_by_name(composed: Composed) -> None:
    assert stat.S_ISSOCK(composed.docker.socket.stat().st_mode)

    def seen() -> str:
        return composed.docker.run(
            "exec", composed.container, "gwanje", "query", "container_start_time_seconds", "/data", check=False
        ).stdout

    composed.until(lambda: 'name="gw_gwanje_1"' in seen(), 30, "its own container")


def test_it_stops_cleanly_within_ten_seconds_and_keeps_its_data(composed: Composed) -> None:
    container = composed.container
    before = composed.docker.run("exec", container, "ls", "/data").stdout

    began = time.monotonic()
    composed.docker.run("stop", "--time=30", container)
    took = time.monotonic() - began

    (stopped,) = json.loads(composed.docker.run("inspect", container).stdout)
    print(f"stopped in {took:.1f} s")
    assert took < STOP_SECONDS
    assert stopped["State"]["ExitCode"] == 0

    composed.docker.run("start", container)
    composed.until_healthy()
    assert composed.docker.run("exec", container, "ls", "/data").stdout == before


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


def _names(folder: str) -> list[str]:
    return [path.name for path in Path(folder).iterdir()]
