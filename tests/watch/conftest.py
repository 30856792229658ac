"""What most tests of watching need: state in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gwanje.keep.state import sqlite
from gwanje.keep.state.base import State
from gwanje.kinds import World


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = sqlite.create(sqlite.Settings(), World(tmp_path))
    made.migrate()
    yield made
    made.close()
