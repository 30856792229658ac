"""State: migrations and transactions."""

from __future__ import annotations

import math
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import ValidationError
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from gwanje import kinds
from gwanje.config import Secret
from gwanje.errors import GwanjeError, RetryLater
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import metadata, outside, settings
from gwanje.model import from_ms

from .conftest import SERVERS, opened


def test_migrating_makes_exactly_the_tables_of_the_code(empty: State) -> None:
    empty.migrate()
    with empty.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrating_twice_changes_nothing(empty: State) -> None:
    empty.migrate()
    with empty.write() as connection:
        connection.execute(settings.insert().values(name="a", value=1, changed_at=from_ms(0)))
    empty.migrate()
    with empty.read() as connection:
        assert [row["name"] for row in connection.execute(settings.select()).mappings()] == ["a"]


def test_of_two_that_start_at_once_one_migrates(kind: str, address: str, tmp_path: Path) -> None:
    both = [opened(kind, address, tmp_path) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(State.migrate, both))
    with both[1].read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    for state in both:
        state.close()


def test_a_database_of_a_newer_program_is_refused(empty: State) -> None:
    empty.migrate()
    with empty.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(GwanjeError, match="9999, which this version of gwanje does not know"):
        empty.migrate()


def test_what_is_raised_inside_a_transaction_undoes_all_of_it(state: State) -> None:

    def fail_half_way() -> None:
        with state.write() as connection:
            connection.execute(settings.insert().values(name="a", value=1, changed_at=from_ms(0)))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    with state.read() as connection:
        assert connection.execute(settings.select()).all() == []


def test_a_reader_sees_one_moment_while_others_write(state: State) -> None:
    with state.read() as reading:
        before = reading.execute(settings.select()).all()
        with state.write() as connection:
            connection.execute(settings.insert().values(name="a", value=1, changed_at=from_ms(0)))
        assert reading.execute(settings.select()).all() == before


def test_texts_of_every_language_and_size_come_back(state: State) -> None:
    wanted = {"name": "서버 🔥 ünïcode", "long": "가" * 30_000, "number": 0.1 + 0.2, "none": None, "list": [1, True]}
    with state.write() as connection:
        connection.execute(settings.insert().values(name="관제 🔥", value=wanted, changed_at=from_ms(1_772_355_600_123)))
    with state.read() as connection:
        row = connection.execute(settings.select()).mappings().one()
    assert (row["name"], row["value"], row["changed_at"]) == ("관제 🔥", wanted, from_ms(1_772_355_600_123))


@pytest.mark.parametrize("other", ["WEB-1", "web-1 ", "wéb-1"])
def test_keys_are_compared_by_their_bytes(state: State, other: str) -> None:
    with state.write() as connection:
        for name in ("web-1", other):
            connection.execute(settings.insert().values(name=name, value=1, changed_at=from_ms(0)))
        found = connection.execute(select(settings.c.name).where(settings.c.name == "web-1")).scalars().all()
    assert found == ["web-1"]


def test_numbers_are_kept_whole(state: State) -> None:
    row = {
        "fingerprint": "f" * 32,
        "source": "webhook",
        "rule": "r",
        "labels": {},
        "annotations": {},
        "severity": "critical",
        "threshold": "",
        "starts_at": from_ms(0),
        "renewed_at": from_ms(0),
        "url": "",
    }
    wanted = [16_777_217.1, 1e300, -0.1, math.nan, math.inf, None]
    with state.write() as connection:
        for number, value in enumerate(wanted):
            connection.execute(outside.insert().values({**row, "fingerprint": f"{number}", "value": value}))
    with state.read() as connection:
        found = connection.execute(select(outside.c.value).order_by(outside.c.fingerprint)).scalars().all()
    assert found == [16_777_217.1, 1e300, -0.1, None, None, None]


def test_a_unique_key_is_refused_and_the_rest_of_the_transaction_lives(state: State) -> None:
    row = {"name": "a", "value": 1, "changed_at": from_ms(0)}
    with state.write() as connection:
        connection.execute(settings.insert().values(row))
        with pytest.raises(IntegrityError), connection.begin_nested():
            connection.execute(settings.insert().values(row))
        connection.execute(settings.insert().values({**row, "name": "b"}))
    with state.read() as connection:
        assert connection.execute(select(settings.c.name).order_by(settings.c.name)).scalars().all() == ["a", "b"]


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_a_text_that_is_too_long_is_refused_and_not_cut(state: State) -> None:
    with pytest.raises(DBAPIError), state.write() as connection:
        connection.execute(settings.insert().values(name="x" * 101, value=1, changed_at=from_ms(0)))


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_a_connection_that_broke_is_replaced(kind: str, state: State) -> None:
    with state.read() as connection:
        own = {"mysql": "SELECT CONNECTION_ID()", "postgresql": "SELECT pg_backend_pid()"}[kind]
        number = connection.exec_driver_sql(own).scalar()
    with state.engine.connect() as killer:
        assert killer.exec_driver_sql(own).scalar() == number  # the pool gives the same one: it is the only one
        with state.engine.connect() as another:
            another.exec_driver_sql({"mysql": f"KILL {number}", "postgresql": f"SELECT pg_terminate_backend({number})"}[kind])
        killer.invalidate()
    with state.read() as connection:
        assert connection.execute(select(settings)).all() == []


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_a_connection_that_breaks_in_the_middle_changes_nothing_and_says_so(kind: str, state: State) -> None:
    own = {"mysql": "SELECT CONNECTION_ID()", "postgresql": "SELECT pg_backend_pid()"}[kind]
    end = {"mysql": "KILL {}", "postgresql": "SELECT pg_terminate_backend({})"}[kind]

    def broken() -> None:
        with state.write() as connection:
            connection.execute(settings.insert().values(name="a", value=1, changed_at=from_ms(0)))
            number = connection.exec_driver_sql(own).scalar()
            with state.engine.connect() as other:
                other.exec_driver_sql(end.format(number))
            connection.execute(settings.insert().values(name="b", value=1, changed_at=from_ms(0)))

    with pytest.raises(RetryLater, match=r"state in \w+ at 127\.0\.0\.1:\d+/gwanje cannot be reached"):
        broken()
    with state.read() as connection:
        assert connection.execute(select(settings)).all() == []


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_a_server_that_is_not_there_is_named_without_the_password(kind: str, tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        state = opened(kind, f"{kind}://kim:s3cret@127.0.0.1:{port}/shop", tmp_path)
        with pytest.raises(RetryLater) as caught:
            state.migrate()
    state.close()
    assert f"127.0.0.1:{port}/shop cannot be reached" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_an_address_of_another_sort_is_a_mistake_of_the_settings(kind: str) -> None:
    with pytest.raises(ValidationError, match=rf"must look like {kind}://USER:PASSWORD@HOST:PORT/DATABASE"):
        kinds.find("state", kind).Settings(url=Secret("sqlite:///x"))
