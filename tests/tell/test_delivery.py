"""Outbox → notifiers: at least once, in order, every attempt kept."""

import asyncio
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, insert, select

from gwanje import kinds
from gwanje.carry.updates import memory
from gwanje.carry.updates.base import Update
from gwanje.errors import Rejected, RetryLater
from gwanje.keep.state import outbox, sqlite
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import attempts, metadata
from gwanje.keep.state.tables import outbox as rows
from gwanje.tell import delivery as delivering
from gwanje.tell.delivery import LEASE, Delivery
from gwanje.tell.message import to_plain
from gwanje.tell.notifiers.base import Accepted, Notification, Notifier
from gwanje.testing.notifiers import FIRING_ALERT, RESOLVED_ALERT, Recorder, notification

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

    async def send(self, _notification: Notification) -> Accepted:
        self.taken.set()
        await asyncio.Event().wait()
        return Accepted()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = sqlite.create(sqlite.Settings(), kinds.World(tmp_path))
    metadata.create_all(made.engine)
    yield made
    made.close()


def _put(
    state: State,
    key: str,
    receiver: str = "ops",
    *,
    message: Notification | None = None,
    group: str = "g1",
    episodes: Sequence[str] = ("e1",),
    now: datetime = NOW,
) -> None:
    message = replace(message or notification(), key=key, receiver=receiver, group_key=group)
    with state.write() as connection:
        outbox.put(
            connection,
            key=key,
            receiver=receiver,
            group_key=group,
            reason=message.reason,
            episodes=episodes,
            message=to_plain(message),
            now=now,
            deadline=now + timedelta(hours=24),
        )


def _delivery(state: State, clock: Clock, receivers: Mapping[str, Notifier], worker: str = "a") -> Delivery:
    return Delivery(state, receivers, None, worker_id=worker, clock=clock, chance=lambda: 1.0)


async def _run_until(delivery: Delivery, came: asyncio.Event) -> None:
    running = asyncio.create_task(delivery.run())
    async with asyncio.timeout(30):
        await came.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


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


async def test_d3_a_receiver_that_refuses_is_told_of_through_another_once(state: State, clock: Clock) -> None:
    for key in ("k1", "k2"):
        _put(state, key)
    receivers = {"ops": Recorder(failures=[Rejected("ops answered 410", status=410)] * 2), "hook": Recorder()}
    delivery = _delivery(state, clock, receivers)
    while await delivery.once():
        pass
    heard = [(one.reason, one.title["en"], one.text["en"]) for one in receivers["hook"].sent]
    assert heard == [
        (
            "notice",
            "Receiver ops is broken",
            "ops refused a message: ops answered 410. It is not sent again. Correct the settings of this receiver.",
        )
    ]


async def test_d3_a_pause_asked_for_is_kept_by_every_message_to_that_receiver(state: State, clock: Clock) -> None:
    """Also by those that are decided meanwhile; another receiver is told as ever."""
    for number in range(3):
        _put(state, f"k{number}", group=f"g{number}", episodes=[f"e{number}"])
    busy = Recorder(failures=[RetryLater("slow down", status=429, after=timedelta(seconds=30))])
    other = Recorder()
    delivery = _delivery(state, clock, {"ops": busy, "hook": other})
    tried = []
    for second in range(40):
        clock.now = NOW + timedelta(seconds=second)
        if second == 10:
            _put(state, "meanwhile", group="g9", episodes=["e9"])
            _put(state, "another", "hook", group="g9", episodes=["e9"])
        tried += [second] * await delivery.once()
    assert tried == [0, 10, 30, 30, 30, 30]
    assert (sorted(_keys(busy)), _keys(other)) == (["k0", "k1", "k2", "meanwhile"], ["another"])


async def test_d3_no_pause_is_longer_because_the_clock_was_set_back(state: State, clock: Clock) -> None:
    _put(state, "k1", group="g1", episodes=["e1"])
    recorder = Recorder(failures=[RetryLater("slow down", after=timedelta(seconds=30))])
    delivery = _delivery(state, clock, {"ops": recorder})
    await delivery.once()
    clock.now = NOW - timedelta(days=1)
    _put(state, "k2", group="g2", episodes=["e2"], now=clock.now)
    assert await delivery.once() == 1
    assert _keys(recorder) == ["k2"]


async def test_d1_what_was_decided_by_a_clock_that_was_ahead_is_sent_when_it_is_set_right(state: State, clock: Clock) -> None:
    """A machine whose clock was nine hours ahead at its start: one message waits, two are claimed by a process that died."""
    ahead = NOW + timedelta(hours=9)
    for number in range(3):
        _put(state, f"k{number}", group=f"g{number}", episodes=[f"e{number}"], now=ahead)
    clock.now = ahead
    with state.write() as connection:
        for _ in range(2):
            assert outbox.claim(connection, "ops", "dead", ahead, ahead + LEASE) is not None
    clock.now = NOW
    recorder = Recorder()
    again = _delivery(state, clock, {"ops": recorder})
    again._expire()
    assert await again.once() == 3
    assert sorted(_keys(recorder)) == ["k0", "k1", "k2"]


