"""D1, D2, D4 as one property: whatever happens to whom and whenever the worker dies, each receiver hears the truth in order."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from gwanje import kinds
from gwanje.errors import RetryLater
from gwanje.keep.state import outbox, sqlite
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import metadata
from gwanje.tell.delivery import Delivery
from gwanje.tell.message import to_plain
from gwanje.tell.notifiers.base import FIRING, RESOLVED, Accepted, Notification
from gwanje.testing.notifiers import FIRING_ALERT, RESOLVED_ALERT, notification

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
GROUPS = 3
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("turns"), st.integers(0, 2 * GROUPS - 1)),  # an alert that was quiet fires, one that fires is over
        st.tuples(st.just("passes"), st.sampled_from([1, 5, 30, 90])),  # so many seconds, with a look at the outbox after them
        st.tuples(st.just("answers"), st.sampled_from(["takes", "refuses", "takes and dies", "asks for a pause"])),
        st.tuples(st.just("restarts"), st.just(0)),
    ),
    max_size=40,
)


class Died(BaseException):
    """The worker's process is gone."""


@dataclass
class Other:
    """A receiver that takes messages, or not, or takes one with which the worker dies."""

    does: str = "takes"
    heard: list[Notification] = field(default_factory=list)
    died_with: list[str] = field(default_factory=list)

    async def send(self, message: Notification) -> Accepted:
        if self.does == "refuses":
            raise RetryLater("no", status=500)
        if self.does == "asks for a pause":
            raise RetryLater("slow down", status=429, after=timedelta(seconds=20))
        self.heard.append(message)
        if self.does == "takes and dies":
            self.does = "takes"
            self.died_with.append(message.key)
            raise Died
        return Accepted()


@dataclass
class World:
    """One receiver, three groups of two alerts each, and a worker that may die at any time."""

    state: State
    now: datetime = NOW
    other: Other = field(default_factory=Other)
    lives: dict[int, int] = field(default_factory=dict)
    """How often each alert turned: an odd number fires."""
    decided: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.delivery = Delivery(self.state, {"ops": self.other}, None, worker_id="w", clock=lambda: self.now, chance=lambda: 1.0)
        self.delivery._take_up()

    def turn(self, number: int) -> None:
        """The alert's new state is decided to be told, with the others of its group that fire."""
        self.lives[number] = self.lives.get(number, 0) + 1
        group = number % GROUPS
        fires = {one: turned for one, turned in self.lives.items() if one % GROUPS == group and turned % 2}
        told = [replace(FIRING_ALERT, episode=f"{one}.{turned // 2}") for one, turned in fires.items()]
        if number not in fires:
            told.append(replace(RESOLVED_ALERT, episode=f"{number}.{(self.lives[number] - 1) // 2}"))
        key = f"k{len(self.decided)}"
        message = replace(notification(*told), key=key, group_key=f"g{group}")
        self.decided.append(key)
        with self.state.write() as connection:
            outbox.put(
                connection,
                key=key,
                receiver="ops",
                group_key=f"g{group}",
                reason="new alerts",
                episodes=[one.episode for one in told],
                message=to_plain(message),
                now=self.now,
                deadline=self.now + timedelta(hours=24),
            )

    async def look(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        try:
            await self.delivery.once()
        except Died:
            self.restart()

    async def live(self, steps: Sequence[tuple[str, int | str]]) -> None:
        for what, which in steps:
            match what, which:
                case "turns", int():
                    self.turn(which)
                case "passes", int():
                    await self.look(which)
                case "answers", str():
                    self.other.does = which
                case _:
                    self.restart()
        self.other.does = "takes"
        for _ in range(4):
            await self.look(3600)

    def heard_of(self, episode: str) -> list[str]:
        return [one.state for message in self.other.heard for one in message.alerts if one.episode == episode]


@settings(max_examples=30)
@given(STEPS)
def test_d4_a_receiver_hears_of_each_alert_in_order_and_its_last_word(steps: Sequence[tuple[str, int | str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = sqlite.create(sqlite.Settings(), kinds.World(Path(folder)))
        event.listen(state.engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"))
        metadata.create_all(state.engine)
        world = World(state)
        asyncio.run(world.live(steps))
        with state.read() as connection:
            left = outbox.counts_by_state(connection)
        state.close()
    assert set(left) <= {"sent"}
    for number, turned in world.lives.items():
        for life in range((turned + 1) // 2):
            heard = world.heard_of(f"{number}.{life}")
            over = turned >= 2 * life + 2
            assert heard, "nobody heard of it"
            assert heard == sorted(heard), f"firing after it was over: {heard}"  # "firing" < "resolved"
            assert heard[-1] == (RESOLVED if over else FIRING)
    came, died = Counter(message.key for message in world.other.heard), Counter(world.other.died_with)
    assert all(count <= 1 + died[key] for key, count in came.items()), "twice, although nobody died with it"
