"""Migrating where changing a table cannot be undone: each statement is a step, and a migration goes on where it was stopped.

MySQL commits by itself at each change of a table, so a process that is killed in the middle of a revision leaves half of it. The
step that begins is written down before it is done, and the note goes in the transaction in which Alembic writes down the new
revision. A stop can thus leave one step only of which nobody knows whether it was done: the one in the note. It is done once
more, and the answer "that is there already" then means that it was done. (One statement is done wholly or not at all: MariaDB
does so from 10.6 on, MySQL from 8.0 on.)

So a revision must give the same statements whatever it finds; one that does not is refused when it is taken up again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, event

from gwanje.errors import GwanjeError

_NOTE: Final = "migration_step"
_OF_ALEMBIC: Final = "alembic_version"
_LOOKS: Final = frozenset({"SELECT", "SHOW", "DESCRIBE", "DESC", "SET"})
# 1050 the table exists, 1060 the column, 1061 the index, 1826 the foreign key; 1051, 1054, 1091, 1146: what is to go is gone.
_DONE_ALREADY: Final = frozenset({1050, 1051, 1054, 1060, 1061, 1091, 1146, 1826})
_FROM_SERVER: Final = range(1000, 2000)
"""The codes by which the server answers; those of 2000 and more are the driver's own: the connection broke."""


@contextmanager
def step_by_step(connection: Connection) -> Iterator[None]:
    """Do what is executed on this connection as steps, and take up a migration that was stopped. Only one process may be here.

    GwanjeError: the migration that was stopped is another than the one that is done now.
    """
    connection.exec_driver_sql(
        f"CREATE TABLE IF NOT EXISTS {_NOTE} (number INTEGER NOT NULL, statement CHAR(64) NOT NULL, unsure BOOLEAN NOT NULL)"
    )
    steps = _Steps(connection)
    ways = {"do_execute": steps.execute, "do_executemany": steps.execute_many}
    for way, instead in ways.items():
        event.listen(connection.engine, way, instead)
    try:
        yield
    finally:
        for way, instead in ways.items():
            event.remove(connection.engine, way, instead)
    connection.exec_driver_sql(f"DROP TABLE {_NOTE}")


class _Steps:
    """Counts the statements of a revision, skips those that were done, and notes the one that begins."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._number = 0
        note = connection.exec_driver_sql(f"SELECT number, statement, unsure FROM {_NOTE}").first()  # noqa: S608 - a constant
        self._stopped_at: int = note.number if note else 0
        self._stopped_in: str = note.statement if note else ""
        self._unsure = bool(note and note.unsure)

    def execute(self, cursor: Any, statement: str, parameters: Any, context: Any) -> bool | None:
        """Called in the place of the driver for each statement (SQLAlchemy's `do_execute`); True when nothing is left to do."""
        return self._instead(cursor, statement, lambda: cursor.execute(statement, parameters), context)

    def execute_many(self, cursor: Any, statement: str, parameters: Any, context: Any) -> bool | None:
        """The same for a statement with the values of many rows."""
        return self._instead(cursor, statement, lambda: cursor.executemany(statement, parameters), context)

    def _instead(self, cursor: Any, statement: str, do: Callable[[], object], context: Any) -> bool | None:
        verb = statement.split(None, 1)[0].upper()
        if context.root_connection is not self._connection or verb in _LOOKS:
            return None
        if _OF_ALEMBIC in statement:
            if verb != "CREATE":
                self._revision_ends(cursor)
            return None
        self._number += 1
        if self._number < self._stopped_at:
            return True
        taken_up = self._number == self._stopped_at
        if taken_up and self._stopped_in != _digest(statement):
            raise GwanjeError(
                "state was left in the middle of a migration by another version of gwanje; start that one, or restore a backup"
            )
        self._do(cursor, statement, do, maybe_done=taken_up and self._unsure)
        return True

    def _do(self, cursor: Any, statement: str, do: Callable[[], object], *, maybe_done: bool) -> None:
        self._note(cursor, statement, unsure=True)
        try:
            do()
        except Exception as error:
            code = error.args[0] if error.args else None
            if maybe_done and code in _DONE_ALREADY:
                return
            if code in _FROM_SERVER:  # it was answered, so it was not done
                self._note(cursor, statement, unsure=False)
            raise

    def _note(self, cursor: Any, statement: str, *, unsure: bool) -> None:
        """Written by itself, beside the statement: its commit also keeps what changed rows before."""
        with cursor.connection.cursor() as own:
            own.execute(f"DELETE FROM {_NOTE}")  # noqa: S608 - a constant
            row = (self._number, _digest(statement), unsure)
            own.execute(f"INSERT INTO {_NOTE} (number, statement, unsure) VALUES (%s, %s, %s)", row)  # noqa: S608
        cursor.connection.commit()

    def _revision_ends(self, cursor: Any) -> None:
        """In the transaction that writes down the revision, so that neither is there without the other."""
        with cursor.connection.cursor() as own:
            own.execute(f"DELETE FROM {_NOTE}")  # noqa: S608 - a constant
        self._number = self._stopped_at = 0


def _digest(statement: str) -> str:
    return hashlib.sha256(statement.encode()).hexdigest()