async def test_d3_when_who_was_to_hear_of_it_is_broken_too_the_third_hears_it(state: State, clock: Clock) -> None:
    _put(state, "k1")
    gone = [Rejected("gone", status=410)] * 9
    third = Recorder()
    receivers = {"ops": Recorder(failures=[*gone]), "hook": Recorder(failures=[*gone]), "mail": third}
    delivery = _delivery(state, clock, receivers)
    while await delivery.once():
        pass
    assert [one.title["en"] for one in third.sent] == ["Receiver ops is broken"]


async def test_d3_what_is_past_its_deadline_at_a_start_is_failed_and_not_told_as_if_it_were_now(
    state: State, clock: Clock
) -> None:
    _put(state, "old", group="g1", episodes=["e1"])
    clock.now = NOW + timedelta(hours=24)
    _put(state, "new", group="g2", episodes=["e2"], now=clock.now)
    recorder = _Waited()
    await _run_until(_delivery(state, clock, {"ops": recorder}), recorder.came)
    assert _keys(recorder) == ["new"]
    assert _states(state)[0] == ("failed", 0)


async def test_d3_receivers_that_all_refuse_do_not_tell_of_each_other_for_ever(state: State, clock: Clock) -> None:
    _put(state, "k1", "ops")
    _put(state, "k2", "hook")
    gone = [Rejected("gone", status=410)] * 50
    delivery = _delivery(state, clock, {"ops": Recorder(failures=[*gone]), "hook": Recorder(failures=[*gone])})
    for hour in range(30):
        clock.now = NOW + timedelta(hours=hour)
        while await delivery.once():
            pass
    assert [state for state, _ in _states(state)] == ["failed"] * 4  # two messages, and a notice of each receiver


async def test_d3_the_only_receiver_has_nobody_to_tell(state: State, clock: Clock) -> None:
    _put(state, "k1")
    await _delivery(state, clock, {"ops": Recorder(failures=[Rejected("gone")])}).once()
    assert _states(state) == [("failed", 1)]


async def test_d4_firing_and_resolved_that_both_come_late_are_one_message(state: State, clock: Clock) -> None:
    """The receiver was down from the first on; when it is back, the alert is over."""
    _put(state, "k1")
    recorder = Recorder(failures=[RetryLater("down", status=500)])
    delivery = _delivery(state, clock, {"ops": recorder})
    await delivery.once()
    _put(state, "k2", message=notification(RESOLVED_ALERT, reason="resolved"))
    clock.now += timedelta(seconds=1)
    assert await delivery.once() == 1
    assert [(one.key, one.reason, [alert.state for alert in one.alerts]) for one in recorder.sent] == [
        ("k2", "resolved", ["resolved"])
    ]
    assert [state for state, _ in _states(state)] == ["sent", "sent"]


async def test_d4_resolved_never_comes_before_firing(state: State, clock: Clock) -> None:
    """A digest that waits told it firing; its end stands in a group of its own."""
    recorder = Recorder(failures=[RetryLater("down", status=500)])
    delivery = _delivery(state, clock, {"ops": recorder})
    _put(state, "k1", message=notification(reason="digest"), group="digest:ops")
    await delivery.once()
    _put(state, "k2", message=notification(RESOLVED_ALERT, reason="resolved"))
    assert await delivery.once() == 0
    clock.now += timedelta(seconds=1)
    assert await delivery.once() == 2
    assert _keys(recorder) == ["k1", "k2"]


async def test_ten_thousand_waiting_messages_are_not_held_in_memory(state: State, clock: Clock) -> None:
    """Each takes 10 kB; a hundred of them are sent, and never more than one is read at a time."""
    body = to_plain(notification()) | {"text": {"en": "x" * 10_000}}
    names = [{"key": f"k{number}", "group_key": f"g{number}"} for number in range(10_000)]
    same = {"receiver": "ops", "reason": "first", "state": "waiting", "error": "", "tries": 0, "message": body}
    times = {"created_at": NOW, "next_at": NOW, "deadline_at": NOW + timedelta(hours=24)}
    with state.write() as connection:
        for start in range(0, len(names), 500):
            connection.execute(insert(rows), [{**one, **same, **times} for one in names[start : start + 500]])
    recorder = _Few(most=100)
    delivery = _delivery(state, clock, {"ops": recorder})
    tracemalloc.start()
    try:
        running = asyncio.create_task(delivery.run())
        async with asyncio.timeout(60):
            await recorder.enough.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 5_000_000


