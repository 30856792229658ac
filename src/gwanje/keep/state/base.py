"""The promise of state: transactions on one relational database, whichever engine holds it.

Functions of this room's other files take a `Connection` and never commit: whoever opened the transaction decides what
belongs together. Everything here is synchronous; doors call it in threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from gwanje.errors import GwanjeError, StoreFull


class State:
    """One database. Made by a kind; closed by whoever made it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back when anything is raised. StoreFull: the disk took no more."""
        try:
            with self.engine.begin() as connection:
                yield connection
        except OperationalError as error:
            if "disk is full" in str(error) or "readonly" in str(error):
                raise StoreFull(f"state cannot be written ({error.orig}); free some space, nothing was changed") from error
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A view that stays the same until its end."""
        with self.engine.connect().execution_options(reads=True) as connection:
            yield connection

    def migrate(self) -> None:
        """Bring the database to this program's tables. Refuses one that a newer program has already changed."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        scripts = ScriptDirectory.from_config(config)
        with self.engine.begin() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
            if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
                raise GwanjeError(
                    f"state is at revision {current}, which this version of gwanje does not know; run the newer one"
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        self.engine.dispose()
