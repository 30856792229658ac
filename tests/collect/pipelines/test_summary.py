"""What the last fetches say together."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gwanje.collect.pipelines import summary
from gwanje.collect.pipelines.fetch import Fetch
from gwanje.collect.pipelines.summary import FailRate
from gwanje.collect.sources.base import Outcome

MINUTE = 60_000
NOW = 100 * MINUTE


def fetch(minutes_ago: float, outcome: str = "succeeded", latency_ms: float = 10.0) -> Fetch:
    at_ms = NOW - round(minutes_ago * MINUTE)
    return Fetch(f"f-{at_ms}", at_ms, "collect", "http", "", Outcome(outcome), 200, 0, 1, latency_ms, 1, "schedule")


@pytest.mark.parametrize(
    ("fetches", "expected"),
    [
        pytest.param([], FailRate(0, 0, 900), id="nothing yet"),
        pytest.param([fetch(n, "failed" if n == 3 else "succeeded") for n in range(5)], FailRate(1, 5, 900), id="one of five"),
        pytest.param([fetch(1, "cancelled"), fetch(2, "failed")], FailRate(1, 1, 900), id="cancelled is neither"),
        pytest.param(
            [fetch(14.99, "failed"), fetch(15), fetch(20, "failed")], FailRate(1, 1, 900), id="the window ends 15 minutes ago"
        ),
        pytest.param([fetch(0, "failed"), fetch(-1)], FailRate(1, 1, 900), id="and now"),
    ],
)
def test_fail_rate(fetches: list[Fetch], expected: FailRate) -> None:
    assert summary.fail_rate(fetches, NOW) == expected


@pytest.mark.parametrize(("rate", "ratio"), [(FailRate(1, 5, 900), 0.2), (FailRate(0, 3, 900), 0.0), (FailRate(0, 0, 900), None)])
def test_a_ratio_of_nothing_is_unknown(rate: FailRate, ratio: float | None) -> None:
    assert rate.ratio == ratio


def test_latency_of_what_ended_in_the_window() -> None:
    fetches = [fetch(1, latency_ms=0), fetch(2, "failed", 100), fetch(3, "cancelled", 9000), fetch(20, latency_ms=9000)]
    assert summary.latency_ms(fetches, NOW) == 95
    assert summary.latency_ms(fetches, NOW, share=0.5) == 50
    assert summary.latency_ms([], NOW) is None


def test_throughput_is_an_average_over_the_window() -> None:
    assert summary.per_minute([fetch(n) for n in range(30)], NOW) == 1.0
    assert summary.per_minute([fetch(1), fetch(1.5, "cancelled")], NOW, timedelta(minutes=2)) == 0.5


def test_the_strip_is_the_newest_with_the_oldest_of_them_first() -> None:
    fetches = [fetch(n) for n in range(60)]
    strip = summary.strip(fetches)
    assert [one.at_ms for one in strip] == [NOW - n * MINUTE for n in range(47, -1, -1)]
