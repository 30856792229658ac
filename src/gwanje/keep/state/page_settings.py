"""What people wrote on the page of who is told and when: kept by kind and name, each change in the audit trail.

As with rules, who changes something names the revision that was read. Secrets are sealed before they come here, and never
stand in the trail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gwanje.errors import Outdated
from gwanje.keep.said import PageSetting
from gwanje.keep.state import people
from gwanje.keep.state.page_rules import Word, next_revision
from gwanje.keep.state.tables import page_settings
from gwanje.model import to_ms

Stamp = tuple[tuple[str, str, int], ...]
"""Kind, name and revision of each: two that are equal mean that nothing changed."""


def put(
    connection: Connection, place: tuple[str, str], text: str, *, sealed: Mapping[str, str], revision: int | None, word: Word
) -> PageSetting:
    """Keep what belongs at a place (kind and name): something new with `revision` None, else what replaces that revision.

    Raises Outdated when it was changed, removed or made since.
    """
    before = one(connection, *place)
    number = next_revision(before.revision if before else None, word)
    after = PageSetting(*place, text, dict(sealed), number, word.who, word.at)
    if revision is None:
        _insert(connection, after, before)
    elif not connection.execute(update(page_settings).where(_as_read(place, revision)).values(asdict(after))).rowcount:
        raise _outdated(place, before)
    _note(connection, "changed" if before else "made", word, before, after)
    return after


def drop(connection: Connection, place: tuple[str, str], revision: int, word: Word) -> None:
    """Remove it as it was read. Raises Outdated when it was changed or removed since."""
    before = one(connection, *place)
    if not connection.execute(delete(page_settings).where(_as_read(place, revision))).rowcount:
        raise _outdated(place, before)
    _note(connection, "removed", word, before, None)


def one(connection: Connection, kind: str, name: str) -> PageSetting | None:
    wanted = select(page_settings).where(page_settings.c.kind == kind, page_settings.c.name == name)
    row = connection.execute(wanted).mappings().first()
    return None if row is None else PageSetting(**row)


def every(connection: Connection) -> list[PageSetting]:
    """In the order of their kinds and names."""
    found = (PageSetting(**row) for row in connection.execute(select(page_settings)).mappings())
    return sorted(found, key=lambda setting: (setting.kind, setting.name))


def stamp(connection: Connection) -> Stamp:
    """What is asked each second: whether anything changed."""
    rows = connection.execute(select(page_settings.c.kind, page_settings.c.name, page_settings.c.revision)).all()
    return tuple(sorted((row.kind, row.name, row.revision) for row in rows))


def reseal(connection: Connection, resealed: Callable[[str], str]) -> int:
    """Seal every secret anew; how many. Nobody changed anything by it, so revisions stay."""
    count = 0
    for setting in every(connection):
        if setting.sealed:
            sealed = {place: resealed(secret) for place, secret in setting.sealed.items()}
            as_read = _as_read((setting.kind, setting.name), setting.revision)
            connection.execute(update(page_settings).where(as_read).values(sealed=sealed))
            count += len(sealed)
    return count


def _insert(connection: Connection, setting: PageSetting, before: PageSetting | None) -> None:
    if before is not None:
        raise _made(setting, before.changed_by)
    try:
        connection.execute(insert(page_settings).values(asdict(setting)))
    except IntegrityError as error:
        raise _made(setting, "somebody else") from error


def _as_read(place: tuple[str, str], revision: int) -> ColumnElement[bool]:
    table = page_settings.c
    return and_(table.kind == place[0], table.name == place[1], table.revision == revision)


def _made(setting: PageSetting, who: str) -> Outdated:
    said = f"a {setting.kind} named {setting.name!r} was made by {who}; open that one, or choose another name"
    return Outdated(said, where="name")


def _outdated(place: tuple[str, str], before: PageSetting | None) -> Outdated:
    kind, name = place
    if before is None:
        return Outdated(f"the {kind} {name!r} was removed meanwhile; save it as a new one to have it back")
    return Outdated(f"{before.changed_by} changed the {kind} {name!r} meanwhile; open it again and make your change there")


def _note(connection: Connection, what: str, word: Word, before: PageSetting | None, after: PageSetting | None) -> None:
    known = after or before
    assert known is not None  # noqa: S101 - a change has one side at least
    said = f"{known.kind} {what}"
    people.note(connection, word.at, word.who, said, known.name, before=_plain(before), after=_plain(after), address=word.address)


def _plain(setting: PageSetting | None) -> dict[str, Any] | None:
    """As the trail keeps it: which secrets there are, and none of them."""
    if setting is None:
        return None
    return {**asdict(setting), "sealed": sorted(setting.sealed), "changed_at": to_ms(setting.changed_at)}
