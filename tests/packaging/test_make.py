"""`make` is the door of the project: it tells what it can do, and does nothing twice."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROMISED = {"up", "test", "setup", "check", "bench", "engines", "lock", "clean", "reference", "wheel", "help"}


def test_make_alone_lists_every_target_with_a_line_about_it() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    lines = dict(re.findall(r"^  make (\w+) +(\S.*)$", listed, flags=re.MULTILINE))
    phony = set(re.findall(r"^\.PHONY: (\w+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert set(lines) == phony == PROMISED


@pytest.mark.parametrize("how", ["environment", "argument"])
def test_the_python_that_is_named_is_what_setup_takes(how: str) -> None:
    command, named = ["make", "--eval", 'show: ; @echo "$$PYTHON"', "show"], "/opt/my python/bin/python3"
    environment = {**os.environ, "PYTHON": named} if how == "environment" else None
    command += [f"PYTHON={named}"] if how == "argument" else []

    assert subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout == f"{named}\n"


def test_a_python_that_cannot_be_taken_is_said(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(ROOT / "scripts" / "venv.sh", tmp_path / "scripts")

    done = subprocess.run([script], env={**os.environ, "PYTHON": "/no/python here"}, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert "PYTHON=/path/to/python3 make setup" in done.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.e2e
def test_a_second_setup_is_over_in_two_seconds() -> None:
    subprocess.run(["make", "setup"], cwd=ROOT, capture_output=True, check=True)
    stamp = (ROOT / ".venv" / ".project").stat().st_mtime_ns

    def again() -> float:
        began = time.perf_counter()
        done = subprocess.run(["make", "setup"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout == ""
        return time.perf_counter() - began

    # A machine with other things to do may be slow once; a setup that does its work again is slow each time.
    assert any(again() < 2 for _ in range(3))
    assert (ROOT / ".venv" / ".project").stat().st_mtime_ns == stamp


@pytest.mark.parametrize("script", [*sorted((ROOT / "scripts").glob("*.sh")), ROOT / ".ci" / "run"], ids=lambda path: path.name)
def test_scripts_stop_at_the_first_failure_and_parse(script: Path) -> None:
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")
    assert script.stat().st_mode & 0o111, f"{script.name} is not executable"
    subprocess.run(["bash", "-n", script], check=True)
