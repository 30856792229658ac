"""What was asked for a group and not answered is known to later messages, after a restart, and until it is answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gwanje import kinds
from gwanje.keep.state import accepted, outbox, sqlite
from gwanje.keep.state.base import State
from gwanje.tell.message import to_plain
from gwanje.tell.unanswered import Unanswered
from gwanje.testing.notifiers import notification

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
FIRST = notification()
LATER = replace(FIRST, key="k2", reason="new alerts")
OTHER = replace(FIRST, key="k3", group_key="g2")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = sqlite.create(sqlite.Settings(), kinds.World(tmp_path))
    made.migrate()
    with made.write() as connection:
        for message in (FIRST, LATER, OTHER):
            outbox.put(
                connection,
                key=message.key,
                receiver="ops",
                group_key=message.group_key,
                reason=message.reason,
                episodes=(),
                message=to_plain(message),
                now=NOW,
                deadline=NOW + timedelta(hours=24),
            )
    yield made
    made.close()


def _at(state: State | None, after: timedelta = timedelta()) -> Unanswered:
    """A process that began at this time."""
    return Unanswered(state, lambda: NOW + after, MINUTE)


async def test_another_process_and_a_later_message_of_the_group_know_of_it(state: State) -> None:
    await _at(state).asks(FIRST)
    restarted = _at(state, timedelta(seconds=30))
    assert [await restarted.is_open(message) for message in (FIRST, LATER, OTHER)] == [True, True, False]


@pytest.mark.parametrize(
    ("after", "open_"),
    [
        pytest.param(timedelta(seconds=59), True, id="not yet"),
        pytest.param(MINUTE, False, id="over"),
        pytest.param(timedelta(seconds=-1), False, id="a clock that was set back makes nobody wait"),
    ],
)
async def test_it_is_open_for_its_time(state: State, after: timedelta, *, open_: bool) -> None:
    await _at(state).asks(FIRST)
    assert await _at(state, after).is_open(FIRST) == open_


async def test_the_last_time_counts(state: State) -> None:
    await _at(state).asks(FIRST)
    await _at(state, MINUTE).asks(FIRST)
    assert await _at(state, MINUTE + timedelta(seconds=30)).is_open(FIRST)


async def test_what_was_refused_is_open_no_more_and_who_has_a_message_stays_known(state: State) -> None:
    with state.write() as connection:
        accepted.note(connection, FIRST.key, ["digest"])
    asking = _at(state)
    await asking.asks(FIRST)
    await asking.refused(LATER)
    assert not await asking.is_open(FIRST)
    with state.read() as connection:
        assert accepted.of_group(connection, FIRST.group_key) == {"digest"}


async def test_what_was_done_is_known_until_its_message_is_written_down_as_sent(state: State) -> None:
    asking = _at(state)
    await asking.asks(FIRST)
    asking.done(FIRST)
    assert await asking.is_open(FIRST)
    with state.write() as connection:
        claimed = outbox.claim(connection, "ops", "me", NOW, NOW + MINUTE)
        assert claimed is not None
        outbox.attempted(connection, claimed, "me", outbox.Tried(NOW, outbox.SENT, 201, 1.0, "", NOW))
    assert not await asking.is_open(FIRST)


async def test_without_a_state_it_is_known_while_the_process_lives() -> None:
    asking = _at(None)
    await asking.asks(FIRST)
    assert await asking.is_open(LATER)
    asking.done(FIRST)
    assert not await asking.is_open(FIRST)
