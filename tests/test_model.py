"""The nouns and their times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwanje.model import Severity, from_ms, to_ms


@given(st.integers(min_value=-62_000_000_000_000, max_value=250_000_000_000_000))
def test_milliseconds_survive_the_way_there_and_back(milliseconds: int) -> None:
    assert to_ms(from_ms(milliseconds)) == milliseconds


def test_a_time_in_another_zone_is_the_same_instant() -> None:
    seoul = timezone(timedelta(hours=9))
    assert to_ms(datetime(2026, 11, 21, 9, tzinfo=seoul)) == to_ms(datetime(2026, 11, 21, 0, tzinfo=UTC))


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        to_ms(datetime(2026, 11, 21))  # noqa: DTZ001 - what is tested


def test_the_worst_severity_comes_first() -> None:
    assert sorted(Severity, key=lambda one: one.rank) == [Severity.CRITICAL, Severity.WARNING, Severity.INFO]
