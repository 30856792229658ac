"""Rooms say what they are for, before anything else in them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"
MODULES = [path for path in sorted(SOURCE.rglob("*.py")) if "versions" not in path.parts]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_module_begins_with_what_it_is_for(module: Path) -> None:
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))

    assert text, f"{module.relative_to(SOURCE)} has no docstring"
    assert text.splitlines()[0].rstrip().endswith((".", ":", "?")), f"{module.relative_to(SOURCE)}: the first line is no sentence"


def test_every_folder_with_python_is_a_package() -> None:
    folders = {module.parent for module in MODULES if module.parent.name != "migrations"}  # Alembic loads those by path

    assert [str(folder.relative_to(SOURCE)) for folder in folders if not (folder / "__init__.py").is_file()] == []
