"""A loop that runs in one process at a time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from gwanje.keep.state.base import State
from gwanje.watch import taking
from gwanje.watch.taking import in_turns
from gwanje.watch.turns import LASTS, Turns

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@dataclass
class Process:
    """One process: its clock, and what its loop did."""

    state: State
    name: str
    now: datetime = NOW
    began: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self) -> asyncio.Task[None]:
        turns = Turns(self.state, self.name, lambda: self.now, name="recording")
        return asyncio.create_task(in_turns(turns, self._loop, clock=lambda: self.now))

    async def _loop(self) -> None:
        self.ended.clear()
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.began.clear()
            self.ended.set()


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "_LOOK_SECONDS", 0.01)


async def _stop(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_of_two_processes_one_runs_and_the_other_goes_on_when_it_stops(state: State) -> None:
    a, b = Process(state, "a"), Process(state, "b")
    async with asyncio.timeout(30):
        first = a.start()
        await a.began.wait()
        second = b.start()
        await asyncio.sleep(0.1)  # a few looks
        assert not b.began.is_set()
        await _stop(first)
        assert a.ended.is_set()
        await b.began.wait()
        await _stop(second)


async def test_a_killed_ones_turn_ends_with_its_lease(state: State) -> None:
    assert await Turns(state, "killed", lambda: NOW, name="recording").mine(NOW, begins=lambda: None)
    b = Process(state, "b")
    async with asyncio.timeout(30):
        task = b.start()
        await asyncio.sleep(0.1)
        assert not b.began.is_set()
        b.now = NOW + LASTS
        await b.began.wait()
        await _stop(task)


async def test_who_was_overtaken_ends_its_loop_and_begins_it_anew_later(state: State) -> None:
    a = Process(state, "a")
    other = Turns(state, "b", lambda: NOW, name="recording")
    async with asyncio.timeout(30):
        task = a.start()
        await a.began.wait()
        assert await other.mine(NOW + LASTS, begins=lambda: None)  # as when `a` was stopped for longer than its lease
        a.now = NOW + LASTS + timedelta(seconds=1)
        await a.ended.wait()
        other.give_back()
        await a.began.wait()
        await _stop(task)


async def test_while_state_is_away_the_loop_runs_as_long_as_its_lease(state: State) -> None:
    a = Process(state, "a")
    async with asyncio.timeout(30):
        task = a.start()
        await a.began.wait()
        with state.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE leases RENAME TO away")
        a.now = NOW + LASTS - timedelta(seconds=1)
        await asyncio.sleep(0.1)
        assert a.began.is_set()
        a.now = NOW + LASTS
        await a.ended.wait()
        with state.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE away RENAME TO leases")
        await a.began.wait()
        await _stop(task)


async def test_what_the_loop_raises_is_raised(state: State) -> None:
    async def broken() -> None:
        raise ValueError("a mistake of ours")

    with pytest.raises(ValueError, match="a mistake of ours"):
        await in_turns(Turns(state, "a", lambda: NOW, name="recording"), broken, clock=lambda: NOW)
    assert await Turns(state, "b", lambda: NOW, name="recording").mine(NOW, begins=lambda: None), "the turn was given back"
