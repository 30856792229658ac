"""What a machine lacks is skipped with the reason, and fails in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
TEST = """
import pytest

@pytest.mark.engine("no-such-program")
def test_lacks():
    raise AssertionError("ran without its engine")

@pytest.mark.engine("bash")
def test_has():
    pass
"""


@pytest.mark.parametrize(
    ("ci", "exit_code", "expected"),
    [
        pytest.param("", 0, "1 passed, 1 skipped", id="at home it is skipped"),
        pytest.param("true", 1, "1 passed, 1 error", id="in CI it fails"),
    ],
)
def test_a_missing_engine(ci: str, exit_code: int, expected: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "test_it.py").write_text(TEST, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    engine(name): x\n", encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rsE", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == exit_code, done.stdout + done.stderr
    assert expected in done.stdout
    assert "no-such-program not installed" in done.stdout
