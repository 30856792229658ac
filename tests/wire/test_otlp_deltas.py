"""Counters and histograms that are sent as differences: their sums, also after a restart."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwanje.wire.columns import Labels
from gwanje.wire.otlp.adding import Histogram, Totals
from gwanje.wire.otlp.running import Running, Stored
from tests.wire.otlp_sent import AT_MS, AT_NS, DELTA, Sent, exponential, series


def delta(value: float, after_ms: int) -> Sent:
    sent = Sent()
    sent.sum("requests", value, temporality=DELTA)[0].time_unix_nano = AT_NS + after_ms * 1_000_000
    return sent


def test_deltas_add_up_over_gaps() -> None:
    running = Running()
    sums = [delta(value, at).decoded(running).columns.values.tolist() for value, at in ((3, 0), (4, 1000), (5, 900_000))]
    assert sums == [[3], [7], [12]]


def test_a_delta_sent_again_gives_the_same_sum() -> None:
    running = Running()
    sums = [delta(value, at).decoded(running).columns.values.tolist() for value, at in ((3, 0), (4, 1000), (4, 1000))]
    assert sums == [[3], [7], [7]]


def test_a_delta_that_comes_late_is_refused() -> None:
    running = Running()
    delta(3, 1000).decoded(running)
    late = delta(4, 0).decoded(running)
    assert (len(late.columns.keys), dict(late.refused)) == (0, {"deltas that came after later ones": 1})
    assert delta(5, 2000).decoded(running).columns.values.tolist() == [8]


def test_deltas_of_histograms_add_up_bucket_by_bucket() -> None:
    running = Running()
    for after_ns in (0, 1):
        sent = Sent()
        sent.histogram([1.0], [2, 3], 4.0, DELTA).time_unix_nano = AT_NS + after_ns
        found = series(sent.decoded(running))
    assert found == {
        "latency_seconds_bucket{job=shop,le=1,path=/}": 4,
        "latency_seconds_bucket{job=shop,le=+Inf,path=/}": 10,
        "latency_seconds_count{job=shop,path=/}": 10,
        "latency_seconds_sum{job=shop,path=/}": 8,
    }


def test_a_late_histogram_is_one_refused_point() -> None:
    running = Running()
    for after_ns in (1, 0):
        sent = Sent()
        sent.histogram([1.0], [2, 3], 4.0, DELTA).time_unix_nano = AT_NS + after_ns
        decoded = sent.decoded(running)
    assert dict(decoded.refused) == {"deltas that came after later ones": 1}


def test_the_series_that_was_silent_longest_begins_again() -> None:
    running = Running(most=2)
    ones = np.ones(1)
    for at, key in enumerate((b"a", b"b", b"a", b"c")):
        running.totals([key], np.array([at]), ones)
    assert running.totals([b"a", b"b"], np.array([9, 9]), np.ones(2))[0].tolist() == [3, 1]


def exponential_delta(counts: list[int], at: int = 0, *, total: float = 1.5, **shape: int) -> Sent:
    sent = Sent()
    point = exponential(sent, counts, temporality=DELTA, **shape)
    point.sum, point.time_unix_nano = total, AT_NS + at
    return sent


SHAPES: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    counts=st.lists(st.integers(0, 5), max_size=6),
    scale=st.integers(-3, 6),
    offset=st.integers(-40, 40),
    zeros=st.integers(0, 3),
)


def powers(shape: dict[str, Any], scale: int) -> Counter[int]:
    """How many values lie in each bucket of a coarser scale."""
    places: Counter[int] = Counter()
    for place, count in enumerate(shape["counts"]):
        places[(shape["offset"] + place) >> (shape["scale"] - scale)] += count
    return places


@given(st.lists(SHAPES, min_size=1, max_size=5))
def test_deltas_of_exponential_histograms_are_the_histogram_of_all_that_was_sent(sent: list[dict[str, Any]]) -> None:
    running = Running()
    for at, shape in enumerate(sent):
        found = series(exponential_delta(at=at, **shape).decoded(running))
    scale = min(1, *(shape["scale"] for shape in sent))
    together: Counter[int] = sum((powers(shape, scale) for shape in sent), Counter())
    zeros = sum(shape["zeros"] for shape in sent)
    everything = zeros + sum(together.values())
    assert (found["latency_seconds_count{job=shop}"], found["latency_seconds_sum{job=shop}"]) == (everything, 1.5 * len(sent))
    assert found["latency_seconds_bucket{job=shop,le=+Inf}"] == everything
    for name, value in found.items():
        bound = float(name.partition("le=")[2].rstrip("}") or "inf")
        if "_bucket" in name and math.isfinite(bound):
            below = sum(count for place, count in together.items() if 2 ** ((place + 1) * 2.0**-scale) <= bound * (1 + 1e-9))
            assert value == zeros + below


def test_of_values_far_apart_the_buckets_become_wider() -> None:
    running = Running()
    for at, offset in enumerate((-1000, 900)):
        found = series(exponential_delta([1], at, scale=1, offset=offset).decoded(running))
    buckets = [value for name, value in found.items() if "_bucket" in name]
    assert len(buckets) <= 642
    assert (buckets[0], buckets[-2:]) == (0, [2, 2])


def test_an_exponential_delta_counts_once_and_a_late_one_is_one_refused_point() -> None:
    running = Running()
    exponential_delta([1, 1], 5).decoded(running)
    again = series(exponential_delta([1, 1], 5).decoded(running))
    late = exponential_delta([7], 4).decoded(running)
    assert again["latency_seconds_count{job=shop}"] == 2
    assert (len(late.columns.keys), dict(late.refused)) == (0, {"deltas that came after later ones": 1})


def test_exponential_histograms_that_were_silent_longest_begin_again() -> None:
    totals, one = Totals(most=1), Histogram(0, 0, np.ones(1), 0, 1, 1)
    for at, key in enumerate((b"a", b"a", b"b", b"a")):
        last = totals.after(key, at, one)
    assert last is not None
    assert last.count == 1


# --- after a restart ---------------------------------------------------------------------------------------------------------


def stored(**newest: tuple[int, float]) -> Stored:
    """What a store has: by metric, milliseconds after the beginning and the value."""

    def of(every: Sequence[Labels]) -> list[tuple[int, float] | None]:
        found = [newest.get(dict(labels)["__name__"]) for labels in every]
        return [(AT_MS + one[0], one[1]) if one else None for one in found]

    return of


@pytest.mark.parametrize(
    ("newest", "total"),
    [
        pytest.param((-1000, 40.0), [43], id="goes on from what is stored"),
        pytest.param((0, 40.0), [40], id="one that was stored and is sent again counts once"),
        pytest.param((1000, 40.0), [], id="one that is older than what is stored is late"),
        pytest.param((-1000, math.nan), [3], id="a series that had ended begins anew"),
        pytest.param(None, [3], id="nothing is stored"),
    ],
)
def test_after_a_restart_a_sum_of_deltas(newest: tuple[int, float] | None, total: list[float]) -> None:
    running = Running(stored=stored(**({"requests_total": newest} if newest else {})))
    decoded = delta(3, 0).decoded(running)
    assert decoded.columns.values.tolist() == total
    assert sum(decoded.refused.values()) == (not total)


def test_what_is_stored_is_asked_for_once() -> None:
    asked: list[int] = []

    def counted(every: Sequence[Labels]) -> list[tuple[int, float] | None]:
        asked.append(len(every))
        return [None] * len(every)

    running = Running(stored=counted)
    for at in range(3):
        delta(1, at * 1000).decoded(running)
    assert asked == [1]


@pytest.mark.parametrize(("newest", "counts"), [pytest.param(0, [], id="stored already"), pytest.param(-5, [2.0], id="anew")])
def test_after_a_restart_an_exponential_histogram_begins_anew_with_all_its_buckets(newest: int, counts: list[float]) -> None:
    running = Running(stored=stored(latency_seconds_count=(newest, 40.0)))
    found = series(exponential_delta([1, 1]).decoded(running))
    assert [value for name, value in found.items() if "_count" in name] == counts
