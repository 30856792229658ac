"""Tests run in two processes: everything is in one of them, and no failure is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import side_by_side

Said = pytest.CaptureFixture[str]

PASSES = "def test_passes(): pass"
FAILS = "def test_fails(): assert False"
FAILS_ONCE = """
from pathlib import Path

def test_fails_once():
    been = Path("been")
    first = not been.exists()
    been.touch()
    assert not first
"""
DIES = "def test_dies(): __import__('os').kill(__import__('os').getpid(), 9)"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree of its own with one test of each half; what they are is written by the test."""
    monkeypatch.setattr(side_by_side, "ROOT", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    (tmp_path / side_by_side.PROGRAMS).mkdir(parents=True)


def _write(rooms: str, programs: str) -> None:
    (side_by_side.ROOT / "tests/test_room.py").write_text(rooms)
    (side_by_side.ROOT / side_by_side.PROGRAMS / "test_program.py").write_text(programs)


@pytest.mark.usefixtures("tree")
def test_what_starts_programs_runs_beside_all_the_rest(capfd: Said) -> None:
    _write(PASSES, PASSES)
    assert side_by_side.main([]) == 0
    said = capfd.readouterr().out
    assert said.count("1 passed") == 2
    assert said.index("tests/test_room.py") < said.index("tests/e2e/test_program.py")


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(
    ("rooms", "programs"),
    [
        pytest.param(PASSES, FAILS, id="in a program"),
        pytest.param(FAILS, PASSES, id="in a room"),
        pytest.param(PASSES, DIES, id="killed by a signal"),
        pytest.param(FAILS_ONCE, "import nowhere", id="not even read"),
        pytest.param(FAILS_ONCE, FAILS, id="one of two passes alone"),
    ],
)
def test_a_failure_on_either_side_fails_the_whole(rooms: str, programs: str) -> None:
    _write(rooms, programs)
    assert side_by_side.main([]) != 0


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(("rooms", "programs"), [(FAILS_ONCE, PASSES), (PASSES, FAILS_ONCE)])
def test_what_failed_beside_the_others_is_run_once_more_and_named(rooms: str, programs: str, capfd: Said) -> None:
    _write(rooms, programs)
    assert side_by_side.main([]) == 0
    again = capfd.readouterr().out.split("run again alone:")[1]
    assert "1 passed" in again
    assert "passed only alone:" in again
    assert again.count("test_fails_once") == 2


@pytest.mark.usefixtures("tree")
def test_many_failures_are_not_run_again(capfd: Said) -> None:
    _write(PASSES, "\n".join(FAILS_ONCE.replace("been", f"been{n}").replace("once", f"once{n}") for n in range(4)))
    assert side_by_side.main([]) != 0
    assert "again" not in capfd.readouterr().out


@pytest.mark.usefixtures("tree")
def test_chosen_tests_run_in_one_process(capfd: Said) -> None:
    _write(PASSES, FAILS)
    assert side_by_side.main(["-q", "tests/test_room.py"]) == 0
    assert "1 passed" in capfd.readouterr().out
