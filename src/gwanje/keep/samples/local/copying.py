"""A copy of the store while it works: hard links of its blocks, and the log up to a cut."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from gwanje.keep.samples.local.log import Log, segments, sync_folder

if TYPE_CHECKING:
    from gwanje.keep.samples.local.shelf import Shelf


def copy(shelf: Shelf, log: Log, folder: Path) -> None:
    """Copy everything that was answered until now into a folder that is not there yet. Raises OSError."""
    (folder / "blocks").mkdir(parents=True)
    (folder / "log").mkdir()
    with shelf.standing_still:
        cut, size = log.cut()
        for name, _ in shelf.generations:
            _link_all(shelf.folder / str(name), folder / "blocks" / str(name))
        for segment in segments(log.folder):
            if shelf.covered < segment.number < cut:
                _link(segment.path, folder / "log" / segment.path.name)
        _copy_start(log.folder / f"{cut:010d}.log", folder / "log" / f"{cut:010d}.log", size)
    for part in (folder / "blocks", folder / "log", folder):
        sync_folder(part)


def _link_all(generation: Path, to: Path) -> None:
    to.mkdir()
    for entry in generation.iterdir():
        if entry.is_dir():
            _link_all(entry, to / entry.name)
        else:
            _link(entry, to / entry.name)
    sync_folder(to)


def _link(file: Path, to: Path) -> None:
    try:
        os.link(file, to)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(file, to)
        _sync(to)


def _copy_start(file: Path, to: Path, size: int) -> None:
    with file.open("rb") as source, to.open("wb") as copied:
        while size > 0 and (part := source.read(min(size, 1 << 20))):
            copied.write(part)
            size -= len(part)
    _sync(to)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
