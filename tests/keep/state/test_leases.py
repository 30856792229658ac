"""A lease has one holder, in every engine, also when several ask in the same moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from gwanje.keep.state import leases
from gwanje.keep.state.base import State

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
LASTS = timedelta(seconds=10)


def _take(state: State, holder: str, now: datetime = NOW) -> bool:
    with state.write() as connection:
        return leases.take(connection, "l", holder, now, now + LASTS)


def test_of_many_that_ask_at_once_one_gets_it(state: State) -> None:
    with ThreadPoolExecutor(6) as threads:
        taken = list(threads.map(lambda holder: _take(state, holder), "abcdef"))
    assert taken.count(True) == 1


def test_of_many_that_take_over_at_once_one_gets_it(state: State) -> None:
    _take(state, "dead")
    with ThreadPoolExecutor(6) as threads:
        taken = list(threads.map(lambda holder: _take(state, holder, NOW + LASTS), "abcdef"))
    assert taken.count(True) == 1


def test_it_is_renewed_by_its_holder_alone(state: State) -> None:
    assert [_take(state, "a"), _take(state, "b"), _take(state, "a", NOW + LASTS / 2), _take(state, "b", NOW + LASTS)] == [
        True,
        False,
        True,
        False,
    ]


def test_who_keeps_it_in_a_transaction_makes_others_wait_for_its_end(state: State) -> None:
    """Asked for in the middle, it is answered after the commit, which renewed it."""
    _take(state, "a")
    with ThreadPoolExecutor(1) as thread:
        with state.write() as connection:
            assert leases.keep(connection, "l", "a", NOW + LASTS * 2)
            other = thread.submit(_take, state, "b", NOW + LASTS)
            assert not other.done()
        assert not other.result(30)


def test_what_another_took_is_not_kept(state: State) -> None:
    _take(state, "a")
    _take(state, "b", NOW + LASTS)
    with state.write() as connection:
        assert not leases.keep(connection, "l", "a", NOW + LASTS * 2)
