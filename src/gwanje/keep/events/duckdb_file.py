"""The DuckDB file that events stand in, and the questions it answers. For one thread at a time."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec

from gwanje.errors import BadInput, Damaged, InUse, StoreFull
from gwanje.keep.events.base import Found, Search
from gwanje.model import Event, FieldValue

_OPTIONS: Final[dict[str, Any]] = {
    "threads": 2,
    "memory_limit": "512MB",
    # Extensions would be downloaded in the middle of a query; everything used here is built in.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}

# `text` holds the text fields once more, folded, so that a search finds words and neither keys nor escapes.
_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS events (
        id VARCHAR PRIMARY KEY, at_ms BIGINT NOT NULL, name VARCHAR NOT NULL, fields VARCHAR NOT NULL, text VARCHAR NOT NULL
    )
"""

# One statement a batch: DuckDB takes a millisecond for each, whatever it holds.
_APPEND: Final = """
    INSERT OR IGNORE INTO events
    SELECT unnest(?::VARCHAR[]), unnest(?::BIGINT[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[])
"""


class EventsFile:
    """One file and one connection: DuckDB lets a single process own a file, and a connection do one thing at a time.

    Raises InUse where another process has it, Damaged for what is none, and StoreFull when nothing can be written.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection: duckdb.DuckDBPyConnection | None = _open(file)

    def append(self, events: Sequence[Event]) -> None:
        columns = [
            [event.id for event in events],
            [event.at_ms for event in events],
            [event.name for event in events],
            [_written(event) for event in events],
            [_words(event) for event in events],
        ]
        with self._connected() as connection:
            connection.execute(_APPEND, columns)

    def search(self, search: Search) -> Found:
        sql, values = _question(search)
        # Rows come as a stream that the next statement would cut off; all of them are taken before anything else happens.
        with self._connected() as connection, connection.cursor() as cursor:
            rows = cursor.execute(sql, values).fetchall()
        events = [Event(id_, at_ms, name, msgspec.json.decode(fields)) for id_, at_ms, name, fields in rows[: search.limit]]
        return Found(events, _place(events[-1]) if len(rows) > search.limit else "")

    def forget(self, before_ms: int) -> int:
        with self._connected() as connection:
            row = connection.execute("DELETE FROM events WHERE at_ms < ?", [before_ms]).fetchone()
        return int(row[0]) if row else 0

    def copy(self, to: Path) -> None:
        with self._connected() as connection:
            connection.execute("CHECKPOINT")  # all is in the one file, and nothing is written while this thread is here
        shutil.copy2(self._file, to)

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        if self._connection is None:
            self._connection = _open(self._file)
        try:
            yield self._connection
        except duckdb.FatalException as error:
            # A checkpoint that meets a full disk makes DuckDB refuse everything until its file is opened anew. What was
            # committed is in its log and comes back; whoever sends the batch again finds it there or adds it.
            self.close()
            raise _full(error) from error
        except duckdb.Error as error:
            if _cannot_write(error):
                raise _full(error) from error
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _open(file: Path) -> duckdb.DuckDBPyConnection:
    try:
        connection = duckdb.connect(str(file), config=_OPTIONS)
        connection.execute(_TABLE)
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            raise InUse(f"{file.name} is held by another process; stop that one first") from error
        if _cannot_write(error):
            raise _full(error) from error
        reason = _first_line(error)
        raise Damaged(f"{file.name} cannot be read ({reason}); bring back a backup, or move it away to start anew") from error
    return connection


def _cannot_write(error: duckdb.Error) -> bool:
    return any(words in str(error) for words in ("Could not write", "No space left", "Could not truncate", "Could not sync"))


def _full(error: duckdb.Error) -> StoreFull:
    return StoreFull(f"events cannot be written ({_first_line(error)}); free some space, what was answered is kept")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _written(event: Event) -> str:
    return msgspec.json.encode(event.fields).decode()


def _words(event: Event) -> str:
    return "\n".join(value for value in event.fields.values() if isinstance(value, str)).casefold()


# --- the question --------------------------------------------------------------------------------------------------------


def _question(search: Search) -> tuple[str, list[object]]:
    conditions: list[str] = ["name = ?"]
    values: list[object] = [search.name]

    def add(condition: str, *more: object) -> None:
        conditions.append(condition)
        values.extend(more)

    if search.since_ms is not None:
        add("at_ms >= ?", search.since_ms)
    if search.until_ms is not None:
        add("at_ms < ?", search.until_ms)
    for name, value in search.where.items():
        add(*_equals(name, value))
    if search.text:
        add("contains(text, ?)", search.text.casefold())
    if search.before:
        at_ms, id_ = _read_place(search.before)
        add("(at_ms < ? OR (at_ms = ? AND id < ?))", at_ms, at_ms, id_)
    # One more than asked for says whether there is a next page.
    values.append(search.limit + 1)
    where = " AND ".join(conditions)
    return f"SELECT id, at_ms, name, fields FROM events WHERE {where} ORDER BY at_ms DESC, id DESC LIMIT ?", values  # noqa: S608 - only our own words; values are bound


def _equals(name: str, value: FieldValue) -> tuple[object, ...] | Any:
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    match value:
        case None:
            return "coalesce(json_type(fields, ?), 'NULL') = 'NULL'", pointer
        case bool():
            return (
                "(json_type(fields, ?) = 'BOOLEAN' AND json_extract_string(fields, ?) = ?)",
                pointer,
                pointer,
                str(value).lower(),
            )
        case int() | float():
            kinds_of_number = "('BIGINT', 'UBIGINT', 'DOUBLE', 'HUGEINT')"
            number = "TRY_CAST(json_extract_string(fields, ?) AS DOUBLE)"
            return (
                f"(json_type(fields, ?) IN {kinds_of_number} AND {number} = ?)",
                pointer,
                pointer,
                float(value) if math.isfinite(value) else None,
            )
        case _:
            return "(json_type(fields, ?) = 'VARCHAR' AND json_extract_string(fields, ?) = ?)", pointer, pointer, value


def _place(event: Event) -> str:
    """The cursor: the last event of the page. Events that come in between change nothing about what is older."""
    return f"{event.at_ms}.{event.id}"


def _read_place(before: str) -> tuple[int, str]:
    at_ms, dot, id_ = before.partition(".")
    if not dot or not at_ms.lstrip("-").isdigit():
        raise BadInput(f"{before!r} is no page of a search; take the `next` of the page before it")
    return int(at_ms), id_
