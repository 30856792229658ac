"""`gwanje check`: every mistake of a folder at once, and what can be used here."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from gwanje import kinds
from gwanje.app import folder as folders
from gwanje.app import lock, tools
from gwanje.app.folder import Folder
from gwanje.config import MAIN_FILE
from gwanje.errors import GwanjeError, MissingDriver
from gwanje.keep.state import page_rules
from gwanje.keep.state.base import State
from gwanje.watch.rulebook import Rulebook


def run(path: Path, *, deps: bool) -> int:
    """Print what the folder says; raises ConfigErrors with what is wrong in it."""
    if not (path / MAIN_FILE).is_file():
        raise GwanjeError(f"there is no {MAIN_FILE} in {path}; make one with: gwanje init {path}")
    folder = folders.read(path)
    for line in (*_said(folder), *_aside(folder)):
        print(line)
    return _dependencies() if deps else 0


def _said(folder: Folder) -> list[str]:
    stores = (folder.samples, folder.events, folder.state, folder.transport, folder.updates)
    lines = [f"{path} is right" for path in (folder.path / MAIN_FILE,)]
    lines += [f"  {chosen.family}: {chosen.name}" for chosen in stores]
    lines.append(f"  rules: {', '.join(rule.name for rule in folder.rules) or 'none'}")
    lines.append(f"  pipelines: {', '.join(declared.pipeline.name for declared in folder.pipelines) or 'none'}")
    lines.append(f"  dashboards: {', '.join(one.name for one in folder.dashboards) or 'the ready ones'}")
    lines.append(f"  receivers: {', '.join(folder.receivers) or 'none; alerts are shown on the page only'}")
    lines += [
        f"  receiver {name} has no address; alerts are shown on the page only until it has one"
        for name in folder.receivers_without_address
    ]
    return lines


def _aside(folder: Folder) -> list[str]:
    """The rules of the page whose names files have taken; nothing where state cannot be looked at now."""
    try:
        taken = [name for name in _of_page(folder) if name in folder.rule_places]
    except (GwanjeError, OSError, SQLAlchemyError):
        return ["  rules of the page: not looked at; state cannot be read now"]
    book = Rulebook(folder.rules, folder.rule_places)
    return [
        f"  rule {name} of the page is set aside: {book.said(name)} has its name; it is kept, and counts again after it"
        for name in taken
    ]


def _of_page(folder: Folder) -> list[str]:
    if lock.is_held(folder.path):
        listed = asyncio.run(tools.ask(folder.path, "GET", "/api/v1/written-rules", {}))["rules"]
        return [one["name"] for one in listed if one["file"] is None]
    if folder.state.name == "sqlite" and not (folder.path / "state" / "state.db").is_file():
        return []
    state: State = folder.state.create(kinds.World(folder.path))
    try:
        with state.read() as connection:
            return [one.name for one in page_rules.every(connection)]
    finally:
        state.close()


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
