"""A Docker daemon of a test's own: its socket, images and networks lie in a temporary folder and end with it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 30
STOP_SECONDS = 30


class Dockerd:
    """A running daemon, and the client that speaks to it alone."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "docker.sock"
        self.log = folder / "dockerd.log"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to find this daemon; the classic builder, because Debian's has no other."""
        return {**os.environ, "DOCKER_HOST": f"unix://{self.socket}", "DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0"}

    def start(self) -> None:
        """Start the daemon and return when it answers. It leaves the machine's firewall and default bridge alone."""
        command = [
            "dockerd",
            f"--host=unix://{self.socket}",
            f"--data-root={self._folder / 'data'}",
            f"--exec-root={self._folder / 'exec'}",
            f"--pidfile={self._folder / 'dockerd.pid'}",
            "--storage-driver=overlay2",
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
        ]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_SECONDS
        while self.run("version", check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"dockerd did not start:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End every container and the daemon, and remove what it kept."""
        if self._process and self._process.poll() is None:
            containers = self.run("ps", "--all", "--quiet").stdout.split()
            if containers:
                self.run("rm", "--force", "--volumes", *containers)
            for network in self.run("network", "ls", "--quiet", "--filter", "type=custom").stdout.split():
                self.run("network", "rm", network, check=False)
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(STOP_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, *arguments: str, check: bool = True, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run the docker client; a failure raises with what it said."""
        return self.command("docker", *arguments, check=check, timeout=timeout)

    def command(
        self, *command: str, check: bool = True, timeout: float = 300, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run any program that finds its daemon by `DOCKER_HOST`."""
        done = subprocess.run(
            command, env={**self.environment, **variables}, cwd=cwd, capture_output=True, text=True, check=False, timeout=timeout
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done


@contextmanager
def dockerd(folder: Path) -> Iterator[Dockerd]:
    """A daemon for the time of a `with`. `folder` must be short: a socket's path has at most 107 characters."""
    daemon = Dockerd(folder)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()
