"""Generations: how blocks come and go together.

`blocks/0000000007.0/` holds the blocks `0000`, `0001`, … that were written in one go, and `generation.json`. The first number is
that of the last log segment whose samples lie here or in an older generation; the second counts how often the generation was
made anew. A generation gets its name in one step, when everything of it is on the disk. One that is made of others names them:
from that step on they count no more, whether or not they are still there.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from gwanje.errors import Damaged
from gwanje.keep.samples.local.facts import read_summed, summed
from gwanje.keep.samples.local.log import sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_UNFINISHED, _GONE = "unfinished-", "gone-"
_ABOUT = "generation.json"
_NAME = re.compile(r"(\d{10})\.(\d+)")


class Name(NamedTuple):
    """Generations sort by name: from the oldest to the newest."""

    number: int
    revision: int

    def __str__(self) -> str:
        return f"{self.number:010d}.{self.revision}"


@dataclass(frozen=True, slots=True)
class Generation:
    """A finished generation on the disk, and its blocks in order."""

    name: Name
    blocks: Sequence[Path]


def found(folder: Path) -> list[Generation]:
    """The generations that count, oldest first; what a crash left over is removed. Raises Damaged."""
    _remove_leftovers(folder)
    paths = {Name(int(match[1]), int(match[2])): path for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))}
    replaced = {name for path in paths.values() for name in _replaced(path)}
    for name in replaced & paths.keys():
        delete(paths[name])
    return [_opened(name, paths[name]) for name in sorted(paths.keys() - replaced)]


def commit(folder: Path, name: Name, replaced: Sequence[Name], fill: Callable[[Path], None]) -> Generation:
    """Make a generation of the blocks that `fill` writes into a folder. Raises what `fill` raises; then there is none."""
    unfinished, path = folder / f"{_UNFINISHED}{name}", folder / str(name)
    if unfinished.exists():
        shutil.rmtree(unfinished)
    if path.exists():  # from a try that failed at the very end
        delete(path)
    try:
        unfinished.mkdir()
        fill(unfinished)
        about = unfinished / _ABOUT
        about.write_text(summed({"version": 1, "replaces": [str(one) for one in replaced]}), encoding="utf-8")
        _sync_file(about)
        sync_folder(unfinished)
        unfinished.rename(path)
    except BaseException:  # whatever it was: on a full disk the space is needed for the log
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    sync_folder(folder)
    return _opened(name, path)


def drop(block: Path) -> None:
    """Delete one block, and its generation when it was the last one there. Queries that read it go on reading."""
    generation = block.parent
    delete(block)
    if not _blocks_of(generation):
        delete(generation)


def delete(path: Path) -> None:
    gone = path.with_name(_GONE + path.name)
    path.rename(gone)
    sync_folder(path.parent)
    shutil.rmtree(gone)


def next_name(names: Sequence[Name]) -> Name:
    """The name of the generation that replaces these."""
    return Name(max(names).number, max(name.revision for name in names) + 1)


def _opened(name: Name, path: Path) -> Generation:
    _remove_leftovers(path)
    return Generation(name, _blocks_of(path))


def _blocks_of(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.name.isdigit())


def _replaced(path: Path) -> list[Name]:
    try:
        texts = read_summed(path / _ABOUT)["replaces"]
        return [Name(*map(int, text.split("."))) for text in texts]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise Damaged(
            f"{path / _ABOUT} cannot be read ({error}); put it back from a backup, "
            f"or move the folder {path} away to go on without what it holds"
        ) from error


def _remove_leftovers(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.name.startswith((_UNFINISHED, _GONE)):
            shutil.rmtree(entry)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
