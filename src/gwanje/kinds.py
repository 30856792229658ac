"""The finder of kinds: `type: slack` under `receivers` is the file `tell/notifiers/slack.py`.

A family is a package whose `base.py` holds the promise; every other file in it is a kind, and its name is the word in the
configuration. Other people's kinds come by entry point group `gwanje.<family>`. There is no list to extend.

A kind's file holds two names: `Settings`, a frozen `config.Settings`, and `create(settings, world)`, which returns something
that keeps the family's promise. Its drivers are imported at the top of that file, and the file only when it is asked for.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, cast

from gwanje.errors import MissingDriver, UnknownKind


@dataclass(frozen=True, slots=True)
class Family:
    """A package of kinds, and what to install so that all of them work."""

    package: str
    extra: str


FAMILIES = {
    "probes": Family("gwanje.collect.probes", extra="gwanje"),
    "discovery": Family("gwanje.collect.discovery", extra="gwanje[server]"),
    "sources": Family("gwanje.collect.sources", extra="gwanje[server]"),
    "transports": Family("gwanje.carry", extra="gwanje"),
    "updates": Family("gwanje.carry.updates", extra="gwanje[server]"),
    "samples": Family("gwanje.keep.samples", extra="gwanje[server]"),
    "events": Family("gwanje.keep.events", extra="gwanje[server]"),
    "state": Family("gwanje.keep.state", extra="gwanje[server]"),
    "actions": Family("gwanje.act.actions", extra="gwanje[server]"),
    "notifiers": Family("gwanje.tell.notifiers", extra="gwanje[server]"),
}


@dataclass(frozen=True, slots=True)
class World:
    """What a kind may touch besides its own settings."""

    folder: Path
    """The data folder; a kind keeps its files in a sub-folder of its own."""

    http: Any = None
    """The one aiohttp session, for kinds that speak HTTP."""

    ingest: Any = None
    """The stores' door, for a transport that ends in this process."""

    state: Any = None
    """State: for an action that says something to other rooms (a pause, a run that is asked for, a hold), and for a notifier that
    keeps who of several has a message."""

    reach: Any = None
    """Which addresses may be connected to, for a kind that does not speak by `http`; None: every one."""

    pipelines: frozenset[str] = frozenset()
    """The names of the pipelines, for an action that means one of them."""


class Kind(Protocol):
    """What a kind's file looks like from outside."""

    Settings: type[Any]
    create: Callable[[Any, World], Any]


def names(family: str) -> list[str]:
    """The words that the configuration may use for this family, sorted; imports none of them."""
    return sorted({*_own(family), *(entry.name for entry in entry_points(group=f"gwanje.{family}"))})


def find(family: str, name: str) -> Kind:
    """Import one kind.

    Raises UnknownKind for a word nobody knows and MissingDriver, with the install command, when its driver is absent.
    """
    theirs = {entry.name: entry for entry in entry_points(group=f"gwanje.{family}")}
    try:
        if name in _own(family):
            return cast(Kind, importlib.import_module(f"{FAMILIES[family].package}.{name}"))
        if name in theirs:
            return cast(Kind, theirs[name].load())
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "gwanje":
            raise
        extra = FAMILIES[family].extra if name in _own(family) else f"gwanje-{name}"
        raise MissingDriver(family, name, module=missing, install=f"pip install '{extra}'") from error
    raise UnknownKind(family, name, known=names(family))


def _own(family: str) -> set[str]:
    room = FAMILIES[family]
    folder = Path(__file__).parent.joinpath(*room.package.split(".")[1:])
    return {
        module.name
        for module in pkgutil.iter_modules([str(folder)])
        if module.name != "base" and _keeps_the_form(folder, module.name)
    }


def _keeps_the_form(folder: Path, name: str) -> bool:
    """A kind's file says `def create(`; tables, helpers and doors in the same room do not."""
    file = folder / f"{name}.py"
    return "\ndef create(" in (file if file.exists() else folder / name / "__init__.py").read_text(encoding="utf-8")
