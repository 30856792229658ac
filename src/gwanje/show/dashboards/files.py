"""Dashboards as they stand in files: those of a folder's `dashboards/`, and the ready ones that every folder has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

from gwanje.config import Document, Place, Reader, dotted
from gwanje.errors import ConfigErrors
from gwanje.show.dashboards import expressions
from gwanje.show.dashboards.spec import Dashboard

FOLDER: Final = "dashboards"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Named:
    """A dashboard, its name in addresses, and whether the folder brought it."""

    name: str
    dashboard: Dashboard
    origin: Literal["ready", "folder"] = "folder"


class _AsWritten(dict[str, str]):
    """In a dashboard `${host}` is a variable of its own: nothing comes from the environment."""

    def __missing__(self, name: str) -> str:
        return f"${{{name}}}"


def read(reader: Reader) -> Sequence[Named]:
    """The folder's own dashboards. What is not right is noted in the reader."""
    apart = Reader(reader.folder, _AsWritten(), reader.mistakes)
    return tuple(_read(apart, FOLDER))


def together(own: Sequence[Named]) -> Sequence[Named]:
    """All dashboards by name: a folder's own takes the place of a ready one of the same name."""
    return tuple(sorted({one.name: one for one in (*ready(), *own)}.values(), key=lambda one: one.name))


@cache
def ready() -> Sequence[Named]:
    """The dashboards that every folder has."""
    with resources.as_file(resources.files(__package__ or "")) as here:
        reader = Reader(Path(here), _AsWritten())
        found = tuple(Named(one.name, one.dashboard, "ready") for one in _read(reader, "ready"))
    if reader.mistakes:
        raise ConfigErrors(reader.mistakes)
    return found


def _read(reader: Reader, folder: str) -> Iterator[Named]:
    for document in reader.documents(folder):
        name = Path(document.file).stem
        if not _NAME.fullmatch(name):
            reader.mistake(document.file, 0, "", "a dashboard's file name has at most 32 of a-z, 0-9, - and _")
        dashboard = reader.read(Dashboard, document)
        if dashboard:
            _check_variables(reader, document, dashboard)
            yield Named(name, dashboard)


def _check_variables(reader: Reader, document: Document, dashboard: Dashboard) -> None:
    known: list[str] = []
    for index, variable in enumerate(dashboard.variables):
        if variable.name in known:
            _note(reader, document, ("variables", index, "name"), f"a variable named {variable.name!r} stands here already")
        known.append(variable.name)
    for place, text in _queries(dashboard):
        for name in expressions.unknown(text, known):
            declared = ", ".join(f"${one}" for one in known) or "none"
            _note(reader, document, place, f"no variable is named {name!r}; those of this dashboard: {declared}")


def _queries(dashboard: Dashboard) -> Iterator[tuple[Place, str]]:
    for index, panel in enumerate(dashboard.panels):
        for number, query in enumerate(panel.queries):
            yield ("panels", index, "queries", number, "expr"), query.expr


def _note(reader: Reader, document: Document, place: Place, message: str) -> None:
    reader.mistake(*document.where(place), dotted(place), message)


def as_json(named: Named) -> dict[str, Any]:
    """A dashboard as the API gives it, with every default filled in."""
    written = named.dashboard
    plain = written.model_dump(mode="json", exclude={"span", "refresh"})
    for panel, shown in zip(written.panels, plain["panels"], strict=True):
        for query, asked in zip(panel.queries, shown["queries"], strict=True):
            asked["instant"] = panel.instant(query)
        for column in shown["columns"]:
            column["title"] = _or(column["title"], column["label"])
    for variable in plain["variables"]:
        variable["title"] = _or(variable["title"], variable["name"])
    times = {"span_seconds": written.span.total_seconds(), "refresh_seconds": written.refresh.total_seconds()}
    return {"name": named.name, "from": named.origin, **plain, **times}


def _or(title: dict[str, str], name: str) -> dict[str, str]:
    return {language: text or name for language, text in title.items()}
