"""What one process says that it changed is heard in the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select

from gwanje import kinds
from gwanje.carry.sharing import SharedUpdates
from gwanje.carry.updates.base import Update, Updates
from gwanje.carry.updates.memory import MemoryUpdates
from gwanje.keep.state import sqlite
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import changes
from gwanje.testing.updates import UpdatesContract

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
Process = Callable[[str], SharedUpdates]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = sqlite.create(sqlite.Settings(), kinds.World(tmp_path))
    made.migrate()
    yield made
    made.close()


class TestShared(UpdatesContract):
    @pytest.fixture
    def waiting(self) -> int:
        return 5

    @pytest.fixture
    def updates(self, waiting: int, state: State) -> Updates:
        return SharedUpdates(MemoryUpdates(waiting), state, "a", clock=lambda: NOW)


@pytest.fixture
def process(state: State) -> Process:
    return lambda name: SharedUpdates(MemoryUpdates(), state, name, clock=lambda: NOW)


async def _both(*processes: SharedUpdates) -> None:
    for one in processes:
        await one.once()


async def test_what_one_changes_another_hears_once(process: Process) -> None:
    a, b = process("a"), process("b")
    await _both(a, b)
    async with b.listen() as heard:
        a.publish(Update("alerts", "e1"))
        a.publish(Update("alerts", "e2"))
        a.publish(Update("outbox"))
        await _both(a, b, a, b)
        b.publish(Update("samples", "the end"))
        assert [await anext(heard) for _ in range(3)] == [Update("alerts"), Update("outbox"), Update("samples", "the end")]


async def test_nobody_hears_its_own_word_twice(process: Process) -> None:
    a, b = process("a"), process("b")
    await _both(a, b)
    async with a.listen() as heard:
        a.publish(Update("alerts", "e1"))
        await _both(a, b, a, b, a)
        a.publish(Update("samples", "the end"))
        assert [await anext(heard) for _ in range(2)] == [Update("alerts", "e1"), Update("samples", "the end")]


async def test_each_change_is_heard_anew_and_of_a_new_process_too(process: Process) -> None:
    a, b = process("a"), process("b")
    await _both(a, b)
    async with b.listen() as heard:
        for one in (a, a, process("c")):
            one.publish(Update("alerts"))
            await _both(one, b)
            assert await anext(heard) == Update("alerts")


async def test_what_was_said_before_a_process_began_is_no_news_to_it(process: Process) -> None:
    a, b = process("a"), process("b")
    a.publish(Update("alerts"))
    await _both(a, b)
    async with b.listen() as heard:
        await _both(a, b)
        b.publish(Update("samples", "the end"))
        assert await anext(heard) == Update("samples", "the end")


async def test_what_changes_all_the_time_and_not_in_state_is_not_written(process: Process, state: State) -> None:
    a = process("a")
    for topic in ("samples", "events", "fetches"):
        a.publish(Update(topic))
    await a.once()
    with state.read() as connection:
        assert connection.execute(select(changes)).all() == []


async def test_while_state_cannot_be_written_nothing_is_lost(process: Process, state: State) -> None:
    a, b = process("a"), process("b")
    await _both(a, b)

    def rename(before: str, after: str) -> None:
        with state.engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {before} RENAME TO {after}")

    async with b.listen() as heard:
        a.publish(Update("alerts"))
        rename("changes", "away")
        await _both(a, b)
        rename("away", "changes")
        await _both(a, b)
        assert await anext(heard) == Update("alerts")


async def test_quiet_processes_write_nothing(process: Process, state: State) -> None:
    statements: list[str] = []
    event.listen(state.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    a = process("a")
    await _both(a, a, a)
    assert {statement.split()[0] for statement in statements} <= {"SELECT", "BEGIN"}


async def test_the_words_of_processes_that_are_gone_are_forgotten(state: State) -> None:
    gone = SharedUpdates(MemoryUpdates(), state, "gone", clock=lambda: NOW)
    gone.publish(Update("alerts"))
    await gone.once()
    later = SharedUpdates(MemoryUpdates(), state, "later", clock=lambda: NOW + timedelta(hours=2))
    later.publish(Update("alerts"))
    await later.once()
    with state.read() as connection:
        assert connection.execute(select(changes.c.process)).scalars().all() == ["later"]
