"""When what is due, told the time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from gwanje.watch.instants import CATCH_UP, due, until_next

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def _at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        pytest.param(None, 7, [5], id="E1 at first the newest multiple"),
        pytest.param(5, 9.9, [], id="E1 nothing between two multiples"),
        pytest.param(5, 10, [10], id="E1 the next one"),
        pytest.param(5, 22, [10, 15, 20], id="E1 what was missed, in order"),
        pytest.param(0, 3600, list(range(3600 - 55, 3601, 5)), id="but not a whole outage"),
        pytest.param(20, 7, [], id="a clock that was set back evaluates nothing twice"),
        pytest.param(65, 7, [], id="up to a minute"),
        pytest.param(66, 0, [0], id="but is not waited for when it was an hour, or a day, ahead"),
    ],
)
def test_the_multiples_of_an_interval_are_due(last: float | None, now: float, expected: Sequence[float]) -> None:
    assert due(timedelta(seconds=5), None if last is None else _at(last), _at(now)) == [_at(one) for one in expected]


def test_a_long_interval_still_catches_up_with_its_newest_instant() -> None:
    assert due(10 * CATCH_UP, NOW, NOW + 25 * CATCH_UP) == [NOW + 20 * CATCH_UP]


def test_it_waits_for_the_next_multiple() -> None:
    assert until_next(_at(0.3), timedelta(milliseconds=250)) == pytest.approx(0.2)
    assert until_next(_at(0.25), timedelta(milliseconds=250)) == pytest.approx(0.25)
