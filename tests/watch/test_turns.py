"""Of two processes on one state one evaluates; the other goes on when that one is gone."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from gwanje.errors import RetryLater
from gwanje.keep.state import leases
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import settings
from gwanje.watch.turns import LASTS, Turns

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass
class Watcher:
    """One process: its clock, its turns, and how often it began."""

    state: State
    name: str
    now: datetime = NOW
    began: int = 0
    turns: Turns = field(init=False)

    def __post_init__(self) -> None:
        self.turns = Turns(self.state, self.name, lambda: self.now)

    async def mine(self, at: datetime) -> bool:
        self.now = at
        return await self.turns.mine(at, begins=self._begins)

    def writes(self, name: str) -> None:
        with self.turns.state.write() as connection:
            connection.execute(settings.insert().values(name=name, value=1, changed_at=NOW))

    def _begins(self) -> None:
        self.began += 1


@pytest.fixture
def both(state: State) -> tuple[Watcher, Watcher]:
    return Watcher(state, "a"), Watcher(state, "b")


async def test_one_has_the_turn_and_keeps_it_as_long_as_it_asks(both: tuple[Watcher, Watcher]) -> None:
    a, b = both
    heard = [(await a.mine(NOW + SECOND * second), await b.mine(NOW + SECOND * second)) for second in range(60)]
    assert set(heard) == {(True, False)}
    assert (a.began, b.began) == (1, 0)


async def test_g2_another_goes_on_when_the_lease_of_a_killed_one_ran_out(both: tuple[Watcher, Watcher]) -> None:
    a, b = both
    await a.mine(NOW)
    assert not await b.mine(NOW + LASTS - SECOND)
    assert await b.mine(NOW + LASTS)
    assert b.began == 1


async def test_g2_who_was_stopped_for_longer_than_its_lease_writes_nothing(both: tuple[Watcher, Watcher]) -> None:
    """It asked for its turn, was stopped, and goes on after another process took over."""
    a, b = both
    assert await a.mine(NOW)
    assert await b.mine(NOW + LASTS)
    with pytest.raises(RetryLater, match="another process evaluates now"):
        a.writes("late")
    b.writes("in time")
    with b.state.read() as connection:
        assert connection.execute(select(settings.c.name)).scalars().all() == ["in time"]
    assert not await a.mine(NOW + LASTS)


async def test_who_wrote_after_its_lease_ran_out_has_it_still_when_nobody_took_it(both: tuple[Watcher, Watcher]) -> None:
    a, b = both
    await a.mine(NOW)
    a.now = NOW + LASTS * 2
    a.writes("late")
    assert not await b.mine(NOW + LASTS * 2)


async def test_who_had_no_turn_for_a_while_begins_anew(both: tuple[Watcher, Watcher]) -> None:
    a, b = both
    await a.mine(NOW)
    await b.mine(NOW + LASTS)
    b.turns.give_back()
    assert await a.mine(NOW + LASTS + SECOND)
    assert a.began == 2


async def test_a_turn_that_is_given_back_is_taken_at_once(both: tuple[Watcher, Watcher]) -> None:
    a, b = both
    await a.mine(NOW)
    a.turns.give_back()
    assert await b.mine(NOW)


def test_nobody_gives_back_what_another_holds(state: State) -> None:
    with state.write() as connection:
        assert leases.take(connection, "evaluation", "a", NOW, NOW + LASTS)
        leases.give_back(connection, "evaluation", "b")
        assert not leases.take(connection, "evaluation", "b", NOW, NOW + LASTS)
