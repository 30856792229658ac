"""What people wrote on the page of who is told and when: kept by kind and name, each change in the audit trail.

Secrets are sealed before they come here, and never stand in the trail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, update

from gwanje.keep.said import PageSetting
from gwanje.keep.state.revised import Revised, Word
from gwanje.keep.state.tables import page_settings

Stamp = tuple[tuple[str, str, int], ...]
"""Kind, name and revision of each: two that are equal mean that nothing changed."""


def _trail(setting: PageSetting) -> Mapping[str, Any]:
    """Which secrets there are, and none of them."""
    return {**asdict(setting), "sealed": sorted(setting.sealed)}


_SETTINGS: Final = Revised(page_settings, PageSetting, ("kind", "name"), lambda key: key[0], _trail)


def put(
    connection: Connection, place: tuple[str, str], text: str, *, sealed: Mapping[str, str], revision: int | None, word: Word
) -> PageSetting:
    """Keep what belongs at a place (kind and name): something new with `revision` None, else what replaces that revision.

    Raises Outdated when it was changed, removed or made since.
    """
    return _SETTINGS.put(connection, PageSetting(*place, text, dict(sealed), 0, word.who, word.at), revision, word)


def rename(connection: Connection, name: str, after: PageSetting, word: Word) -> PageSetting:
    """Keep a setting as `after` says, under its name, in the place of the one of this name as it was read (`after.revision`).

    Raises Outdated when it was changed or removed since, or the name is taken.
    """
    return _SETTINGS.rename(connection, (after.kind, name), after, after.revision, word)


def drop(connection: Connection, place: tuple[str, str], revision: int, word: Word) -> None:
    """Remove it as it was read. Raises Outdated when it was changed or removed since."""
    _SETTINGS.drop(connection, place, revision, word)


def one(connection: Connection, kind: str, name: str) -> PageSetting | None:
    return _SETTINGS.one(connection, (kind, name))


def every(connection: Connection) -> list[PageSetting]:
    """In the order of their kinds and names."""
    return _SETTINGS.every(connection)


def stamp(connection: Connection) -> Stamp:
    """What is asked each second: whether anything changed."""
    return _SETTINGS.stamp(connection)


def reseal(connection: Connection, resealed: Callable[[str], str]) -> int:
    """Seal every secret anew; how many. Nobody changed anything by it, so revisions stay."""
    count = 0
    for setting in every(connection):
        if setting.sealed:
            sealed = {place: resealed(secret) for place, secret in setting.sealed.items()}
            as_read = _SETTINGS.as_read((setting.kind, setting.name), setting.revision)
            connection.execute(update(page_settings).where(as_read).values(sealed=sealed))
            count += len(sealed)
    return count
