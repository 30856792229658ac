"""A migration that is stopped anywhere goes on where it was stopped, and of two starters one migrates."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event

from gwanje.errors import GwanjeError, RetryLater
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import metadata

from .conftest import SERVERS, opened

_CHANGES = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")
_KILL = {"mysql": "KILL CONNECTION {}", "postgresql": "SELECT pg_terminate_backend({})"}
_OWN = {"mysql": "SELECT CONNECTION_ID()", "postgresql": "SELECT pg_backend_pid()"}
_STARTER = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
sys.path.insert(0, sys.argv[4])
from tests.keep.state.conftest import opened

state, dies_at, seen = opened(sys.argv[1], sys.argv[2], Path()), int(sys.argv[3]), 0

def done(connection, cursor, statement, parameters, context, many):
    global seen
    seen += statement.split(None, 1)[0].upper() in ("CREATE", "ALTER", "DROP")
    if seen == dies_at > 0:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(state.engine, "after_cursor_execute", done)
state.migrate()
"""
_ROOT = Path(__file__).parents[3]


def _is_whole(state: State) -> bool:
    with state.read() as connection:
        return not compare_metadata(MigrationContext.configure(connection), metadata)


class _Breaking:
    """Breaks the connection at the first statement that changes something and that no start was stopped at before."""

    def __init__(self, state: State, kind: str, stopped_at: set[str], *, after: bool) -> None:
        self._kind, self._stopped_at, self._after = kind, stopped_at, after
        self._killer = state.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        event.listen(state.engine, "connect", self._connected)

    def _connected(self, dbapi: Any, _record: Any) -> None:
        name = {"mysql": "cursorclass", "postgresql": "cursor_factory"}[self._kind]
        breaking = self
        usual: Any = getattr(dbapi, name)

        class Cursor(usual):  # type: ignore[misc] # the driver's own class, known only here
            def execute(self, statement: Any, *rest: Any, **named: Any) -> Any:
                if not breaking.is_the_one(statement):
                    return super().execute(statement, *rest, **named)
                super().execute(_OWN[breaking._kind])
                kill = _KILL[breaking._kind].format(self.fetchone()[0])
                if breaking._after:
                    super().execute(statement, *rest, **named)
                breaking._killer.exec_driver_sql(kill)
                return super().execute(statement, *rest, **named)

        setattr(dbapi, name, Cursor)

    def is_the_one(self, statement: Any) -> bool:
        if not str(statement).strip().upper().startswith(_CHANGES) or statement in self._stopped_at:
            return False
        self._stopped_at.add(statement)
        return True

    def close(self) -> None:
        self._killer.close()


def _stopped(kind: str, address: str, folder: Path, stopped_at: set[str], *, after: bool) -> bool:
    state = opened(kind, address, folder)
    breaking = _Breaking(state, kind, stopped_at, after=after)
    try:
        state.migrate()
    except RetryLater:
        return True
    finally:
        breaking.close()
        state.close()
    return False


@pytest.mark.parametrize("after", [False, True], ids=["before the statement", "after the statement"])
@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_d1_a_migration_that_is_stopped_at_each_of_its_statements_goes_on(
    kind: str, empty: State, address: str, tmp_path: Path, *, after: bool
) -> None:
    stopped_at: set[str] = set()
    while _stopped(kind, address, tmp_path, stopped_at, after=after):
        assert len(stopped_at) < 1000
    assert len(stopped_at) > 50, "the migrations have more statements than this"
    assert _is_whole(empty)


@pytest.mark.parametrize("dies_at", [5, 40])
@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_a_process_that_is_killed_while_it_migrates_leaves_what_the_next_takes_up(
    kind: str, empty: State, address: str, dies_at: int
) -> None:
    killed = subprocess.run([sys.executable, "-c", _STARTER, kind, address, str(dies_at), str(_ROOT)], check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    empty.migrate()
    assert _is_whole(empty)


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_of_two_processes_that_start_at_once_one_migrates(kind: str, empty: State, address: str) -> None:
    command = [sys.executable, "-c", _STARTER, kind, address, "0", str(_ROOT)]
    both = [subprocess.Popen(command, env=os.environ) for _ in range(2)]
    assert [one.wait(120) for one in both] == [0, 0]
    assert _is_whole(empty)


@pytest.mark.parametrize("kind", ["mysql"], indirect=True)
@pytest.mark.engine("mariadb")
def test_a_table_of_somebody_else_is_never_taken_for_ours(empty: State) -> None:
    with empty.write() as connection:
        connection.exec_driver_sql("CREATE TABLE users (id INTEGER)")
    for _ in range(2):
        with pytest.raises(Exception, match="already exists"):
            empty.migrate()


@pytest.mark.parametrize("kind", ["mysql"], indirect=True)
@pytest.mark.engine("mariadb")
def test_a_migration_that_another_version_left_half_done_is_not_gone_on_with(empty: State) -> None:
    with empty.write() as connection:
        connection.exec_driver_sql("CREATE TABLE migration_step (number INTEGER, statement CHAR(64), unsure BOOLEAN)")
        connection.exec_driver_sql("INSERT INTO migration_step VALUES (3, 'another', TRUE)")
    with pytest.raises(GwanjeError, match="in the middle of a migration by another version"):
        empty.migrate()
