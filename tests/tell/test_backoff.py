"""How long a message waits before it is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwanje.tell.backoff import LONGEST, LONGEST_ASKED, pause, rests

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tries", "asked", "chance", "seconds"),
    [
        pytest.param(1, None, 1.0, 1, id="a second at first"),
        pytest.param(4, None, 1.0, 8, id="doubling"),
        pytest.param(4, None, 0.0, 4, id="spread over the upper half"),
        pytest.param(40, None, 1.0, 300, id="at most five minutes"),
        pytest.param(1, 17, 1.0, 17, id="D3 Retry-After is kept"),
        pytest.param(6, 1, 1.0, 32, id="never shorter than our own"),
        pytest.param(1, 999_999, 1.0, 3600, id="at most an hour is waited because of it"),
    ],
)
def test_the_pause_before_the_next_try(tries: int, asked: int | None, chance: float, seconds: int) -> None:
    assert pause(tries, None if asked is None else timedelta(seconds=asked), chance) == timedelta(seconds=seconds)


@given(st.integers(0, 10_000), st.none() | st.timedeltas(timedelta(), timedelta(days=400)), st.floats(0, 1))
def test_d3_it_grows_is_spread_keeps_what_was_asked_for_and_ends(tries: int, asked: timedelta | None, chance: float) -> None:
    own = pause(tries, None, chance)
    assert pause(tries, None, 0) <= own <= pause(tries, None, 1) <= LONGEST
    assert pause(tries, None, 0) * 2 == pause(tries, None, 1)
    assert own <= pause(tries + 1, None, chance)
    assert pause(tries, asked, chance) == max(own, min(asked or timedelta(), LONGEST_ASKED))


@pytest.mark.parametrize(
    ("seconds", "rested"),
    [
        pytest.param(30, True, id="until then nobody is told"),
        pytest.param(0, False, id="and from then on again"),
        pytest.param(-1, False, id="a pause that is over"),
        pytest.param(3600, True, id="at most an hour"),
        pytest.param(3601, False, id="a clock that was set back makes no pause longer"),
    ],
)
def test_d3_a_receiver_rests_while_it_asked_to(seconds: int, *, rested: bool) -> None:
    assert rests(NOW + timedelta(seconds=seconds), NOW) is rested
    assert not rests(None, NOW)
