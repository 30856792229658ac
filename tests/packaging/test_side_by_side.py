"""Tests run in two processes: everything is in one of them, and no failure is lost."""

from __future__ import annotations

import sys

import pytest

from scripts import side_by_side

STAND_IN = "import sys; print(sys.argv[1:]); sys.exit({}) if 'tests/e2e' in sys.argv else sys.exit({})"


def _stand_in(monkeypatch: pytest.MonkeyPatch, programs: str = "0", rooms: str = "0") -> None:
    monkeypatch.setattr(side_by_side, "PYTEST", [sys.executable, "-c", STAND_IN.format(programs, rooms)])


def test_what_starts_programs_runs_beside_all_the_rest(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _stand_in(monkeypatch)
    assert side_by_side.main([]) == 0
    assert capfd.readouterr().out.splitlines() == ["['--ignore=tests/e2e']", "['tests/e2e']"]


@pytest.mark.parametrize(
    ("programs", "rooms"),
    [
        pytest.param("1", "0", id="in a program"),
        pytest.param("0", "2", id="in a room"),
        pytest.param("__import__('os').kill(__import__('os').getpid(), 9)", "0", id="killed by a signal"),
    ],
)
def test_a_failure_on_either_side_fails_the_whole(monkeypatch: pytest.MonkeyPatch, programs: str, rooms: str) -> None:
    _stand_in(monkeypatch, programs, rooms)
    assert side_by_side.main([]) != 0


def test_chosen_tests_run_in_one_process(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    _stand_in(monkeypatch, rooms="3")
    assert side_by_side.main(["-q", "tests/wire"]) == 3
    assert capfd.readouterr().out.splitlines() == ["['-q', 'tests/wire']"]
