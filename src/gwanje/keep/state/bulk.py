"""Many rows at one go: what `connection.execute(insert(table), rows)`, or an update, writes, at a part of its price.

SQLAlchemy works out the parameters of each row by itself. Here the statement is compiled once, each column's way into the
database is looked up once, and a value that many rows share, such as the cause that all alerts of a rule have, is turned into
JSON once; so are times, for what begins together begins at the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import JSON, Connection, Dialect, Table, bindparam, insert, update

from gwanje.keep.state.tables import Instant

_AT_ONCE: Final = 1000
"""How many rows are handed to the driver together, so that a hundred thousand do not stand in memory twice."""

_KEY: Final = "this"
"""What the parameter of an update's condition is called; not as a column is."""

Into = Callable[[Any], Any]
"""A value as Python has it → as the driver takes it."""
_Ways = Mapping[str, tuple[str, Into | None]]
"""By the name of each parameter: its column, and its way into the database."""
_Compiled = tuple[str, Sequence[str] | None]
"""A statement, and the order of its parameters; None where they go by their names."""


def insert_all(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns."""
    if rows:
        columns = tuple(rows[0])
        ways = {name: (name, _way(connection, table, name)) for name in columns}
        _execute(connection, _insert(connection.dialect, table, columns), ways, rows)


def update_all(connection: Connection, table: Table, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Change rows that are known by the column `key`; all of them say the same columns, that one among them."""
    if rows:
        columns = tuple(name for name in rows[0] if name != key)
        ways = {name: (name, _way(connection, table, name)) for name in columns} | {_KEY: (key, _way(connection, table, key))}
        _execute(connection, _update(connection.dialect, table, key, columns), ways, rows)


def _execute(connection: Connection, compiled: _Compiled, ways: _Ways, rows: Sequence[Mapping[str, Any]]) -> None:
    statement, order = compiled
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        taken = {name: _taken(way, [row[column] for row in some]) for name, (column, way) in ways.items()}
        if order is None:
            parameters: Any = [dict(zip(taken, values, strict=True)) for values in zip(*taken.values(), strict=True)]
        else:
            parameters = list(zip(*(taken[name] for name in order), strict=True))
        connection.exec_driver_sql(statement, parameters)


@lru_cache(maxsize=64)
def _insert(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> _Compiled:
    compiled = insert(table).compile(dialect=dialect, column_keys=columns)
    return compiled.string, compiled.positiontup if compiled.positional else None


@lru_cache(maxsize=64)
def _update(dialect: Dialect, table: Table, key: str, columns: tuple[str, ...]) -> _Compiled:
    changed = update(table).where(table.c[key] == bindparam(_KEY)).values({name: bindparam(name) for name in columns})
    compiled = changed.compile(dialect=dialect)
    return compiled.string, compiled.positiontup if compiled.positional else None


def _way(connection: Connection, table: Table, name: str) -> Into | None:
    """How values of a column go into the database; None where they go as they are. JSON and times that are shared go once."""
    kind = table.c[name].type
    into = kind.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return _once(into) if into is not None and isinstance(kind, JSON | Instant) else into


def _taken(way: Into | None, values: list[Any]) -> list[Any]:
    return values if way is None else list(map(way, values))


def _once(into: Into) -> Into:
    """The same, where the very same value that comes again in a row is not turned again."""
    last: list[Any] = [None, into(None)]

    def way(value: Any) -> Any:
        if value is not last[0]:
            last[:] = value, into(value)
        return last[1]

    return way
