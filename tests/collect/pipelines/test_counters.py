"""Counters of fetches, from 0 on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gwanje.collect.pipelines.counters import FetchCounters
from gwanje.collect.pipelines.fetch import Fetch
from gwanje.collect.sources.base import Outcome
from gwanje.model import Sample

FETCH = Fetch("f-1", 0, "collect", "http", "http://web-1/", Outcome.SUCCEEDED, 200, 500, 1, 300.0, 1, "schedule")


def values(counters: FetchCounters, metric: str, label: str) -> dict[str, float]:
    return {sample.labels[label]: sample.value for sample in counters.samples(0) if sample.metric == metric}


def test_e4_every_outcome_is_there_from_zero_on() -> None:
    counters = FetchCounters([("collect", "http")])
    assert values(counters, "gwanje_fetch_total", "outcome") == {"succeeded": 0, "failed": 0, "cancelled": 0}
    assert {sample.value for sample in counters.samples(0)} == {0}


def test_e4_a_fetch_counts_once_in_each_series() -> None:
    counters = FetchCounters([("collect", "http")])
    counters.count(FETCH)
    counters.count(replace(FETCH, outcome=Outcome.FAILED, latency_ms=30_000.0, rows=0, bytes=0))
    assert values(counters, "gwanje_fetch_total", "outcome") == {"succeeded": 1, "failed": 1, "cancelled": 0}
    buckets = values(counters, "gwanje_fetch_seconds_bucket", "le")
    assert buckets == {"0.05": 0, "0.1": 0, "0.25": 0, "0.5": 1, "1": 1, "2.5": 1, "5": 1, "10": 1, "30": 2, "60": 2, "+Inf": 2}
    assert values(counters, "gwanje_fetch_seconds_sum", "source") == {"http": 30.3}
    assert values(counters, "gwanje_fetch_seconds_count", "source") == {"http": 2}
    assert values(counters, "gwanje_fetch_rows_total", "source") == {"http": 1}
    assert values(counters, "gwanje_fetch_bytes_total", "source") == {"http": 500}


def test_a_cancelled_fetch_has_no_latency() -> None:
    counters = FetchCounters([("collect", "http")])
    counters.count(replace(FETCH, outcome=Outcome.CANCELLED))
    assert values(counters, "gwanje_fetch_total", "outcome")["cancelled"] == 1
    assert values(counters, "gwanje_fetch_seconds_count", "source") == {"http": 0}


def test_labels_stand_on_every_series() -> None:
    counters = FetchCounters([("collect", "http")], {"instance": "web-1"})
    assert {sample.labels["instance"] for sample in counters.samples(0)} == {"web-1"}
    total = next(iter(counters.samples(7)))
    assert total == Sample(
        "gwanje_fetch_total", {"instance": "web-1", "pipeline": "collect", "source": "http", "outcome": "succeeded"}, 0, 7
    )


@pytest.mark.parametrize(
    ("clock", "written"),
    [
        pytest.param([1000, 2000], [1000, 2000], id="the clock's time"),
        pytest.param([1000, 1000, 1000], [1000, 1001, 1002], id="never one time twice"),
        pytest.param([1000, 990, 1500], [1000, 1001, 1500], id="a clock that is set back a little is waited for"),
        pytest.param([100_000, 1000], [100_000, 1000], id="one that is set back far is followed"),
    ],
)
def test_no_time_is_written_twice(clock: list[int], written: list[int]) -> None:
    counters = FetchCounters([("collect", "http")])
    assert [counters.to_write(now)[0].at_ms for now in clock] == written
