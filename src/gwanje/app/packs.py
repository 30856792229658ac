"""Packs: folders of YAML that are laid down for a user to edit. The engine knows none of them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from gwanje.errors import GwanjeError, UnknownKind


def names() -> list[str]:
    return sorted(entry.name for entry in files("gwanje.packs").iterdir() if entry.is_dir() and not entry.name.startswith("_"))


def lay(pack: str, folder: Path) -> list[Path]:
    """Copy a pack's files into `folder`; files that are there already stay as they are. Returns what was made."""
    if pack not in names():
        raise UnknownKind("packs", pack, known=names())
    made = []
    for relative, file in _walk(files("gwanje.packs") / pack, Path()):
        target = folder / relative
        if target.exists():
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
        except OSError as error:
            raise GwanjeError(f"cannot write {target}: {error.strerror}; give another folder or mend its rights") from error
        made.append(target)
    return made


def _walk(folder: Traversable, below: Path) -> Iterator[tuple[Path, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            yield from _walk(entry, below / entry.name)
        else:
            yield below / entry.name, entry
