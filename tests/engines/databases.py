"""Database servers of a test's own: a process on a free port of loopback, its data in a temporary folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pymysql

from tests.engines.metrics import free_port

START_SECONDS = 60
_POSTGRES_FOLDERS = Path("/usr/lib/postgresql")


def postgresql_program(name: str) -> str:
    """A program of the newest PostgreSQL that Debian has put here; empty where there is none."""
    found = sorted(_POSTGRES_FOLDERS.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    return str(found[-1]) if found else shutil.which(name) or ""


@contextmanager
def mariadb() -> Iterator[str]:
    """MariaDB with an empty database; the address of that database."""
    with _folder() as folder:
        port, data = free_port(), folder / "data"
        as_root = ["--user=root"] if os.geteuid() == 0 else []
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
        _done([*install, "--skip-test-db", *as_root], folder)
        command = [
            "mariadbd",
            "--no-defaults",
            f"--datadir={data}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--socket={folder}/socket",
            f"--pid-file={folder}/pid",
            "--innodb-buffer-pool-size=64M",
            "--performance-schema=OFF",
            *as_root,
        ]

        def ready() -> None:
            with pymysql.connect(host="127.0.0.1", port=port, user="root") as connection, connection.cursor() as cursor:
                # As Debian's servers come: texts are compared without regard to case unless we say otherwise.
                cursor.execute("CREATE DATABASE IF NOT EXISTS gwanje CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")

        with _running(command, folder, ready, pymysql.Error):
            yield f"mariadb://root@127.0.0.1:{port}/gwanje"


@contextmanager
def postgresql() -> Iterator[str]:
    """PostgreSQL with an empty database; its address."""
    with _folder() as folder:
        port, data = free_port(), folder / "data"
        as_other: list[str] = []
        if os.geteuid() == 0:  # it refuses to run as root
            as_other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            shutil.chown(folder, "postgres", "postgres")
        init = [postgresql_program("initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        _done([*as_other, *init, "--locale=C.UTF-8"], folder)
        options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "max_connections": 60}
        given = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = [*as_other, postgresql_program("postgres"), "-D", str(data), *given]

        def ready() -> None:
            with psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", autocommit=True) as connection:
                if connection.execute("SELECT 1 FROM pg_database WHERE datname = 'gwanje'").fetchone() is None:
                    connection.execute("CREATE DATABASE gwanje")

        with _running(command, folder, ready, psycopg.Error, stop=signal.SIGINT):
            yield f"postgresql://postgres@127.0.0.1:{port}/gwanje"


@contextmanager
def _folder() -> Iterator[Path]:
    """A short path, because sockets lie in it, that another user may enter."""
    with tempfile.TemporaryDirectory(prefix="gwanje-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _done(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, capture_output=True, check=False, timeout=120, cwd=folder)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{(done.stdout + done.stderr).decode(errors='replace')[-3000:]}")


@contextmanager
def _running(
    command: Sequence[str],
    folder: Path,
    ready: Callable[[], None],
    not_yet: type[Exception],
    *,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[None]:
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                ready()
                break
            except not_yet:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-3000:]}") from None
                time.sleep(0.1)
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
