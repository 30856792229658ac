"""Rules that people wrote on the page, and rules of files that they switched off there. Each change stands in the audit trail."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, delete, insert, select

from gwanje.keep.said import PageRule
from gwanje.keep.state import people, thresholds
from gwanje.keep.state.revised import Revised, Word
from gwanje.keep.state.tables import page_rules, rules_off

Stamp = tuple[tuple[tuple[str, int], ...], frozenset[str]]
"""Name and revision of each rule, and the rules that are off: two that are equal mean that nothing changed."""
_RULES: Final = Revised(page_rules, PageRule, ("name",), lambda _: "rule")


def put(connection: Connection, name: str, text: str, *, enabled: bool, revision: int | None, word: Word) -> PageRule:
    """Keep a rule: a new one with `revision` None, else in the place of what was read as that revision.

    Raises Outdated when it was changed, removed or made since.
    """
    return _RULES.put(connection, PageRule(name, text, enabled, 0, word.who, word.at), revision, word)


def rename(connection: Connection, name: str, after: PageRule, word: Word) -> PageRule:
    """Keep a rule as `after` says, under its name, in the place of the one of this name as it was read (`after.revision`).

    Thresholds that were set apart for it go along. Raises Outdated when it was changed or removed since, or the name is taken.
    """
    kept = _RULES.rename(connection, (name,), after, after.revision, word)
    thresholds.rename(connection, name, kept.name)
    return kept


def drop(connection: Connection, name: str, revision: int, word: Word) -> None:
    """Remove a rule as it was read. Raises Outdated when it was changed or removed since."""
    _RULES.drop(connection, (name,), revision, word)


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
    return _RULES.one(connection, (name,))


def every(connection: Connection) -> list[PageRule]:
    """In the order of their names."""
    return _RULES.every(connection)


def off(connection: Connection) -> frozenset[str]:
    """The names of the files' rules that are off."""
    return frozenset(connection.execute(select(rules_off.c.name)).scalars())


def stamp(connection: Connection) -> Stamp:
    """What is asked each second: whether anything changed."""
    return _RULES.stamp(connection), off(connection)
