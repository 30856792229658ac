"""Holds of sizes in every engine: kept until their time or somebody's word, and both written down."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from gwanje.keep.said import Hold
from gwanje.keep.state import holds
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import audit

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
AT_FIVE = Hold("web", 5, "", NOW, NOW + HOUR, "kim", "event", NOW)
NOT_IN = Hold("web", None, "in", NOW + HOUR * 2, NOW + HOUR * 3, "lee", "release", NOW)


def _put(state: State, *said: Hold) -> list[Hold]:
    with state.write() as connection:
        return [holds.put(connection, one) for one in said]


def _not_ended(state: State) -> list[Hold]:
    with state.read() as connection:
        return list(holds.not_ended(connection))


def _trail(state: State) -> list[tuple[str, str, str]]:
    with state.read() as connection:
        lines = connection.execute(select(audit.c.who, audit.c.what, audit.c.target).order_by(audit.c.id))
        return [(who, what, target) for who, what, target in lines]


def test_what_was_put_comes_back_with_its_number(state: State) -> None:
    kept = _put(state, NOT_IN, AT_FIVE, replace(AT_FIVE, scaler="api", size=0))
    assert _not_ended(state) == [kept[2], kept[1], kept[0]]
    assert len({one.id for one in kept}) == 3
    with state.read() as connection:
        assert holds.of_scaler(connection, "web") == [kept[1], kept[0]]


def test_of_many_who_end_it_at_once_one_does(state: State) -> None:
    (kept,) = _put(state, AT_FIVE)

    def end(who: str) -> bool:
        with state.write() as connection:
            return holds.end(connection, kept, NOW, who)

    with ThreadPoolExecutor(4) as threads:
        ended = [who for who, done in zip("abcd", threads.map(end, "abcd"), strict=True) if done]
    assert len(ended) == 1
    assert _trail(state) == [("kim", "size held", "web"), (ended[0], "size no longer held", "web")]


def test_its_time_ends_it_once_and_stands_in_the_trail(state: State) -> None:
    _, later = _put(state, AT_FIVE, NOT_IN)
    with state.read() as connection:
        assert [holds.any_over(connection, NOW + HOUR * hours) for hours in (0.9, 1)] == [False, True]
    with state.write() as connection:
        over = holds.end_those_over(connection, NOW + HOUR * 1.5)
        assert holds.end_those_over(connection, NOW + HOUR * 1.5) == []
    assert [one.size for one in over] == [5]
    assert _not_ended(state) == [later]
    assert _trail(state)[-1] == ("its time", "size no longer held", "web")


def test_what_ended_long_ago_is_forgotten_and_nothing_else(state: State) -> None:
    _, later = _put(state, AT_FIVE, NOT_IN)
    with state.write() as connection:
        holds.end_those_over(connection, NOW + HOUR)
        assert holds.forget(connection, NOW + HOUR) == 0
        assert holds.forget(connection, NOW + HOUR * 2) == 1
    assert _not_ended(state) == [later]
