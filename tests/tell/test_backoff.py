"""How long a message waits before it is tried again."""

from datetime import timedelta

import pytest

from gwanje.tell.backoff import pause


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
