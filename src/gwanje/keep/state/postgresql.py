"""State in a database of PostgreSQL (from 12 on)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final

from sqlalchemy import Connection, event

from gwanje import kinds
from gwanje.keep.state.base import State
from gwanje.keep.state.server import LOCK_SECONDS, Server, ServerSettings, address, open_engine

_PORT: Final = 5432
_MIGRATION: Final = 7_305_811_250_391_114
"""The number of the advisory lock; any that nobody else in this database uses."""
_TLS: Final = {"off": "disable", "required": "require", "verified": "verify-full"}


class Settings(ServerSettings):
    """State in PostgreSQL: for several processes that take over from each other."""

    schemes: ClassVar[tuple[str, ...]] = ("postgresql", "postgres")


def _code(error: BaseException) -> int | str | None:
    return getattr(error, "sqlstate", None)


# disk_full, read_only_sql_transaction
SERVER: Final = Server("PostgreSQL", "postgresql+psycopg", frozenset({"53100", "25006"}), _code)


def create(settings: Settings, world: kinds.World) -> State:
    arguments: dict[str, Any] = {
        "sslmode": _TLS[settings.tls],
        "options": f"-c lock_timeout={LOCK_SECONDS}s",
        # The other side may be gone without a word.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        "application_name": "gwanje",
    }
    if settings.tls == "verified":
        arguments["sslrootcert"] = str(settings.tls_ca) if settings.tls_ca else "system"
    engine = open_engine(settings, address(settings, SERVER.driver, _PORT), arguments)
    event.listen(engine, "begin", _begin)
    return State(engine, SERVER, migrating=_migrating)


def _begin(connection: Connection) -> None:
    # Writers read what is committed: one that waited for another sees what that one did.
    if connection.get_execution_options().get("reads", False):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


@contextmanager
def _migrating(connection: Connection) -> Iterator[None]:
    """One process at a time; the lock ends with the transaction."""
    connection.exec_driver_sql("SET LOCAL lock_timeout = '300s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION})")
    yield
