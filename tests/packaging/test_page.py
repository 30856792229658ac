"""The page is built once for its sources, by the Node that comes from PyPI. On a page of one line, with the real npm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts import page

BUILD = """
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
mkdirSync('../src/gwanje/show/page', { recursive: true })
writeFileSync('../src/gwanje/show/page/index.html', readFileSync('index.html'))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project whose page is one line and needs no package."""
    web = tmp_path / "web"
    web.mkdir()
    package = {"name": "one-line", "version": "0.0.0", "private": True, "scripts": {"build": "node build.mjs"}}
    lock = {
        "name": "one-line",
        "version": "0.0.0",
        "lockfileVersion": 3,
        "requires": True,
        "packages": {"": {"name": "one-line"}},
    }
    (web / "package.json").write_text(json.dumps(package), encoding="utf-8")
    (web / "package-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    (web / "build.mjs").write_text(BUILD, encoding="utf-8")
    (web / "index.html").write_text("first", encoding="utf-8")
    (web / "node_modules").mkdir()
    return tmp_path


def test_the_page_is_built_only_when_its_sources_changed(tree: Path) -> None:
    built = tree / "src" / "gwanje" / "show" / "page" / "index.html"

    assert page.build(tree) is True
    assert built.read_text(encoding="utf-8") == "first"
    assert page.build(tree) is False

    (tree / "web" / "index.html").write_text("second", encoding="utf-8")
    assert page.build(tree) is True
    assert built.read_text(encoding="utf-8") == "second"

    built.unlink()
    assert page.build(tree) is True

    (tree / "web" / "old.css").write_text("", encoding="utf-8")
    assert page.build(tree) is True
    (tree / "web" / "old.css").unlink()
    assert page.build(tree) is True, "a removed source is a change, too"


def test_a_failing_build_shows_what_npm_said(tree: Path) -> None:
    (tree / "web" / "build.mjs").write_text("throw new Error('no such component')", encoding="utf-8")

    with pytest.raises(SystemExit, match="no such component"):
        page.build(tree)
    with pytest.raises(SystemExit):
        page.build(tree)
