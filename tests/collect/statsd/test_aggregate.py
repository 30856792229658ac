"""What lines become: counters, gauges, sets, summaries and histograms, told at each flush, and never more than allowed."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwanje.collect.statsd.aggregate import AGAIN_MS, Aggregation
from gwanje.collect.statsd.mapping import Mapper, Mapping
from gwanje.model import STALE_NAN_BITS, Sample
from gwanje.wire.exposition.encode import series_name

MINUTE, HOUR = 60_000, 3_600_000


def aggregation(*rules: dict[str, Any], most_series: int = 1000) -> Aggregation:
    made = Aggregation(Mapper([Mapping.model_validate(rule) for rule in rules]), most_series=most_series)
    made.flush(1000)
    return made


def at(samples: list[Sample], at_ms: int) -> dict[str, float]:
    return {series_name(one.metric, one.labels): one.value for one in samples if one.at_ms == at_ms}


def told(packet: bytes, *rules: dict[str, Any]) -> dict[str, float]:
    """What a packet becomes at the next flush."""
    held = aggregation(*rules)
    held.take(packet)
    assert not held.refused.counts
    return at(held.flush(2000), 2000)


def is_stale(value: float) -> bool:
    return struct.pack("<d", value) == struct.pack("<Q", STALE_NAN_BITS)


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        pytest.param(b"a:1|c\na:2|c", {"a": 3}, id="a counter adds up"),
        pytest.param(b"a:1|c|@0.1", {"a": 10}, id="a counter that was sampled"),
        pytest.param(b"a.b:1|c|#host:web-1\na.b:2|c|#host:web-2", {'a_b{host="web-1"}': 1, 'a_b{host="web-2"}': 2}, id="tags"),
        pytest.param(b"a:1|c|#x:1,y:2\na:2|c|#y:2,x:1", {'a{x="1",y="2"}': 3}, id="tags in any order are one series"),
        pytest.param(b"a:5|g\na:7|g", {"a": 7}, id="a gauge is the last"),
        pytest.param(b"a:5|g\na:+3|g\na:-1|g", {"a": 7}, id="a gauge goes up and down"),
        pytest.param(b"a:-4|g", {"a": -4}, id="a gauge goes below where it was never set"),
        pytest.param(b"a:5|g|@0.1", {"a": 5}, id="a gauge is what it is, sampled or not"),
        pytest.param(b"a:kim|s\na:lee|s\na:kim|s", {"a": 2}, id="a set counts what differs"),
        pytest.param(b"a:1:2:3|c\n", {"a": 6}, id="several values"),
        pytest.param(b"a:1|c:2|c\r\n\r\n", {"a": 3}, id="windows line ends"),
    ],
)
def test_lines_become_a_value(packet: bytes, expected: dict[str, float]) -> None:
    assert told(packet) == expected


def test_a_timer_becomes_a_summary_in_seconds() -> None:
    found = told(b"took:100|ms\ntook:200|ms\ntook:400|ms|@0.5")
    assert found["took_count"] == 4
    assert found["took_sum"] == pytest.approx(1.1)
    assert found['took{quantile="0.5"}'] == pytest.approx(0.2, rel=0.01)
    assert found['took{quantile="0.99"}'] == pytest.approx(0.4, rel=0.01)


def test_a_timer_becomes_a_histogram_where_a_rule_says_it() -> None:
    rule = {"match": "took", "name": "took_seconds", "observer_type": "histogram", "buckets": [0.1, 0.3]}
    assert told(b"took:100|ms\ntook:200|ms\ntook:400|ms|@0.5", rule) == {
        'took_seconds_bucket{le="0.1"}': 1,
        'took_seconds_bucket{le="0.3"}': 2,
        'took_seconds_bucket{le="+Inf"}': 4,
        "took_seconds_sum": pytest.approx(1.1),
        "took_seconds_count": 4,
    }


@settings(deadline=None)
@given(st.lists(st.floats(min_value=-1e6, max_value=1e6).filter(lambda one: not 0 < abs(one) < 1e-6), min_size=1, max_size=50))
def test_quantiles_are_true_to_one_in_a_hundred(values: list[float]) -> None:
    rule = {"match": "a", "name": "a", "quantiles": [0, 0.25, 0.5, 1]}
    found = told(b"\n".join(b"a:%r|d" % one for one in values), rule)
    ordered = sorted(values)
    for quantile in (0, 0.25, 0.5, 1):
        true = ordered[max(0, math.ceil(quantile * len(ordered)) - 1)]
        assert found[f'a{{quantile="{quantile}"}}'] == pytest.approx(true, rel=0.0101)


def test_quantiles_forget_after_ten_minutes_and_counts_never() -> None:
    held = aggregation()
    held.take(b"took:100|ms")
    held.flush(2000)
    assert at(held.flush(9 * MINUTE), 9 * MINUTE)['took{quantile="0.5"}'] == pytest.approx(0.1, rel=0.01)
    later = at(held.flush(11 * MINUTE), 11 * MINUTE)
    assert math.isnan(later['took{quantile="0.5"}'])
    assert later["took_count"] == 1


def test_a_counter_begins_at_zero_so_that_its_first_value_counts() -> None:
    held = aggregation()
    held.take(b"a:5|c")
    assert held.flush(2000) == [Sample("a", {}, 0.0, 1001), Sample("a", {}, 5.0, 2000)]
    held.take(b"a:1|c")
    assert held.flush(3000) == [Sample("a", {}, 6.0, 3000)]


def test_what_did_not_change_is_told_again_only_now_and_then() -> None:
    held = aggregation()
    held.take(b"a:5|c")
    held.flush(2000)
    assert held.flush(3000) == []
    assert held.flush(2000 + AGAIN_MS) == [Sample("a", {}, 5.0, 2000 + AGAIN_MS)]


def test_a_set_is_empty_after_its_flush() -> None:
    held = aggregation()
    held.take(b"a:kim|s")
    assert [at(held.flush(now), now) for now in (2000, 3000, 4000)] == [{"a": 1}, {"a": 0}, {}]


def test_a_series_ends_after_its_ttl_and_begins_anew() -> None:
    held = aggregation({"match": "a", "name": "a", "ttl": "1m"})
    held.take(b"a:5|c\nb:1|c")
    held.flush(2000)
    held.take(b"b:1|c")
    ended = held.flush(2000 + MINUTE)
    assert [one.metric for one in ended if is_stale(one.value)] == ["a"]
    assert held.own_samples()["gwanje_statsd_series"] == 1
    held.take(b"a:2|c")
    assert at(held.flush(3000 + MINUTE), 3000 + MINUTE)["a"] == 2


def test_beyond_the_most_series_new_ones_are_refused_and_old_ones_go_on() -> None:
    held = aggregation(most_series=2)
    held.take(b"a:1|c\nb:1|c\nc:1|c\na:1|c\nd:1|ms")
    assert held.refused.counts == {"series_limit": 2}
    assert at(held.flush(2000), 2000) == {"a": 2, "b": 1}
    held.flush(2000 + HOUR)
    held.take(b"c:1|c")
    assert at(held.flush(3000 + HOUR), 3000 + HOUR) == {"c": 1}


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        pytest.param(b"a:x|c", "bad_value", id="no number"),
        pytest.param(b"a:nan|g", "bad_value", id="not a number"),
        pytest.param(b"a:inf|ms", "bad_value", id="without end"),
        pytest.param(b"a:1_0|c", "bad_value", id="as Python alone writes it"),
        pytest.param(b"a:-1|c", "negative_counter", id="a counter that goes down"),
        pytest.param(b"a:1|ms\na:1|c", "other_type", id="two types under one name"),
        pytest.param(b"a:1|ms\na_count:1|c", "other_type", id="the name of a part of another"),
        pytest.param(b"a:1|ms|#x:1\na:1|c|#x:2", "other_type", id="two types with other tags"),
        pytest.param(b"a:1|c|#le:1", "bad_tag", id="a tag with a meaning"),
        pytest.param(b"a:1|c|#x:" + b"1" * 9000, "too_long", id="a line without end"),
        pytest.param(b"a", "no_value", id="no value"),
    ],
)
def test_a_bad_line_is_counted_with_an_example_and_loses_no_neighbour(packet: bytes, reason: str) -> None:
    held = aggregation()
    held.take(b"ok:1|c\n" + packet + b"\nok:1|c")
    assert held.refused.counts == {reason: 1}
    line, problem = held.refused.news()[reason]
    assert packet.rpartition(b"\n")[2].startswith(line)
    assert problem
    assert held.refused.news() == {}
    assert at(held.flush(2000), 2000)["ok"] == 2


@pytest.mark.parametrize(("value", "reason"), [(b"x", "bad_value"), (b"nan", "bad_value"), (b"-1", "negative_counter")])
def test_a_bad_value_of_a_known_series_changes_nothing(value: bytes, reason: str) -> None:
    held = aggregation()
    held.take(b"a:1|c\na:%s|c\na:1|c" % value)
    assert held.refused.counts == {reason: 1}
    assert at(held.flush(2000), 2000) == {"a": 2}


def test_of_a_refused_line_nothing_is_held() -> None:
    held = aggregation()
    held.take(b"a:x|c\nb:-1|c\nc:1|c|#le:1")
    assert held.own_samples()["gwanje_statsd_series"] == 0
    assert held.flush(2000) == []


def test_what_is_no_metric_or_dropped_is_counted() -> None:
    held = aggregation({"match": "debug.*", "action": "drop"})
    held.take(b"_e{1,1}:a|b\n_sc|db|0\ndebug.a:1|c\ndebug.a:1|c\ndebug.b:x|c\na:1|c")
    own = held.own_samples()
    assert {
        name: own[f'gwanje_statsd_lines_ignored_total{{reason="{name}"}}'] for name in ("event", "service_check", "dropped")
    } == {
        "event": 1,
        "service_check": 1,
        "dropped": 3,
    }
    assert own["gwanje_statsd_lines_total"] == 1


def test_ways_of_writing_are_not_remembered_without_end() -> None:
    held = aggregation(most_series=10)
    held.take(b"\n".join(b"a:1|c|@0.%d" % rate for rate in range(1, 5000)))
    held.take(b"\n".join(b"a:1|c|T%d" % time for time in range(5000)))
    held.take(b"a:1|c|e:" + b"x" * 1000)
    assert len(held._ways) <= 30
    assert max(len(suffix) for _, suffix in held._ways) < 512
    assert held.own_samples()["gwanje_statsd_series"] == 1


PIECES = [
    b"a",
    b"b.c",
    b":",
    b"|",
    b"c",
    b"ms",
    b"s",
    b"g",
    b"#x:y",
    b"@0.1",
    b"1",
    b"-2",
    b"\n",
    b"_e{",
    b"\xff",
    b"T1",
    b"le:1",
]


@settings(deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=20), st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)), max_size=5))
def test_whatever_comes_is_taken_or_refused(packets: list[bytes]) -> None:
    held = aggregation(most_series=20)
    for number, packet in enumerate(packets):
        held.take(packet)
        seen = [(one.metric, *sorted(one.labels.items()), one.at_ms) for one in held.flush(2000 + number)]
        assert len(seen) == len(set(seen))
    assert held.own_samples()["gwanje_statsd_series"] <= 20
