"""State in which two alerts fire, about which something may be done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gwanje.keep.state import alerts, sqlite
from gwanje.keep.state.base import State
from gwanje.kinds import World

BEGAN = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = sqlite.create(sqlite.Settings(), World(tmp_path))
    state.migrate()
    with state.write() as connection:
        alerts.begin_episodes(connection, [_firing("e"), _firing("e1")])
    yield state
    state.close()


def _firing(id_: str) -> alerts.Row:
    texts = {"annotations": {}, "summary": {}, "operator": ">=", "query": "", "unit": ""}
    times = {"began_at": BEGAN, "fired_at": BEGAN, "for_ms": 0}
    known = {"id": id_, "fingerprint": id_, "rule": "web down", "labels": {"host": "web-1"}, "threshold": 1.0}
    return {**known, **texts, **times, "state": "firing", "severity": "critical"}
