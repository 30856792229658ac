"""Rules that people wrote on the page, and rules of files that they switched off there. Each change stands in the audit trail.

Who changes a rule names the revision that was read: of two who change the same one, the second is told and loses nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gwanje.because import Because
from gwanje.errors import Outdated
from gwanje.keep.said import PageRule
from gwanje.keep.state import people, thresholds
from gwanje.keep.state.tables import page_rules, rules_off
from gwanje.model import to_ms


@dataclass(frozen=True, slots=True)
class Word:
    """Who changes something, when, and from where."""

    who: str
    at: datetime
    address: str = ""


Stamp = tuple[tuple[tuple[str, int], ...], frozenset[str]]
"""Name and revision of each rule, and the rules that are off: two that are equal mean that nothing changed."""


def put(connection: Connection, name: str, text: str, *, enabled: bool, revision: int | None, word: Word) -> PageRule:
    """Keep a rule: a new one with `revision` None, else in the place of what was read as that revision.

    Raises Outdated when it was changed, removed or made since.
    """
    before = one(connection, name)
    after = PageRule(name, text, enabled, next_revision(before.revision if before else None, word), word.who, word.at)
    if revision is None:
        _insert(connection, after, before)
    else:
        changed = connection.execute(update(page_rules).where(_as_read(name, revision)).values(asdict(after)))
        if not changed.rowcount:
            raise _outdated(name, before)
    _note(connection, "rule changed" if before else "rule made", word, before, after)
    return after


def rename(connection: Connection, name: str, after: PageRule, word: Word) -> PageRule:
    """Keep a rule as `after` says, under its name, in the place of the one of this name as it was read (`after.revision`).

    Thresholds that were set apart for it go along. Raises Outdated when it was changed or removed since, or the name is taken.
    """
    before = one(connection, name)
    if not connection.execute(delete(page_rules).where(_as_read(name, after.revision))).rowcount:
        raise _outdated(name, before)
    kept = replace(after, revision=next_revision(after.revision, word), changed_by=word.who, changed_at=word.at)
    _insert(connection, kept, one(connection, kept.name))
    thresholds.rename(connection, name, kept.name)
    _note(connection, "rule renamed", word, before, kept)
    return kept


def drop(connection: Connection, name: str, revision: int, word: Word) -> None:
    """Remove a rule as it was read. Raises Outdated when it was changed or removed since."""
    before = one(connection, name)
    if not connection.execute(delete(page_rules).where(_as_read(name, revision))).rowcount:
        raise _outdated(name, before)
    _note(connection, "rule removed", word, before, None)


def switch(connection: Connection, name: str, word: Word, *, on: bool) -> bool:
    """Switch a rule of the files off, or on again; whether that changed anything."""
    was_off = name in off(connection)
    if was_off is not on:
        return False
    if on:
        connection.execute(delete(rules_off).where(rules_off.c.name == name))
    else:
        connection.execute(insert(rules_off).values(name=name, changed_by=word.who, changed_at=word.at))
    people.note(
        connection,
        word.at,
        word.who,
        "rule switched on" if on else "rule switched off",
        name,
        before={"enabled": not on},
        after={"enabled": on},
        address=word.address,
    )
    return True


def one(connection: Connection, name: str) -> PageRule | None:
    row = connection.execute(select(page_rules).where(page_rules.c.name == name)).mappings().first()
    return None if row is None else PageRule(**row)


def every(connection: Connection) -> list[PageRule]:
    """In the order of their names."""
    found = connection.execute(select(page_rules)).mappings()
    return sorted((PageRule(**row) for row in found), key=lambda rule: rule.name)


def off(connection: Connection) -> frozenset[str]:
    """The names of the files' rules that are off."""
    return frozenset(connection.execute(select(rules_off.c.name)).scalars())


def stamp(connection: Connection) -> Stamp:
    """What is asked each second: whether anything changed."""
    rows = connection.execute(select(page_rules.c.name, page_rules.c.revision)).all()
    return tuple(sorted((row.name, row.revision) for row in rows)), off(connection)


def _insert(connection: Connection, rule: PageRule, before: PageRule | None) -> None:
    if before is not None:
        raise _made(before.name, before.changed_by)
    try:
        connection.execute(insert(page_rules).values(asdict(rule)))
    except IntegrityError as error:
        raise _made(rule.name, "somebody else") from error


def next_revision(before: int | None, word: Word) -> int:
    """Milliseconds: what is removed and made again has no revision that it had before."""
    return max(to_ms(word.at), 0 if before is None else before + 1)


def _as_read(name: str, revision: int) -> ColumnElement[bool]:
    return and_(page_rules.c.name == name, page_rules.c.revision == revision)


def _made(name: str, who: str) -> Outdated:
    sentence = f"a rule named {name!r} was made by {who}; open that one, or choose another name"
    return Outdated(Because(sentence, "made_meanwhile", name=name, who=who), where="name")


def _outdated(name: str, before: PageRule | None) -> Outdated:
    if before is None:
        sentence = f"the rule {name!r} was removed meanwhile; save it as a new one to have it back"
        return Outdated(Because(sentence, "removed_meanwhile", name=name))
    sentence = f"{before.changed_by} changed the rule {name!r} meanwhile; open it again and make your change there"
    return Outdated(Because(sentence, "changed_meanwhile", name=name, who=before.changed_by))


def _note(connection: Connection, what: str, word: Word, before: PageRule | None, after: PageRule | None) -> None:
    known = after or before
    target = known.name if known else ""
    people.note(connection, word.at, word.who, what, target, before=_plain(before), after=_plain(after), address=word.address)


def _plain(rule: PageRule | None) -> dict[str, Any] | None:
    return None if rule is None else {**asdict(rule), "changed_at": to_ms(rule.changed_at)}
