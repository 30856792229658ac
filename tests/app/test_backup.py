"""What `gwanje restore` refuses, and what it brings back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gwanje.app import lock
from gwanje.app.backup import restore
from gwanje.errors import GwanjeError, InUse


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A backup of one file."""
    folder = tmp_path / "source"
    (folder / "rules").mkdir(parents=True)
    (folder / "rules" / "own.yaml").write_text("rules: []\n")
    (folder / "backup.json").write_text(json.dumps({"version": 1, "gwanje": "0.1", "at": "2026-11-21T05:00:00+00:00"}))
    return folder


def test_a_backup_comes_back_into_a_new_folder(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert restore(tmp_path / "new", source) == 0
    assert (tmp_path / "new" / "rules" / "own.yaml").read_text() == "rules: []\n"
    assert not (tmp_path / "new" / "backup.json").exists()
    assert "2026-11-21T05:00:00" in capsys.readouterr().out


def test_a_folder_that_holds_something_is_left_alone(source: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(GwanjeError, match="not empty"):
        restore(tmp_path, source)
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "rules").exists()


def test_a_folder_in_use_is_left_alone(source: Path, tmp_path: Path) -> None:
    with lock.hold(tmp_path / "used", "gwanje up"), pytest.raises(InUse, match="gwanje up"):
        restore(tmp_path / "used", source)
    assert not (tmp_path / "used" / "rules").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "no backup of gwanje", id="empty"),
        pytest.param('{"version": 2, "gwanje": "9.0"}', "made by gwanje 9.0", id="of a later version"),
    ],
)
def test_what_is_no_backup_is_refused(source: Path, tmp_path: Path, text: str, problem: str) -> None:
    (source / "backup.json").write_text(text)
    with pytest.raises(GwanjeError, match=problem):
        restore(tmp_path / "new", source)
    assert not (tmp_path / "new").exists()
