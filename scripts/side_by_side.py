"""Runs every test in two processes: what starts whole programs and browsers beside everything else. Called by `make test`.

That keeps two cores busy, and no two browsers fight for them. Arguments are given to pytest, which then runs in one process.
What the programs' tests say comes when both have ended. A few that failed are run once more, alone: a machine that stands still
for seconds is none of their business. What fails again has failed, and what does not is named.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = "tests/e2e"
MOST_AGAIN = 3
"""More failures than this have another cause than the machine."""
_TESTS_FAILED = 1
"""What pytest says when tests failed, and nothing else went wrong."""


@dataclass(frozen=True)
class Half:
    """One of the two processes' tests, and where pytest keeps which of them failed."""

    name: str
    arguments: tuple[str, ...]

    def begin(self, *more: str, output: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        errors = subprocess.STDOUT if output else None
        command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={self._cache}", *self.arguments, *more]
        return subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=errors)  # noqa: S603 - pytest itself

    def failed(self) -> list[str]:
        """The tests that failed in the last run."""
        kept = ROOT / self._cache / "v/cache/lastfailed"
        return sorted(json.loads(kept.read_text())) if kept.exists() else []

    @property
    def _cache(self) -> str:
        return f".pytest_cache/{self.name}"


def main(chosen: list[str]) -> int:
    if chosen:
        return Half("chosen", tuple(chosen)).begin().wait()
    rooms, programs = Half("rooms", (f"--ignore={PROGRAMS}",)), Half("programs", (PROGRAMS,))
    with tempfile.TemporaryFile() as said:
        running = [rooms.begin("--cache-clear"), programs.begin("--cache-clear", output=said)]
        try:
            codes = [one.wait() for one in running]
        finally:
            for one in running:
                _end(one)
            said.seek(0)
            sys.stdout.write(said.read().decode(errors="replace"))
            sys.stdout.flush()
    return _again([half for half, code in zip((rooms, programs), codes, strict=True) if code], codes)


def _again(halves: list[Half], codes: list[int]) -> int:
    """Run what failed once more, where that is little and nothing else went wrong."""
    failed = [test for half in halves for test in half.failed()]
    if not failed or len(failed) > MOST_AGAIN or any(code not in {0, _TESTS_FAILED} for code in codes):
        return _worst(codes)
    print("failed beside the others, run again alone:", *failed, sep="\n  ", flush=True)
    codes = [half.begin("--last-failed", "--last-failed-no-failures=none").wait() for half in halves]
    if not any(codes):
        print("passed only alone:", *failed, sep="\n  ", flush=True)
    return _worst(codes)


def _worst(codes: list[int]) -> int:
    """The first that is not good; below 0 for a signal."""
    return next((code for code in codes if code), 0)


def _end(tests: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C does, so that they end what they have started."""
    if tests.poll() is None:
        tests.send_signal(signal.SIGINT)
        tests.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
