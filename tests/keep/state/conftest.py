"""State of every kind: one suite, run on the file of this process and on real servers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from gwanje import kinds
from gwanje.config import Secret
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import metadata
from tests.conftest import require
from tests.engines import databases

SERVERS = {"mysql": ("mariadb", databases.mariadb), "postgresql": ("postgresql", databases.postgresql)}
KINDS = [
    "sqlite",
    pytest.param("mysql", marks=pytest.mark.engine("mariadb")),
    pytest.param("postgresql", marks=pytest.mark.engine("postgresql")),
]
_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    require("mariadb")
    with databases.mariadb() as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    require("postgresql")
    with databases.postgresql() as url:
        yield url


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def server_url(request: pytest.FixtureRequest, kind: str) -> str:
    url: str = request.getfixturevalue({"mysql": "mariadb_url", "postgresql": "postgresql_url"}[kind])
    return url


def opened(kind: str, url: str, folder: Path) -> State:
    """State of a kind, at an address or in a folder."""
    module = kinds.find("state", kind)
    settings = module.Settings() if kind == "sqlite" else module.Settings(url=Secret(url))
    state: State = module.create(settings, kinds.World(folder))
    return state


@contextmanager
def _new_database(kind: str, url: str) -> Iterator[str]:
    """A database of its own on the server."""
    name = f"test_{next(_NUMBERS)}"
    server = opened(kind, url, Path())
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}")
        server.close()


@pytest.fixture
def address(kind: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty database; empty for the kind that needs none."""
    if kind == "sqlite":
        yield ""
        return
    with _new_database(kind, server_url(request, kind)) as url:
        yield url


@pytest.fixture
def empty(kind: str, address: str, tmp_path: Path) -> Iterator[State]:
    """State without any table."""
    state = opened(kind, address, tmp_path)
    yield state
    state.close()


@pytest.fixture
def state(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    """State with its tables, and nothing in them."""
    state = opened(kind, "" if kind == "sqlite" else server_url(request, kind), tmp_path)
    state.migrate()
    yield state
    with state.write() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    state.close()
