"""State in a database of MariaDB (from 10.6 on) or MySQL (from 8.0 on)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError

from gwanje import kinds
from gwanje.errors import GwanjeError
from gwanje.keep.state.base import State
from gwanje.keep.state.server import LOCK_SECONDS, Server, ServerSettings, address, open_engine, said, tls_context
from gwanje.keep.state.steps import step_by_step

_PORT: Final = 3306
_ANSWER_SECONDS: Final = 120
_MIGRATION_SECONDS: Final = 300
_ASKED_SECONDS: Final = 60
"""How long one statement waits for the lock: less than an answer may take."""
_TIMES_ASKED: Final = _MIGRATION_SECONDS // _ASKED_SECONDS


class Settings(ServerSettings):
    """State in MariaDB or MySQL: for several processes that take over from each other."""

    schemes: ClassVar[tuple[str, ...]] = ("mysql", "mariadb")


def _code(error: BaseException) -> int | str | None:
    return error.args[0] if error.args else None


# 3, 1021, 1026, 1114: no space left; 1290, 1792, 1836: the server or the transaction is read-only.
SERVER: Final = Server("MySQL", "mysql+pymysql", frozenset({3, 1021, 1026, 1114, 1290, 1792, 1836}), _code)


def create(settings: Settings, world: kinds.World) -> State:
    url = address(settings, SERVER.driver, _PORT).update_query_dict({"charset": "utf8mb4"})
    context = tls_context(settings)
    encrypted = {"ssl": context} if context else {"ssl_disabled": True}
    # Strict, so that a text that is too long is an error and not cut; and the other side may be gone without a word.
    strict = f"SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = {LOCK_SECONDS}"
    limits = {"read_timeout": _ANSWER_SECONDS, "write_timeout": _ANSWER_SECONDS, "init_command": strict}
    engine = open_engine(settings, url, {**encrypted, **limits})
    event.listen(engine, "begin", _begin)
    return State(engine, SERVER, migrating=_migrating)


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("reads", False):
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    else:
        # A writer that waited for another sees what that one committed, and locks no gaps between rows.
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")


@contextmanager
def _migrating(connection: Connection) -> Iterator[None]:
    """One process at a time; the lock also outlives the commits that changing a table brings with it."""
    lock = _lock_name(connection)
    asked = (connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (lock, _ASKED_SECONDS)).scalar() for _ in range(_TIMES_ASKED))
    if not any(taken == 1 for taken in asked):
        raise GwanjeError(f"another process has been migrating state for {_MIGRATION_SECONDS} s; see what it is doing")
    try:
        _compare_by_bytes(connection)
        with step_by_step(connection):
            yield
    finally:
        if not connection.invalidated:  # the lock of a connection that broke is gone with it
            connection.exec_driver_sql("SELECT RELEASE_LOCK(%s)", (lock,))


def _lock_name(connection: Connection) -> str:
    """A lock is the server's, not the database's, and its name at most 64 characters long."""
    database = connection.engine.url.database or ""
    return f"gwanje {hashlib.sha256(database.encode()).hexdigest()[:32]}"


def _compare_by_bytes(connection: Connection) -> None:
    """Make `web-1` and `WEB-1` two texts, and `a` and `a ` too, in every table that is made from here on."""
    maria = getattr(connection.dialect, "is_mariadb", False)
    wanted = "utf8mb4_nopad_bin" if maria else "utf8mb4_0900_bin"
    found = connection.exec_driver_sql("SELECT @@collation_database, DATABASE()").one()
    if found[0] == wanted:
        return
    name = connection.dialect.identifier_preparer.quote_identifier(found[1])
    change = f"ALTER DATABASE {name} CHARACTER SET utf8mb4 COLLATE {wanted}"
    try:
        connection.exec_driver_sql(change)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        raise GwanjeError(f"state must compare texts by their bytes ({said(error)}); run as its owner: {change}") from error
