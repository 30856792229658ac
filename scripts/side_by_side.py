"""Runs every test in two processes: what starts whole programs and browsers beside everything else. Called by `make test`.

That keeps two cores busy, and no two browsers fight for them. Arguments are given to pytest, which then runs in one process.
What the programs' tests say comes when both have ended. One that fails is enough for the whole to fail.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = "tests/e2e"
PYTEST = [sys.executable, "-m", "pytest"]


def main(chosen: list[str]) -> int:
    if chosen:
        return _begin(chosen).wait()
    with tempfile.TemporaryFile() as said:
        programs = _begin([PROGRAMS], said)
        rooms = _begin([f"--ignore={PROGRAMS}"])
        try:
            codes = rooms.wait(), programs.wait()
        finally:
            for one in (rooms, programs):
                _end(one)
            said.seek(0)
            sys.stdout.write(said.read().decode(errors="replace"))
    return next((code for code in codes if code), 0)


def _begin(arguments: list[str], output: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    errors = subprocess.STDOUT if output else None
    return subprocess.Popen([*PYTEST, *arguments], cwd=ROOT, stdout=output, stderr=errors)  # noqa: S603 - pytest itself


def _end(tests: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C does, so that they end what they have started."""
    if tests.poll() is None:
        tests.send_signal(signal.SIGINT)
        tests.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
