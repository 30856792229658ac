"""Targets of files that change while they are watched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gwanje.collect.discovery.base import Target
from gwanje.collect.discovery.file import Files, Settings, create
from gwanje.kinds import World


def watched(folder: Path, *files: str) -> Files:
    return create(Settings(files=files, refresh_interval=timedelta(milliseconds=20)), World(folder))


def write(file: Path, text: str) -> None:
    """As those who write such files should: whole, under another name first."""
    new = file.with_name(f".{file.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


async def next_of(changes: AsyncIterator[Sequence[Target]]) -> list[tuple[str, str]]:
    """Address and rack of each target, after the next change."""
    async with asyncio.timeout(30):
        return [(target["__address__"], target.get("rack", "")) for target in await anext(changes)]


async def test_files_that_come_change_and_go_are_followed(tmp_path: Path) -> None:
    write(tmp_path / "a.json", '[{"targets": ["a:1", "a:2"], "labels": {"rack": "7"}}]')
    changes = watched(tmp_path, "*.json", "*.yaml").changes()
    assert await next_of(changes) == [("a:1", "7"), ("a:2", "7")]
    write(tmp_path / "b.yaml", "- targets: [b:1]\n  labels: {rack: 8}\n- targets: []\n")
    assert await next_of(changes) == [("a:1", "7"), ("a:2", "7"), ("b:1", "8")]
    write(tmp_path / "a.json", '[{"targets": ["a:3"]}]')
    assert await next_of(changes) == [("a:3", ""), ("b:1", "8")]
    (tmp_path / "a.json").unlink()
    assert await next_of(changes) == [("b:1", "8")]


async def test_a_target_knows_its_file_and_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    write(tmp_path / "a.json", '[{"targets": ["a:1"]}]')
    found = await anext(watched(Path("/"), str(tmp_path / "a.json")).changes())
    assert found == [{"__address__": "a:1", "__meta_filepath": str(tmp_path / "a.json")}]


async def test_no_file_yet_is_no_target_and_no_trouble(tmp_path: Path) -> None:
    files = watched(tmp_path, "a.json")
    changes = files.changes()
    assert (await next_of(changes), files.trouble) == ([], "")
    write(tmp_path / "a.json", '[{"targets": ["a:1"]}]')
    assert await next_of(changes) == [("a:1", "")]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('[{"targets": ["a:2"]', id="half a file"),
        pytest.param('{"targets": ["a:2"]}', id="no list"),
        pytest.param('[{"targets": "a:2"}]', id="a text for a list"),
        pytest.param('[{"targets": ["a:2"], "lables": {}}]', id="an unknown key"),
        pytest.param('[{"targets": ["a:2"], "labels": {"rack": ["7"]}}]', id="a label that is no text"),
        pytest.param("\x00", id="bytes that are no JSON"),
    ],
)
async def test_a_file_that_cannot_be_read_keeps_its_targets_and_is_named(tmp_path: Path, text: str) -> None:
    write(tmp_path / "a.json", '[{"targets": ["a:1"]}]')
    files = watched(tmp_path, "*.json")
    changes: Any = files.changes()
    assert await next_of(changes) == [("a:1", "")]
    write(tmp_path / "a.json", text)
    assert await next_of(changes) == [("a:1", "")]
    assert "a.json" in files.trouble
    write(tmp_path / "a.json", '[{"targets": ["a:3"]}]')
    assert (await next_of(changes), files.trouble) == ([("a:3", "")], "")
