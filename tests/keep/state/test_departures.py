"""Departures in every engine: kept until they are over or taken back, and who said so is written down."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from gwanje.keep.said import Departure
from gwanje.keep.state import departures
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import audit

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
REBOOT = Departure("d-1", "host", "web-1", NOW, NOW + HOUR, removed=False, who="kim", why="reboot", said_at=NOW)
GONE = Departure("d-2", "group", "웹", NOW + HOUR, NOW + HOUR * 25, removed=True, who="lee", why="축소", said_at=NOW)


def _put(state: State, *said: Departure) -> None:
    with state.write() as connection:
        for one in said:
            departures.put(connection, one)


def _not_over(state: State, now: datetime) -> list[Departure]:
    with state.read() as connection:
        return departures.not_over(connection, now)


def test_what_was_put_comes_back_until_it_is_over(state: State) -> None:
    _put(state, GONE, REBOOT)
    assert _not_over(state, NOW) == [REBOOT, GONE]
    assert _not_over(state, REBOOT.ends_at) == [GONE]


def test_one_is_taken_back_once_and_the_trail_says_by_whom(state: State) -> None:
    _put(state, REBOOT)
    with state.write() as connection:
        taken = [departures.take_back(connection, "d-1", NOW, who) for who in ("lee", "park")]
    assert taken == [True, False]
    assert _not_over(state, NOW) == []
    with state.read() as connection:
        lines = connection.execute(select(audit.c.who, audit.c.what, audit.c.target).order_by(audit.c.id)).all()
    assert [tuple(line) for line in lines] == [("kim", "departure said", "web-1"), ("lee", "departure taken back", "web-1")]


def test_one_that_is_over_is_not_taken_back_but_forgotten(state: State) -> None:
    _put(state, REBOOT, GONE)
    with state.write() as connection:
        assert not departures.take_back(connection, "d-1", NOW + HOUR, "lee")
        assert departures.forget(connection, NOW + HOUR * 2) == 1
    assert _not_over(state, NOW) == [GONE]
