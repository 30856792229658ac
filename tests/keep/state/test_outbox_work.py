"""How much a claim reads while thousands of messages wait that are too fresh to have statistics: next to nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update

from gwanje.keep.state import outbox
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import outbox as rows
from gwanje.keep.state.tables import outbox_episodes

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
MANY = 3000
FEW_PAGES = 150
"""Pages of 8 KiB. All that waits lies on many more."""

pytestmark = [
    pytest.mark.parametrize("kind", [pytest.param("postgresql", marks=pytest.mark.engine("postgresql"))], indirect=True),
]


@pytest.fixture
def fresh(empty: State) -> State:
    """State whose tables have no statistics, and get none."""
    empty.migrate()
    with empty.write() as connection:
        for table in ("outbox", "outbox_episodes"):
            connection.exec_driver_sql(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    return empty


def _put_many(state: State, *, groups: int) -> None:
    """Messages of one receiver that all wait, each about an episode of its own."""
    row = {
        "receiver": "ops",
        "reason": "first",
        "message": {"text": "x" * 300},
        "state": outbox.WAITING,
        "created_at": NOW,
        "next_at": NOW,
        "deadline_at": NOW + timedelta(hours=24),
        "tries": 0,
        "error": "",
    }
    with state.write() as connection:
        connection.execute(insert(rows), [{**row, "key": f"k{n}", "group_key": f"g{n % groups}"} for n in range(MANY)])
        ids = connection.execute(select(rows.c.id).order_by(rows.c.id)).scalars()
        connection.execute(insert(outbox_episodes), [{"outbox_id": id_, "episode": f"e{id_}"} for id_ in ids])


def _pages(state: State, statement: str, parameters: Any) -> int:
    """How many pages a statement touches."""
    with state.engine.connect() as connection:
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
        told = connection.exec_driver_sql(explain, parameters).scalar_one()
        (plan,) = json.loads(told) if isinstance(told, str) else told
        connection.rollback()
    return int(plan["Plan"]["Shared Hit Blocks"]) + int(plan["Plan"]["Shared Read Blocks"])


def _touched(state: State) -> dict[str, int]:
    """The pages that each SELECT of a claim touches. The claim is given up, so that each is looked at as it was found."""
    seen: list[tuple[str, Any]] = []
    event.listen(state.engine, "before_cursor_execute", lambda *given: seen.append((given[2], given[3])))
    with state.engine.connect() as connection:
        assert outbox.is_due(connection, "ops", NOW)
        assert outbox.claim(connection, "ops", "a", NOW, NOW + timedelta(seconds=60)) is not None
        connection.rollback()
    return {statement[:60]: _pages(state, statement, given) for statement, given in seen if statement.startswith("SELECT")}


def _sent(state: State, share: float) -> None:
    with state.write() as connection:
        last = int(MANY * share)
        connection.execute(update(rows).where(rows.c.id <= last).values(state=outbox.SENT, done_at=NOW))


@pytest.mark.parametrize("groups", [1, 10, MANY], ids=["one group", "ten groups", "each a group"])
def test_a_claim_reads_few_pages_however_much_waits(fresh: State, groups: int) -> None:
    _put_many(fresh, groups=groups)
    touched = _touched(fresh)
    assert max(touched.values()) < FEW_PAGES, touched


@pytest.mark.parametrize("groups", [1, MANY], ids=["one group", "each a group"])
def test_a_claim_reads_few_pages_after_many_messages_were_sent(fresh: State, groups: int) -> None:
    _put_many(fresh, groups=groups)
    _sent(fresh, 0.5)
    touched = _touched(fresh)
    assert max(touched.values()) < FEW_PAGES * 2, touched


def test_a_group_whose_first_message_waits_costs_one_look_at_each_of_the_others(fresh: State) -> None:
    """Not one look at each for each of them: as many pages as there are messages, a few times over."""
    _put_many(fresh, groups=1)
    with fresh.write() as connection:
        connection.execute(update(rows).where(rows.c.key == "k0").values(next_at=NOW + timedelta(minutes=5)))
    seen: list[tuple[str, Any]] = []
    event.listen(fresh.engine, "before_cursor_execute", lambda *given: seen.append((given[2], given[3])))
    with fresh.read() as connection:
        assert not outbox.is_due(connection, "ops", NOW)
    ((statement, given),) = [one for one in seen if one[0].startswith("SELECT EXISTS")]
    assert _pages(fresh, statement, given) < MANY * 6
