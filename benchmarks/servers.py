"""The programs that are compared, each started on a free port of this machine in a folder of its own, and ended by its id."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager


@dataclass(frozen=True, slots=True)
class Server:
    """A program that answers: where, and what every request carries."""

    name: str
    port: int
    pid: int
    folder: Path
    headers: Mapping[str, str] = field(default_factory=dict)
    lines_path: str = "/write?db=bench"
    ready: float = 0
    """When it answered first, by the monotonic clock."""

    def connection(self, timeout: float = 120) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """One request on a connection of its own: status and body."""
        connection = self.connection()
        try:
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        """Processor time so far, the children that ended left out."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, which: str = "VmRSS") -> int:
        """Resident bytes now, or with `VmHWM` the most there ever were."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{which}:"):
                return int(line.split()[1]) << 10
        return 0

    def on_disk(self) -> int:
        """Bytes that the files of its folder take."""
        found = 0
        for path in self.folder.rglob("*"):
            try:
                found += path.stat().st_blocks * 512 if path.is_file() else 0
            except FileNotFoundError:  # it works on
                continue
        return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def gwanje(folder: Path, files: Mapping[str, str] | None = None) -> Iterator[Server]:
    """As a new user starts it: with the pack that brings rules. Or with a folder of these files."""
    port, own = free_port(), folder / "gwanje"
    for name, text in (files or {}).items():
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text(text, encoding="utf-8")
    cli = [sys.executable, "-m", "gwanje.cli"]
    with _process([*cli, "up", "--listen", f"127.0.0.1:{port}", str(own)], folder / "gwanje.log") as pid:
        _wait("gwanje", port, "/readyz")
        ready = time.monotonic()
        made = subprocess.run(
            [*cli, "key", "create", "--name", "bench", "--scope", "read,ingest", str(own)],
            capture_output=True,
            text=True,
            check=True,
        )
        yield Server("gwanje", port, pid, own, {"Authorization": f"Bearer {made.stdout.splitlines()[-1]}"}, ready=ready)


@contextmanager
def victoria_metrics(folder: Path) -> Iterator[Server]:
    """Result caches off, so that queries are worked on."""
    port, own = free_port(), folder / "victoria-metrics"
    flags = [f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={own}", "-retentionPeriod=12"]
    flags += ["-search.disableCache", "-search.latencyOffset=0s", "-search.maxUniqueTimeseries=1000000"]
    with _process([_program("victoria-metrics"), *flags], folder / "victoria-metrics.log") as pid:
        _wait("victoria-metrics", port, "/health")
        yield Server("VictoriaMetrics", port, pid, own)


@contextmanager
def prometheus(folder: Path, files: Mapping[str, str] | None = None) -> Iterator[Server]:
    """As a receiver of remote write that scrapes nothing. `files` lie beside each other; `prometheus.yml` is the settings."""
    port, own = free_port(), folder / "prometheus"
    own.mkdir()
    settings = own / "prometheus.yml"
    for name, text in {settings.name: "global: {}\n", **(files or {})}.items():
        (own / name).write_text(text, encoding="utf-8")
    flags = [f"--config.file={settings}", f"--storage.tsdb.path={own / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
    with _process([_program("prometheus"), *flags, "--web.enable-remote-write-receiver"], folder / "prometheus.log") as pid:
        _wait("prometheus", port, "/-/ready")
        yield Server("Prometheus", port, pid, own)


@contextmanager
def alertmanager(folder: Path, settings: str) -> Iterator[Server]:
    """By itself, without a cluster."""
    port, own = free_port(), folder / "alertmanager"
    own.mkdir()
    (own / "alertmanager.yml").write_text(settings, encoding="utf-8")
    flags = [f"--config.file={own / 'alertmanager.yml'}", f"--storage.path={own / 'data'}", "--cluster.listen-address="]
    with _process(
        [_program("prometheus-alertmanager"), *flags, f"--web.listen-address=127.0.0.1:{port}"], folder / "alertmanager.log"
    ) as pid:
        _wait("alertmanager", port, "/-/ready")
        yield Server("Alertmanager", port, pid, own)


@contextmanager
def influxd(folder: Path) -> Iterator[Server]:
    """With the database `bench`."""
    port, rpc, own = free_port(), free_port(), folder / "influxd"
    own.mkdir()
    settings = own / "influxdb.conf"
    settings.write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n[meta]\n  dir = "{own}/meta"\n'
        f'[data]\n  dir = "{own}/data"\n  wal-dir = "{own}/wal"\n  query-log-enabled = false\n'
        f'[http]\n  bind-address = "127.0.0.1:{port}"\n  log-enabled = false\n[monitor]\n  store-enabled = false\n',
        encoding="utf-8",
    )
    with _process([_program("influxd"), "-config", str(settings)], folder / "influxd.log") as pid:
        _wait("influxd", port, "/ping")
        server = Server("InfluxDB", port, pid, own)
        server.ask("POST", "/query?q=CREATE+DATABASE+bench")
        yield server


STARTS: Mapping[str, Callable[[Path], AbstractContextManager[Server]]] = {
    "gwanje": gwanje,
    "victoria-metrics": victoria_metrics,
    "prometheus": prometheus,
    "influxd": influxd,
}


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not on PATH; install it, or leave it out")
    return found


@contextmanager
def _process(command: Sequence[str], log: Path) -> Iterator[int]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(name: str, port: int, path: str) -> None:
    for _ in range(600):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status < http.HTTPStatus.MULTIPLE_CHOICES:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{name} does not answer at port {port}")
