"""State in one SQLite file of the data folder."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import Connection, create_engine, event

from gwanje import config, kinds
from gwanje.keep.state.base import State


class Settings(config.Settings):
    """State in `state/state.db` of the data folder: for one machine. Nothing to set."""


def create(settings: Settings, world: kinds.World) -> State:
    folder = world.folder / "state"
    folder.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{folder / 'state.db'}", connect_args={"timeout": 30})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return State(engine)


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # sqlite3 would begin transactions by its own rules; `_begin` does it by ours
    # A killed process loses nothing with synchronous=NORMAL in WAL mode; FULL also survives a power cut, as the outbox must.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at the start: two writers wait for each other instead of failing in the middle.
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
