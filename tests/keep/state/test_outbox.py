"""Messages wait in the outbox until exactly one worker takes each of them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError

from gwanje.keep.state import outbox
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import attempts, outbox_episodes
from gwanje.keep.state.tables import outbox as rows

from .conftest import SERVERS

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
LEASE = timedelta(seconds=60)


def _put(
    state: State,
    key: str,
    *,
    receiver: str = "ops",
    group: str = "g1",
    now: datetime = NOW,
    episodes: Sequence[str] = ("e1", "e1", "e2"),
    reason: str = "first",
) -> None:
    with state.write() as connection:
        outbox.put(
            connection,
            key=key,
            receiver=receiver,
            group_key=group,
            reason=reason,
            episodes=episodes,
            message={"key": key},
            now=now,
            deadline=now + timedelta(hours=24),
        )


def _claim(state: State, worker: str = "a", *, receiver: str = "ops", now: datetime = NOW) -> outbox.Claimed | None:
    with state.write() as connection:
        return outbox.claim(connection, receiver, worker, now, now + LEASE, alone=("digest",))


def _tried(outcome: str, at: datetime = NOW, wait: timedelta = timedelta(seconds=5)) -> outbox.Tried:
    return outbox.Tried(
        at, outcome, 500 if outcome == outbox.LATER else None, 12.5, "slow" if outcome != outbox.SENT else "", at + wait
    )


def _finish(state: State, claimed: outbox.Claimed | None, outcome: str, worker: str = "a") -> None:
    assert claimed is not None
    with state.write() as connection:
        outbox.attempted(connection, claimed, worker, _tried(outcome))


def _key(claimed: outbox.Claimed | None) -> str | None:
    return claimed.key if claimed else None


def test_a_message_is_claimed_by_exactly_one_worker(state: State) -> None:
    _put(state, "k1")
    assert [_key(_claim(state, worker)) for worker in ("a", "b")] == ["k1", None]


def test_of_two_workers_that_see_the_same_message_one_takes_it(state: State) -> None:
    """The other worker's claim comes between this one's SELECT and its UPDATE, as engines with row locks allow."""
    _put(state, "k1")
    faster: list[outbox.Claimed | None] = []

    with state.write() as connection:

        @event.listens_for(connection, "before_cursor_execute")
        def overtake(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            if statement.startswith("UPDATE outbox") and not faster:
                faster.append(None)
                faster[0] = outbox.claim(connection, "ops", "b", NOW, NOW + LEASE)

        slower = outbox.claim(connection, "ops", "a", NOW, NOW + LEASE)
    assert (_key(faster[0]), slower) == ("k1", None)


def test_a_claim_carries_the_message_and_its_episodes(state: State) -> None:
    _put(state, "k1")
    claimed = _claim(state)
    assert claimed is not None
    assert claimed == outbox.Claimed(claimed.id, "k1", {"key": "k1"}, 0, NOW + timedelta(hours=24), ("e1", "e2"), reason="first")


def test_a_dead_workers_claim_ends(state: State) -> None:
    _put(state, "k1")
    _claim(state, "dead")
    assert _key(_claim(state, "b", now=NOW + LEASE - timedelta(seconds=1))) is None
    assert _key(_claim(state, "b", now=NOW + LEASE)) == "k1"


def test_a_worker_of_the_same_name_takes_its_claims_up_at_once(state: State) -> None:
    _put(state, "k1")
    _claim(state, "a")
    with state.write() as connection:
        assert outbox.release(connection, "b") == 0
        assert outbox.release(connection, "a") == 1
    assert _key(_claim(state, "a")) == "k1"


def test_d4_a_group_keeps_its_order_and_another_group_goes_on(state: State) -> None:
    for key, group in (("k1", "g1"), ("k2", "g1"), ("k3", "g2")):
        _put(state, key, group=group, episodes=[group])
    first = _claim(state)
    assert (_key(first), _key(_claim(state)), _key(_claim(state))) == ("k1", "k3", None)
    _finish(state, first, outbox.SENT)
    assert _key(_claim(state)) == "k2"


def test_d4_as_long_as_the_oldest_waits_its_group_waits(state: State) -> None:
    _put(state, "k1")
    _put(state, "k2")
    _finish(state, _claim(state), outbox.LATER)
    assert _key(_claim(state)) is None


def test_d4_an_episode_keeps_its_order_in_another_group_too(state: State) -> None:
    """The alert fired into a digest that waits; its end is told in a group of its own, and only after it."""
    _put(state, "digest", group="digest:ops", episodes=["e1", "e2"], reason="digest")
    _put(state, "e1 is over", group="g1", episodes=["e1"], reason="resolved")
    _put(state, "e3 fires", group="g3", episodes=["e3"])
    first = _claim(state)
    assert (_key(first), _key(_claim(state)), _key(_claim(state))) == ("digest", "e3 fires", None)
    _finish(state, first, outbox.SENT)
    assert _key(_claim(state)) == "e1 is over"


def test_d4_what_is_late_comes_with_the_newer_ones_of_its_group(state: State) -> None:
    _put(state, "k1", episodes=["e1"])
    _put(state, "k2", episodes=["e1", "e2"], reason="new alerts")
    _put(state, "other", group="g2", episodes=["e3"])
    _finish(state, _claim(state), outbox.LATER)
    claimed = _claim(state, now=NOW + timedelta(seconds=5))
    assert claimed is not None
    assert (claimed.key, claimed.before, claimed.episodes, claimed.tries) == ("k2", ({"key": "k1"},), ("e1", "e2"), 1)
    _finish(state, claimed, outbox.SENT)
    with state.read() as connection:
        kept = connection.execute(select(rows.c.key, rows.c.state).order_by(rows.c.id)).all()
    assert [tuple(one) for one in kept] == [("k1", "sent"), ("k2", "sent"), ("other", "waiting")]


def test_d4_what_waited_for_a_minute_is_late_though_nobody_tried_it(state: State) -> None:
    _put(state, "k1")
    _put(state, "k2", now=NOW + timedelta(seconds=30))
    assert _key(_claim(state, now=NOW + timedelta(seconds=60))) == "k2"


def test_d4_what_must_be_told_by_itself_is_not_told_with_others(state: State) -> None:
    _put(state, "k1")
    _put(state, "k2", reason="digest")
    later = NOW + timedelta(minutes=5)
    first = _claim(state, now=later)
    assert (_key(first), first and first.before) == ("k1", ())
    _finish(state, first, outbox.SENT)
    assert _key(_claim(state, now=later)) == "k2"


def test_of_messages_told_as_one_a_failed_try_leaves_all_waiting(state: State) -> None:
    _put(state, "k1")
    _put(state, "k2")
    claimed = _claim(state, now=NOW + timedelta(minutes=5))
    _finish(state, claimed, outbox.LATER)
    with state.read() as connection:
        assert connection.execute(select(rows.c.state, rows.c.tries)).all() == [("waiting", 1), ("waiting", 1)]


def test_d4_what_failed_for_good_holds_nothing_up(state: State) -> None:
    _put(state, "k1")
    _put(state, "k2")
    _finish(state, _claim(state), outbox.FAILED)
    assert _key(_claim(state)) == "k2"


def test_d5_each_receiver_has_its_own(state: State) -> None:
    _put(state, "k1", receiver="ops")
    _put(state, "k2", receiver="hook")
    _claim(state)
    assert _key(_claim(state, receiver="hook")) == "k2"


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_a_worker_passes_by_what_another_is_taking_just_now(state: State) -> None:
    """Both have their transaction open: neither waits for the other, and no group is overtaken."""
    for key, group in (("k1", "g1"), ("k2", "g1"), ("k3", "g2")):
        _put(state, key, group=group, episodes=[group])
    with state.write() as one:
        first = outbox.claim(one, "ops", "a", NOW, NOW + LEASE)
        with state.write() as other:
            second = outbox.claim(other, "ops", "b", NOW, NOW + LEASE)
    assert (_key(first), _key(second)) == ("k1", "k3")


def test_workers_that_race_take_each_message_once(state: State) -> None:
    for number in range(60):
        _put(state, f"k{number}", group=f"g{number}", episodes=[f"e{number}"])

    def work(worker: str) -> list[str]:
        taken = []
        while claimed := _claim(state, worker):
            taken.append(claimed.key)
            _finish(state, claimed, outbox.SENT, worker)
        return taken

    with ThreadPoolExecutor(4) as threads:
        taken = [key for keys in threads.map(work, "abcd") for key in keys]
    assert sorted(taken) == sorted(f"k{number}" for number in range(60))


def test_d6_every_attempt_is_kept(state: State) -> None:
    _put(state, "k1")
    _finish(state, _claim(state), outbox.LATER)
    _finish(state, _claim(state, now=NOW + timedelta(seconds=5)), outbox.SENT)
    with state.read() as connection:
        kept = connection.execute(select(attempts.c.outcome, attempts.c.status, attempts.c.error).order_by(attempts.c.id)).all()
        row = connection.execute(select(rows.c.state, rows.c.tries, rows.c.error, rows.c.claimed_by)).one()
    assert [tuple(one) for one in kept] == [("later", 500, "slow"), ("sent", None, "")]
    assert tuple(row) == ("sent", 2, "", None)


def test_d6_attempts_at_a_message_for_several_stand_in_the_story_of_each(state: State) -> None:
    """While the receiver is down the newer message is tried in the place of the older: both alerts show each try."""
    _put(state, "k1", episodes=["e1"])
    _finish(state, _claim(state), outbox.LATER)
    _put(state, "k2", episodes=["e2"], reason="new alerts")
    for second in (5, 10):
        now = NOW + timedelta(seconds=second)
        claimed = _claim(state, now=now)
        assert claimed is not None
        with state.write() as connection:
            outbox.attempted(connection, claimed, "a", _tried(outbox.LATER, now))
    with state.read() as connection:
        told = (outbox_episodes.c.episode, attempts.c.at)
        kept = connection.execute(
            select(*told).join_from(attempts, outbox_episodes, attempts.c.outbox_id == outbox_episodes.c.outbox_id)
        )
        found = sorted((episode, (at - NOW).total_seconds()) for episode, at in kept)
    assert found == [("e1", 0), ("e1", 5), ("e1", 10), ("e2", 5), ("e2", 10)]


def test_d2_one_decision_is_written_once(state: State) -> None:
    _put(state, "k1")
    with pytest.raises(IntegrityError):
        _put(state, "k1")


def test_a_worker_that_lost_its_claim_does_not_change_it(state: State) -> None:
    _put(state, "k1")
    lost = _claim(state, "slow")
    taken = _claim(state, "fast", now=NOW + LEASE)
    _finish(state, lost, outbox.LATER, worker="slow")
    with state.read() as connection:
        assert connection.execute(select(rows.c.claimed_by)).scalar() == "fast"
    _finish(state, taken, outbox.SENT, worker="fast")
    _finish(state, lost, outbox.FAILED, worker="slow")
    with state.read() as connection:
        assert outbox.counts_by_state(connection) == {"sent": 1}


def test_what_nobody_takes_fails_at_its_deadline(state: State) -> None:
    _put(state, "k1", receiver="gone")
    with state.write() as connection:
        assert outbox.expire(connection, NOW + timedelta(hours=23)) == []
        assert outbox.expire(connection, NOW + timedelta(hours=24)) == ["gone"]
        assert outbox.counts_by_state(connection) == {"failed": 1}


def test_another_process_whose_clock_is_a_little_ahead_keeps_its_claim(state: State) -> None:
    """While it sends, nobody else does, whatever the look for times of a wrong clock finds."""
    ahead = NOW + timedelta(seconds=30)
    _put(state, "k1", now=ahead)
    assert _key(_claim(state, "other", now=ahead)) == "k1"
    with state.write() as connection:
        outbox.hasten(connection, NOW, timedelta(hours=1), 2 * LEASE)
    assert _key(_claim(state, "a", now=ahead)) is None


def test_times_of_a_clock_that_was_hours_ahead_hold_nothing_up(state: State) -> None:
    ahead = NOW + timedelta(hours=9)
    _put(state, "paused now", group="g0", episodes=["e0"])
    _finish(state, _claim(state), outbox.LATER)
    for key in ("claimed", "waits"):
        _put(state, key, group=key, now=ahead, episodes=[key])
    while _key(_claim(state, "dead", now=ahead)) != "claimed":
        pass
    with state.write() as connection:
        outbox.hasten(connection, NOW, timedelta(hours=1), 2 * LEASE)
    assert [_key(_claim(state)) for _ in range(3)] == ["claimed", "waits", None]


def test_whether_something_is_due_is_asked_without_a_claim(state: State) -> None:
    _put(state, "k1", now=NOW + timedelta(seconds=10))
    with state.read() as connection:
        assert not outbox.is_due(connection, "ops", NOW)
        assert outbox.is_due(connection, "ops", NOW + timedelta(seconds=10))