async def test_what_was_sent_is_written_down_though_state_was_away_for_a_moment(state: State, clock: Clock) -> None:
    _put(state, "k1")
    recorder = Recorder()
    away = [RetryLater("state cannot be reached")] * 2

    @event.listens_for(state.engine, "before_cursor_execute")
    def fail(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("INSERT INTO attempts") and away:
            raise away.pop()

    delivery = Delivery(state, {"ops": recorder}, None, worker_id="a", clock=clock, poll=timedelta(milliseconds=1))
    await delivery.once()
    assert (_keys(recorder), _states(state), away) == (["k1"], [("sent", 1)], [])


@pytest.mark.parametrize("when", ["at the start", "in between"])
async def test_d1_a_state_that_is_away_for_a_moment_does_not_end_the_sending_for_good(
    state: State, clock: Clock, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Its server was started anew just when messages past their deadline were looked for."""
    monkeypatch.setattr(delivering, "_EXPIRES_EVERY", 0.001)
    recorder, away = _Waited(), [RetryLater("state cannot be reached")] * 3
    came_back = asyncio.Event()
    delivery = Delivery(state, {"ops": recorder}, None, worker_id="a", clock=clock, poll=timedelta(milliseconds=1))

    def expire(connection: Connection, now: datetime) -> list[str]:
        del connection, now
        if away and (when == "at the start" or recorder.sent):
            raise away.pop()
        if not away:
            loop.call_soon_threadsafe(came_back.set)
        return []

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(outbox, "expire", expire)
    _put(state, "k1")
    running = asyncio.create_task(delivery.run())
    async with asyncio.timeout(30):
        await came_back.wait()
        _put(state, "k2")
        while _keys(recorder) != ["k1", "k2"]:
            recorder.came.clear()
            await recorder.came.wait()
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


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
    await _run_until(_delivery(state, clock, {"ops": recorder}), recorder.came)
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


async def test_g2_what_was_sent_and_never_written_down_is_sent_twice_rather_than_never(state: State, clock: Clock) -> None:
    """The receiver heard it, and the process died before anybody else could know: the key is how the receiver can tell."""
    recorder, stuck = Recorder(), Stuck()

    class Heard:
        async def send(self, notification: Notification) -> Accepted:
            await recorder.send(notification)
            return await stuck.send(notification)

    _put(state, "k1")
    killed = asyncio.create_task(_delivery(state, clock, {"ops": Heard()}).once())
    await stuck.taken.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    clock.now += LEASE
    assert await _delivery(state, clock, {"ops": recorder}, worker="b").once() == 1
    assert _keys(recorder) == ["k1", "k1"]


async def test_d5_a_receiver_that_hangs_delays_no_other(state: State, clock: Clock) -> None:
    _put(state, "k1", receiver="hangs")
    _put(state, "k2", receiver="ops")
    recorder, stuck = _Waited(), Stuck()
    running = asyncio.create_task(_delivery(state, clock, {"hangs": stuck, "ops": recorder}).run())
    async with asyncio.timeout(30):
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
    async with asyncio.timeout(30):
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

    async def send(self, notification: Notification) -> Accepted:
        accepted = await Recorder.send(self, notification)
        self.came.set()
        return accepted


@dataclass(slots=True)
class _Naming(Recorder):
    """Names the messages that it accepts."""

    async def send(self, notification: Notification) -> Accepted:
        await Recorder.send(self, notification)
        return Accepted(200, f"thread {len(self.sent)}")


async def test_a_group_goes_on_under_the_name_of_its_message_until_it_is_over(state: State, clock: Clock) -> None:
    receiver = _Naming()
    for key, alert in (("k1", FIRING_ALERT), ("k2", FIRING_ALERT), ("k3", RESOLVED_ALERT), ("k4", FIRING_ALERT)):
        message = replace(notification(alert), key=key)
        with state.write() as connection:
            outbox.put(
                connection,
                key=key,
                receiver="ops",
                group_key="g1",
                reason="first",
                episodes=[],
                message=to_plain(message),
                now=NOW,
                deadline=NOW + timedelta(hours=24),
            )
    await _delivery(state, clock, {"ops": receiver}).once()
    assert [message.reference for message in receiver.sent] == ["", "thread 1", "thread 2", ""]


@dataclass
class _Few:
    """Takes so many messages, keeps none, and then never answers again."""

    most: int
    taken: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, notification: Notification) -> Accepted:
        self.taken += 1
        if self.taken >= self.most:
            self.enough.set()
            await asyncio.Event().wait()
        return Accepted()


async def test_receivers_are_taken_over_while_it_runs_and_one_that_is_gone_is_told_nothing(state: State, clock: Clock) -> None:
    gone, new, again = Recorder(), _Waited(), _Waited()
    delivery = Delivery(state, {"ops": gone}, None, worker_id="a", clock=clock, poll=timedelta(hours=1))
    running = asyncio.create_task(delivery.run())
    async with asyncio.timeout(30):
        delivery.take_over({"page": new})
        _put(state, "k1", "page")
        _put(state, "k2", "ops", group="g2")
        delivery.notify()
        await new.came.wait()
        delivery.take_over({"page": new, "ops": again})
        await again.came.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [_keys(one) for one in (gone, new, again)] == [[], ["k1"], ["k2"]]
