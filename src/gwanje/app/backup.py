"""`gwanje backup` and `gwanje restore`: a folder as it is now, also while gwanje runs on it, and back again."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from gwanje import __version__
from gwanje.app import lock
from gwanje.app.clock import now
from gwanje.app.folder import Folder
from gwanje.errors import GwanjeError, StoreFull
from gwanje.keep.sealing import FILE as SEALING_KEY

_ABOUT = "backup.json"
_UNFINISHED = ".unfinished"
_CONFIGURATION = ("*.yaml", ".env", SEALING_KEY, "rules", "pipelines", "dashboards")
_STATE = Path("state", "state.db")


@runtime_checkable
class Copied(Protocol):
    """A store that can copy itself, while it works, into a folder that is not there yet: everything it has answered."""

    async def backup(self, to: Path) -> None: ...


def restore(path: Path, source: Path) -> int:
    """Bring a backup back into a folder that is not there, or empty."""
    about = _about(source)
    with lock.hold(path, "gwanje restore"):
        taken = sorted(entry.name for entry in path.iterdir() if entry.name != lock.LOCK)
        if taken:
            raise GwanjeError(f"{path} is not empty ({', '.join(taken[:3])} …); give a new folder, or move that one away first")
        try:
            shutil.copytree(source, path, dirs_exist_ok=True, ignore=shutil.ignore_patterns(_ABOUT))
        except (OSError, shutil.Error) as error:
            raise GwanjeError(f"{source} could not be copied to {path}: {error}; empty that folder and try again") from error
    print(f"{path} is as it was at {about['at']}; start it with: gwanje up {path}")
    return 0


async def copy(folder: Folder, stores: Mapping[str, object], to: Path) -> Sequence[str]:
    """Copy a folder and its stores into a new folder; what is in the copy, by name.

    State first: what it says is stored lies in the stores that are copied after it. The folder gets its name at the end.
    """
    unfinished = to.with_name(to.name + _UNFINISHED)
    await asyncio.to_thread(_begin, to, unfinished)
    try:
        contents = await asyncio.to_thread(_copy_small, folder, unfinished)
        for name, store in stores.items():
            if isinstance(store, Copied):
                await store.backup(unfinished / name)
                contents.append(name)
        await asyncio.to_thread(_finish, unfinished, to, contents)
    except (OSError, sqlite3.Error) as error:
        await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
        raise StoreFull(f"no backup could be made in {to} ({error}); see that it can be written and has space") from error
    return contents


def _begin(to: Path, unfinished: Path) -> None:
    if to.exists() or unfinished.exists():
        raise GwanjeError(f"{to if to.exists() else unfinished} is there already; give the name of a new folder")
    try:
        unfinished.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise GwanjeError(f"{to} cannot be made: {error.strerror}; give a folder that can be written") from error


def _finish(unfinished: Path, to: Path, contents: Sequence[str]) -> None:
    about = {"version": 1, "gwanje": __version__, "at": now().isoformat(timespec="seconds"), "contents": contents}
    (unfinished / _ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    unfinished.rename(to)


def _copy_small(folder: Folder, to: Path) -> list[str]:
    for pattern in _CONFIGURATION:
        for entry in folder.path.glob(pattern):
            if entry.is_dir():
                shutil.copytree(entry, to / entry.name)
            else:
                shutil.copy2(entry, to / entry.name)
    if folder.state.name != "sqlite":
        return ["configuration"]
    (to / _STATE.parent).mkdir()
    with closing(sqlite3.connect(folder.path / _STATE)) as source, closing(sqlite3.connect(to / _STATE)) as copied:
        source.backup(copied)
    return ["configuration", "state"]


def _about(source: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads((source / _ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GwanjeError(f"{source} is no backup of gwanje ({error}); give a folder that `gwanje backup` made") from error
    if about.get("version") != 1:
        raise GwanjeError(f"{source} was made by gwanje {about.get('gwanje')}; restore it with that version or a newer one")
    return about
