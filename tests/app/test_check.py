"""`gwanje check`: what it says of what people wrote on the page."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Connection

from gwanje import kinds
from gwanje.app import check
from gwanje.keep.state import page_rules, page_settings, sqlite
from gwanje.keep.state.revised import Word

HOT = {"name": "hot", "metric": "heat", "critical": "> 90"}
KIM = Word("kim", datetime(2026, 3, 1, tzinfo=UTC))


@contextmanager
def _state(folder: Path) -> Iterator[Connection]:
    state = sqlite.create(sqlite.Settings(), kinds.World(folder))
    state.migrate()
    with state.write() as connection:
        yield connection
    state.close()


def test_a_rule_of_the_page_whose_name_a_file_has_taken_is_named_with_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gwanje.yaml").write_text("{}", encoding="utf-8")
    assert check.run(tmp_path, deps=False) == 0
    assert not (tmp_path / "state").exists()
    with _state(tmp_path) as connection:
        page_rules.put(connection, "hot", yaml.safe_dump(HOT), enabled=True, revision=None, word=KIM)
    assert check.run(tmp_path, deps=False) == 0
    assert "written on the page: rule hot\n" in capsys.readouterr().out
    (tmp_path / "gwanje.yaml").write_text(yaml.safe_dump({"rules": [HOT]}), encoding="utf-8")
    assert check.run(tmp_path, deps=False) == 0
    said = capsys.readouterr().out
    assert "rule hot of the page does not count: gwanje.yaml:2 has a rule of this name; it counts, and this one is kept" in said
    assert "written on the page: nothing that counts\n" in said


def test_settings_of_the_page_are_named_and_those_that_do_not_count_with_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gwanje.yaml").write_text("windows: [{name: nights}]", encoding="utf-8")
    with _state(tmp_path) as connection:
        for name in ("days", "nights"):
            page_settings.put(connection, ("window", name), f"name: {name}", sealed={}, revision=None, word=KIM)
    assert check.run(tmp_path, deps=False) == 0
    said = capsys.readouterr().out
    assert "  written on the page: window days\n" in said
    assert "  nobody is told; alerts are shown on the page only\n" in said
    assert "  window nights of the page does not count: gwanje.yaml has a window of this name, which counts" in said


def test_without_a_database_that_can_be_read_the_page_is_not_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gwanje.yaml").write_text("{}", encoding="utf-8")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.db").write_bytes(b"no database at all, and longer than nothing" * 40)
    assert check.run(tmp_path, deps=False) == 0
    assert "written on the page: not looked at; state cannot be read now" in capsys.readouterr().out
