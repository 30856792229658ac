"""The promise of state: transactions on one relational database, whichever engine holds it.

Functions of this room's other files take a `Connection` and never commit: whoever opened the transaction decides what
belongs together. Everything here is synchronous; doors call it in threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from gwanje.errors import GwanjeError, RetryLater, StoreFull
from gwanje.keep.state.server import LOCK_SECONDS, Server, place, said

Migrating = Callable[[Connection], AbstractContextManager[None]]
"""What a kind does around a migration, so that of two processes that start at once one migrates."""


class State:
    """One database. Made by a kind; closed by whoever made it."""

    def __init__(
        self,
        engine: Engine,
        server: Server | None = None,
        *,
        migrating: Migrating | None = None,
        guard: Callable[[Connection], None] | None = None,
    ) -> None:
        self.engine = engine
        self._server = server
        self._migrating = migrating or (lambda _connection: nullcontext())
        self._guard = guard
        self._writing = threading.Lock()

    @property
    def shared(self) -> bool:
        """Whether several processes may work on it at once: it lies on a server and not in one process's folder."""
        return self._server is not None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back when anything is raised.

        StoreFull: nothing can be written now. RetryLater: the server cannot be reached now. Nothing was changed, unless the
        connection broke in the very moment of the commit.
        """
        with self._explained(), self._alone(), self.engine.begin() as connection:
            if self._guard is not None:
                self._guard(connection)
            yield connection

    def guarded(self, guard: Callable[[Connection], None]) -> State:
        """The same database with a guard, which is called first in each transaction that writes, and may refuse it by raising."""
        return State(self.engine, self._server, migrating=self._migrating, guard=guard)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A view that stays the same until its end."""
        with self._explained(), self.engine.connect().execution_options(reads=True) as connection:
            yield connection

    def migrate(self) -> None:
        """Bring the database to this program's tables. Refuses one that a newer program has already changed."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        scripts = ScriptDirectory.from_config(config)
        with self._explained(), self.engine.begin() as connection, self._migrating(connection):
            current = MigrationContext.configure(connection).get_current_revision()
            if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
                raise GwanjeError(
                    f"state is at revision {current}, which this version of gwanje does not know; run the newer one"
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer of this process at a time, where the engine has room for no second: it would find out by trying again."""
        if self.shared:
            yield
            return
        if not self._writing.acquire(timeout=LOCK_SECONDS):
            raise RetryLater(f"another transaction writes for more than {LOCK_SECONDS} s; try later")
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except NoConnection as error:
            raise RetryLater(f"every connection to {self._name} is in use; try later, or set `connections` higher") from error
        except DBAPIError as error:
            if self._is_full(error):
                raise StoreFull(f"{self._name} cannot be written ({said(error)}); free some space") from error
            # A server that cannot be reached fails while connecting; the statement is empty then.
            if self._server is not None and (error.connection_invalidated or not error.statement):
                raise RetryLater(f"{self._name} cannot be reached ({said(error)}); see that it runs and takes us in") from error
            raise

    @property
    def _name(self) -> str:
        return f"state in {self._server.name} at {place(self.engine.url)}" if self._server else "state"

    def _is_full(self, error: DBAPIError) -> bool:
        if self._server is None:
            return "disk is full" in str(error) or "readonly" in str(error)
        return error.orig is not None and self._server.code(error.orig) in self._server.full

    def close(self) -> None:
        self.engine.dispose()
