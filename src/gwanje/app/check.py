"""`gwanje check`: every mistake of a folder at once, and what can be used here."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from gwanje import kinds
from gwanje.app import folder as folders
from gwanje.app import in_force
from gwanje.app.folder import Folder
from gwanje.config import MAIN_FILE
from gwanje.errors import GwanjeError, MissingDriver


def run(path: Path, *, deps: bool) -> int:
    """Print what the folder says; raises ConfigErrors with what is wrong in it."""
    if not (path / MAIN_FILE).is_file():
        raise GwanjeError(f"there is no {MAIN_FILE} in {path}; make one with: gwanje init {path}")
    folder = folders.read(path)
    for line in (*_said(folder), *_of_page(folder)):
        print(line)
    return _dependencies() if deps else 0


def _said(folder: Folder) -> list[str]:
    stores = (folder.samples, folder.events, folder.state, folder.transport, folder.updates)
    lines = [f"{path} is right" for path in (folder.path / MAIN_FILE,)]
    lines += [f"  {chosen.family}: {chosen.name}" for chosen in stores]
    lines.append(f"  rules: {', '.join(rule.name for rule in folder.rules) or 'none'}")
    lines.append(f"  pipelines: {', '.join(declared.pipeline.name for declared in folder.pipelines) or 'none'}")
    lines.append(f"  dashboards: {', '.join(one.name for one in folder.dashboards) or 'the ready ones'}")
    lines.append(f"  receivers: {', '.join(folder.receivers) or 'none'}")
    lines += [
        f"  receiver {name} has no address; alerts are shown on the page only until it has one"
        for name in folder.receivers_without_address
    ]
    return lines


def _of_page(folder: Folder) -> list[str]:
    """What people wrote on the page: what of it counts beside the files, and what does not, with why."""
    try:
        found = in_force.read(folder)
    except (GwanjeError, OSError, SQLAlchemyError):
        return ["  written on the page: not looked at; state cannot be read now"]
    lines = [f"  written on the page: {', '.join(found.of_page()) or 'nothing that counts'}"]
    lines += [f"  {what} of the page does not count: {why}" for what, why in found.aside()]
    return lines if found.telling.receivers else [*lines, "  nobody is told; alerts are shown on the page only"]


def _dependencies() -> int:
    """Which kinds can be used here; 1 when the driver of one of ours is missing."""
    missing = 0
    for family in kinds.FAMILIES:
        for name in kinds.names(family):
            try:
                kinds.find(family, name)
            except MissingDriver as error:
                missing += 1
                print(f"  {family} {name}: missing; {error.install}")
            else:
                print(f"  {family} {name}: ready")
    return 1 if missing else 0
