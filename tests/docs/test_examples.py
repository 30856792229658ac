"""Pieces of configuration in the documentation are right, as `gwanje check` would say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from gwanje.app import folder
from gwanje.app.folder import Main

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("tools.md", "alerts.md", "rules.md")


def _pieces(page: Path) -> list[str]:
    """The blocks of YAML that are parts of gwanje.yaml; others belong to other programs."""
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [
        block for block in blocks if isinstance(read := yaml.safe_load(block), dict) and read.keys() <= Main.model_fields.keys()
    ]


@pytest.mark.parametrize("piece", [piece for page in PAGES for piece in _pieces(DOCS / page)])
def test_an_example_is_right(piece: str, tmp_path: Path) -> None:
    (tmp_path / "gwanje.yaml").write_text(piece, encoding="utf-8")
    folder.read(tmp_path)


def test_the_examples_are_found() -> None:
    assert all(len(_pieces(DOCS / page)) >= 3 for page in PAGES)
