"""What most tests of watching need: state in a folder of its own, whose tables stand as migrations leave them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from gwanje.keep.state import sqlite
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import metadata
from gwanje.kinds import World


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = sqlite.create(sqlite.Settings(), World(tmp_path))
    event.listen(made.engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"))
    metadata.create_all(made.engine)
    yield made
    made.close()
