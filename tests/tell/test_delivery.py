"""Outbox → notifiers: at least once, in order, every attempt kept."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from gwanje import kinds
from gwanje.carry.updates import memory
from gwanje.carry.updates.base import Update
from gwanje.errors import Rejected, RetryLater
from gwanje.keep.state import outbox, sqlite
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import attempts, metadata
from gwanje.keep.state.tables import outbox as rows
from gwanje.tell.delivery import LEASE, Delivery
from gwanje.tell.message import to_plain
from gwanje.tell.notifiers.base import Notification, Notifier
from gwanje.testing.notifiers import Recorder, notification

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Stuck:
    """Takes a message and never answers, as a process that is killed while it sends."""

    taken: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, _notification: Notification) -> int | None:
        self.taken.set()
        await asyncio.Event().wait()
        return None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = sqlite.create(sqlite.Settings(), kinds.World(tmp_path))
    metadata.create_all(made.engine)
    yield made
    made.close()


def _put(state: State, key: str, receiver: str = "ops") -> None:
    with state.write() as connection:
        outbox.put(
            connection,
            key=key,
            receiver=receiver,
            group_key="g1",
            reason="first",
            episodes=["e1"],
            message=to_plain(notification()) | {"key": key, "receiver": receiver},
            now=NOW,
            deadline=NOW + timedelta(hours=24),
        )


def _delivery(state: State, clock: Clock, receivers: Mapping[str, Notifier], worker: str = "a") -> Delivery:
    return Delivery(state, receivers, None, worker_id=worker, clock=clock, chance=lambda: 1.0)


def _keys(recorder: Recorder) -> list[str]:
    return [one.key for one in recorder.sent]


def _kept(state: State) -> list[tuple[object, ...]]:
    with state.read() as connection:
        query = select(attempts.c.outcome, attempts.c.status, attempts.c.error).order_by(attempts.c.id)
        return [tuple(one) for one in connection.execute(query)]


def _states(state: State) -> list[tuple[str, int]]:
    with state.read() as connection:
        return [tuple(one) for one in connection.execute(select(rows.c.state, rows.c.tries).order_by(rows.c.id))]


async def test_what_waits_is_sent_once_and_in_order(state: State, clock: Clock) -> None:
    for key in ("k1", "k2", "k3"):
        _put(state, key)
    recorder = Recorder()
    delivery = _delivery(state, clock, {"ops": recorder})
    assert [await delivery.once(), await delivery.once()] == [3, 0]
    assert _keys(recorder) == ["k1", "k2", "k3"]


async def test_d3_later_is_tried_again_with_longer_pauses_and_retry_after_is_kept(state: State, clock: Clock) -> None:
    _put(state, "k1")
    recorder = Recorder(failures=[RetryLater("busy", status=503), RetryLater("busy", status=429, after=timedelta(seconds=40))])
    delivery = _delivery(state, clock, {"ops": recorder})
    tried = []
    for second in range(60):
        clock.now = NOW + timedelta(seconds=second)
        tried += [second] * await delivery.once()
    assert tried == [0, 1, 41]
    assert _keys(recorder) == ["k1"]
    assert _kept(state) == [("later", 503, "busy"), ("later", 429, "busy"), ("sent", None, "")]


async def test_d3_a_final_answer_fails_the_message(state: State, clock: Clock) -> None:
    _put(state, "k1")
    recorder = Recorder(failures=[Rejected("no such hook", status=404)])
    delivery = _delivery(state, clock, {"ops": recorder})
    await delivery.once()
    clock.now += timedelta(hours=1)
    assert await delivery.once() == 0
    assert (_states(state), _kept(state)) == ([("failed", 1)], [("failed", 404, "no such hook")])


async def test_d3_after_the_deadline_it_is_failed(state: State, clock: Clock) -> None:
    _put(state, "k1")
    recorder = Recorder(failures=[RetryLater("busy")])
    clock.now = NOW + timedelta(hours=24) - timedelta(seconds=1)
    await _delivery(state, clock, {"ops": recorder}).once()
    assert _states(state) == [("failed", 1)]


async def test_a_notifiers_own_fault_neither_loses_the_message_nor_tells_its_text(state: State, clock: Clock) -> None:
    _put(state, "k1")
    recorder = Recorder(failures=[ValueError("https://hooks.example/secret")])
    delivery = _delivery(state, clock, {"ops": recorder})
    await delivery.once()
    clock.now += timedelta(seconds=1)
    await delivery.once()
    assert _keys(recorder) == ["k1"]
    assert _kept(state)[0] == ("later", None, "the notifier failed with ValueError")


async def test_d1_what_was_committed_before_a_crash_is_sent_after_it(state: State, clock: Clock) -> None:
    """The first delivery dies between the claim and the answer; another on the same state sends the same message."""
    _put(state, "k1")
    stuck = Stuck()
    killed = asyncio.create_task(_delivery(state, clock, {"ops": stuck}).once())
    await stuck.taken.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)

    recorder = Recorder()
    other = _delivery(state, clock, {"ops": recorder}, worker="b")
    assert await other.once() == 0  # the claim of the dead one still holds
    clock.now += LEASE
    assert await other.once() == 1
    assert _keys(recorder) == ["k1"]


async def test_d1_after_a_restart_the_same_worker_does_not_wait_for_its_old_claim(state: State, clock: Clock) -> None:
    _put(state, "k1")
    stuck = Stuck()
    killed = asyncio.create_task(_delivery(state, clock, {"ops": stuck}).once())
    await stuck.taken.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)

    recorder = _Waited()
    running = asyncio.create_task(_delivery(state, clock, {"ops": recorder}).run())
    async with asyncio.timeout(10):
        await recorder.came.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert _keys(recorder) == ["k1"]


async def test_two_deliveries_on_one_state_send_each_message_once(state: State, clock: Clock) -> None:
    for number in range(20):
        _put(state, f"k{number}", receiver=f"r{number % 2}")
    recorders = {"r0": Recorder(), "r1": Recorder()}
    racers = [_delivery(state, clock, recorders, worker) for worker in ("a", "b")]
    await asyncio.gather(*(racer.once() for racer in racers))
    while sum([await racer.once() for racer in racers]):
        pass
    assert [sorted(_keys(recorder)) for recorder in recorders.values()] == [
        sorted(f"k{number}" for number in range(20) if number % 2 == half) for half in (0, 1)
    ]
    assert [outcome for outcome, _, _ in _kept(state)] == ["sent"] * 20


async def test_d5_a_receiver_that_hangs_delays_no_other(state: State, clock: Clock) -> None:
    _put(state, "k1", receiver="hangs")
    _put(state, "k2", receiver="ops")
    recorder, stuck = _Waited(), Stuck()
    running = asyncio.create_task(_delivery(state, clock, {"hangs": stuck, "ops": recorder}).run())
    async with asyncio.timeout(10):
        await stuck.taken.wait()
        await recorder.came.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert _keys(recorder) == ["k2"]


async def test_an_update_wakes_it_at_once(state: State, clock: Clock) -> None:
    """By itself it would look again only in an hour."""
    updates = memory.create(memory.Settings(), kinds.World(Path()))
    recorder = _Waited()
    delivery = Delivery(state, {"ops": recorder}, updates, worker_id="a", clock=clock, poll=timedelta(hours=1))
    _put(state, "k1")
    running = asyncio.create_task(delivery.run())
    async with asyncio.timeout(10):
        await recorder.came.wait()
        recorder.came.clear()
        _put(state, "k2")
        updates.publish(Update("outbox"))
        await recorder.came.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert _keys(recorder) == ["k1", "k2"]


async def test_figures_count_attempts_by_receiver_and_outcome(state: State, clock: Clock) -> None:
    _put(state, "k1")
    delivery = _delivery(state, clock, {"ops": Recorder()})
    await delivery.once()
    assert delivery.own_samples()['gwanje_delivery_attempts_total{receiver="ops",outcome="sent"}'] == 1


@dataclass(slots=True)
class _Waited(Recorder):
    """A recorder that can be waited for."""

    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, notification: Notification) -> int | None:
        status = await Recorder.send(self, notification)
        self.came.set()
        return status
