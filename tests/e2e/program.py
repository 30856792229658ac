"""The real program, started as a user starts it, on a free port, and ended by its id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

PASSWORD = "correct horse battery"
USER = "kim"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command(*arguments: str | Path, env: Mapping[str, str] | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """One command of gwanje, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "gwanje.cli", *map(str, arguments)],
        env=_environment(env or {}),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class Program:
    """`gwanje up FOLDER`. May be killed and started again on the same folder and port."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {"PORT": str(self.port), **env}
        self.said = ""
        """What the starts before this one said beyond their first line."""
        self._process: subprocess.Popen[str] | None = None
        self._cookies: httpx.Cookies | None = None
        self._starts = 0

    def start(self) -> float:
        """Start and wait until it is ready; seconds that took."""
        self._starts += 1
        began = time.monotonic()
        with (self.folder.parent / f"{self.folder.name}.{self._starts}.log").open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gwanje.cli", "up", str(self.folder)],
                env=_environment(self.env),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        assert first.startswith("gwanje is at"), f"{first!r} {self.log}"
        wait_until(self._is_ready, 60, "ready")
        return time.monotonic() - began

    def token(self) -> str:
        """The token of the one-time link, from the second line that a start on a fresh folder says."""
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.readline().partition("welcome?token=")[2].strip()

    def sign_in(self, name: str) -> None:
        """Later requests are this user's."""
        answer = httpx.post(f"{self.url}/api/session", json={"name": name, "password": PASSWORD}, timeout=30)
        assert answer.status_code == HTTPStatus.OK, answer.text
        self._cookies = answer.cookies

    def first_user(self) -> None:
        """Make the first user by the one-time link; later requests are theirs."""
        given = {"token": self.token(), "name": USER, "password": PASSWORD}
        answer = httpx.post(f"{self.url}/api/first-user", json=given, timeout=30)
        assert answer.status_code == HTTPStatus.OK, answer.text
        self._cookies = answer.cookies

    def get(self, path: str, **params: str) -> Any:
        """What the API says to the first user."""
        answer = httpx.get(f"{self.url}{path}", params=params, cookies=self._cookies, timeout=30)
        assert answer.status_code == HTTPStatus.OK, f"{path} {urlencode(params)}: {answer.status_code} {answer.text}"
        return answer.json()

    def post(self, path: str) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", headers={"Origin": self.url}, cookies=self._cookies, timeout=60)

    def value(self, query: str) -> float | None:
        """The only value of a PromQL query."""
        found = self.get("/api/v1/query", query=query)["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    def key(self, *scopes: str) -> str:
        """A new key, by the command."""
        made = command("key", "create", "--name", "e2e", "--scope", ",".join(scopes), self.folder, env=self.env)
        assert made.returncode == 0, made.stderr
        return made.stdout.splitlines()[-1]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What the last start wrote to its log on the terminal."""
        return (self.folder.parent / f"{self.folder.name}.{self._starts}.log").read_text()

    def kill(self) -> None:
        """As a power cut would, without a word."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)
        self._close()

    def stop(self) -> tuple[int, float]:
        """Ctrl-C; exit code and seconds to the end."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait(60)
        self._close()
        return code, time.monotonic() - began

    def end(self) -> None:
        """Leave nothing running."""
        if self._process and self._process.poll() is None:
            self.kill()

    def _close(self) -> None:
        assert self._process is not None
        if self._process.stdout:
            self.said += self._process.stdout.read()
            self._process.stdout.close()

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"it ended by itself: {self.log}"
        try:
            return httpx.get(f"{self.url}/readyz").status_code == HTTPStatus.OK
        except httpx.TransportError:
            return False


def wait_until(holds: Any, seconds: float, what: str) -> Any:
    """The first true value of `holds`; an error naming what did not come otherwise."""
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GWANJE_", "SLACK_", "TARGET_"))}
    return {**inherited, "PYTHONUNBUFFERED": "1", **more}
