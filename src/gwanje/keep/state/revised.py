"""What people write on the page, under a name, each change in the audit trail.

Who changes something names the revision that was read: of two who change the same one, the second is told and loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gwanje.because import Because
from gwanje.errors import Outdated
from gwanje.keep.said import PageRule, PageSetting
from gwanje.keep.state import people
from gwanje.model import to_ms

Row = TypeVar("Row", PageRule, PageSetting)
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """Who changes something, when, and from where."""

    who: str
    at: datetime
    address: str = ""


@dataclass(frozen=True, slots=True)
class Revised(Generic[Row]):
    """One table of such rows. `keys` are the columns by which a row is known, the last of them its name."""

    table: Table
    row: type[Row]
    keys: tuple[str, ...]
    noun: Callable[[Key], str]
    """What a row of a key is called in sentences: `rule`, `window`."""
    trail: Callable[[Row], Mapping[str, Any]] = asdict
    """What of a row the audit trail keeps."""

    def put(self, connection: Connection, wanted: Row, revision: int | None, word: Word) -> Row:
        """Keep a row: a new one with `revision` None, else in the place of what was read as that revision.

        Raises Outdated when it was changed, removed or made since.
        """
        before = self.one(connection, self._key(wanted))
        after = _by(wanted, next_revision(before.revision if before else None, word), word)
        if revision is None:
            self._insert(connection, after, before)
        else:
            changed = connection.execute(update(self.table).where(self.as_read(self._key(after), revision)).values(asdict(after)))
            if not changed.rowcount:
                raise self._outdated(self._key(wanted), before)
        self._note(connection, "changed" if before else "made", word, before, after)
        return after

    def rename(self, connection: Connection, key: Key, wanted: Row, revision: int, word: Word) -> Row:
        """Keep a row in the place of one of another key that was read as that revision.

        Raises Outdated when that was changed or removed since, or the new name is taken.
        """
        before = self._taken_out(connection, key, revision)
        after = _by(wanted, next_revision(revision, word), word)
        self._insert(connection, after, self.one(connection, self._key(after)))
        self._note(connection, "renamed", word, before, after)
        return after

    def drop(self, connection: Connection, key: Key, revision: int, word: Word) -> None:
        """Remove a row as it was read. Raises Outdated when it was changed or removed since."""
        self._note(connection, "removed", word, self._taken_out(connection, key, revision), None)

    def one(self, connection: Connection, key: Key) -> Row | None:
        row = connection.execute(select(self.table).where(self._is(key))).mappings().first()
        return None if row is None else self.row(**row)

    def every(self, connection: Connection) -> list[Row]:
        """In the order of their keys."""
        found = (self.row(**row) for row in connection.execute(select(self.table)).mappings())
        return sorted(found, key=self._key)

    def stamp(self, connection: Connection) -> tuple[Any, ...]:
        """What is asked each second: the key and revision of each; two that are equal mean that nothing changed."""
        columns = [self.table.c[name] for name in (*self.keys, "revision")]
        return tuple(sorted(tuple(row) for row in connection.execute(select(*columns))))

    def _taken_out(self, connection: Connection, key: Key, revision: int) -> Row | None:
        before = self.one(connection, key)
        if not connection.execute(delete(self.table).where(self.as_read(key, revision))).rowcount:
            raise self._outdated(key, before)
        return before

    def _insert(self, connection: Connection, row: Row, before: Row | None) -> None:
        if before is not None:
            raise self._made(row, before.changed_by)
        try:
            connection.execute(insert(self.table).values(asdict(row)))
        except IntegrityError as error:
            raise self._made(row, "somebody else") from error

    def _key(self, row: Row) -> Key:
        return tuple(getattr(row, name) for name in self.keys)

    def _is(self, key: Key) -> ColumnElement[bool]:
        return and_(*(self.table.c[name] == value for name, value in zip(self.keys, key, strict=True)))

    def as_read(self, key: Key, revision: int) -> ColumnElement[bool]:
        """The row of a key while nobody changed it."""
        return and_(self._is(key), self.table.c.revision == revision)

    def _made(self, row: Row, who: str) -> Outdated:
        sentence = f"a {self.noun(self._key(row))} named {row.name!r} was made by {who}; open that one, or choose another name"
        return Outdated(Because(sentence, "made_meanwhile", name=row.name, who=who), where="name")

    def _outdated(self, key: Key, before: Row | None) -> Outdated:
        name = key[-1]
        what = f"the {self.noun(key)} {name!r}"
        if before is None:
            sentence = f"{what} was removed meanwhile; save it as a new one to have it back"
            return Outdated(Because(sentence, "removed_meanwhile", name=name))
        sentence = f"{before.changed_by} changed {what} meanwhile; open it again and make your change there"
        return Outdated(Because(sentence, "changed_meanwhile", name=name, who=before.changed_by))

    def _note(self, connection: Connection, what: str, word: Word, before: Row | None, after: Row | None) -> None:
        known = after or before
        assert known is not None  # noqa: S101 - a change has one side at least
        said = f"{self.noun(self._key(known))} {what}"
        sides = {"before": self._plain(before), "after": self._plain(after)}
        people.note(connection, word.at, word.who, said, known.name, **sides, address=word.address)

    def _plain(self, row: Row | None) -> dict[str, Any] | None:
        return None if row is None else {**self.trail(row), "changed_at": to_ms(row.changed_at)}


def next_revision(before: int | None, word: Word) -> int:
    """Milliseconds: what is removed and made again has no revision that it had before."""
    return max(to_ms(word.at), 0 if before is None else before + 1)


def _by(row: Row, revision: int, word: Word) -> Row:
    return replace(row, revision=revision, changed_by=word.who, changed_at=word.at)
