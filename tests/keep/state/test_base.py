"""State: migrations and transactions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from gwanje import kinds
from gwanje.errors import GwanjeError
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import metadata, settings
from gwanje.model import from_ms


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    kind = kinds.find("state", "sqlite")
    state: State = kind.create(kind.Settings(), kinds.World(tmp_path))
    yield state
    state.close()


def test_migrating_makes_exactly_the_tables_of_the_code(state: State) -> None:
    state.migrate()
    with state.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrating_twice_changes_nothing(state: State) -> None:
    state.migrate()
    with state.write() as connection:
        connection.execute(settings.insert().values(name="a", value=1, changed_at=from_ms(0)))
    state.migrate()
    with state.read() as connection:
        assert [row["name"] for row in connection.execute(settings.select()).mappings()] == ["a"]


def test_a_database_of_a_newer_program_is_refused(state: State) -> None:
    state.migrate()
    with state.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(GwanjeError, match="9999, which this version of gwanje does not know"):
        state.migrate()


def test_what_is_raised_inside_a_transaction_undoes_all_of_it(state: State) -> None:
    state.migrate()

    def fail_half_way() -> None:
        with state.write() as connection:
            connection.execute(settings.insert().values(name="a", value=1, changed_at=from_ms(0)))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    with state.read() as connection:
        assert connection.execute(settings.select()).all() == []


def test_a_reader_sees_one_moment_while_others_write(state: State) -> None:
    state.migrate()
    with state.read() as reading:
        before = reading.execute(settings.select()).all()
        with state.write() as connection:
            connection.execute(settings.insert().values(name="a", value=1, changed_at=from_ms(0)))
        assert reading.execute(settings.select()).all() == before
