"""`gwanje check`: what it says of rules of the page whose names files have taken."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from gwanje import kinds
from gwanje.app import check
from gwanje.keep.state import page_rules, sqlite
from gwanje.keep.state.page_rules import Word

HOT = {"name": "hot", "metric": "heat", "critical": "> 90"}


def test_a_rule_of_the_page_whose_name_a_file_has_taken_is_named_with_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gwanje.yaml").write_text("{}", encoding="utf-8")
    assert check.run(tmp_path, deps=False) == 0
    assert not (tmp_path / "state").exists()
    state = sqlite.create(sqlite.Settings(), kinds.World(tmp_path))
    state.migrate()
    with state.write() as connection:
        word = Word("kim", datetime(2026, 3, 1, tzinfo=UTC))
        page_rules.put(connection, "hot", yaml.safe_dump(HOT), enabled=True, revision=None, word=word)
    state.close()
    assert check.run(tmp_path, deps=False) == 0
    assert "set aside" not in capsys.readouterr().out
    (tmp_path / "gwanje.yaml").write_text(yaml.safe_dump({"rules": [HOT]}), encoding="utf-8")
    assert check.run(tmp_path, deps=False) == 0
    assert "rule hot of the page is set aside: gwanje.yaml:2 has its name" in capsys.readouterr().out
