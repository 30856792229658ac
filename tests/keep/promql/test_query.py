"""Queries from their text to their answer, over a few series with fixed characters."""

import math
import re
from collections.abc import Sequence

import numpy as np
import pytest

from gwanje.errors import BadQuery, QueryLimit
from gwanje.keep.promql import Abandoned, Limits, Matcher, Selected, Unanswerable, instant, matchers, range_
from gwanje.keep.promql.conformance.memory import Memory
from gwanje.keep.promql.conformance.script import STALE
from gwanje.keep.promql.values import Matrix, Scalar, Text, Vector
from gwanje.wire.columns import Labels

MINUTE = 60_000


def labels(metric: str = "", /, **own: str) -> Labels:
    return tuple(sorted({**({"__name__": metric} if metric else {}), **own}.items()))


def every_minute(*values: float | None) -> dict[int, float]:
    return {place * MINUTE: value for place, value in enumerate(values) if value is not None}


def store() -> Memory:
    memory = Memory()
    memory.append(
        {
            labels("requests_total", host="web-1", code="200"): every_minute(0, 60, 120, 180, 240, 300),
            labels("requests_total", host="web-1", code="500"): every_minute(0, 6, 12, 3, 9, 15),
            labels("requests_total", host="web-2", code="200"): every_minute(0, 120, 240, 360, 480, 600),
            labels("host_up", host="web-1", team="ops"): every_minute(1, 1, 1, 1, 1, 1),
            labels("host_up", host="web-2", team="dev"): every_minute(1, 1, STALE),
        }
    )
    return memory


def vector(query: str, at_ms: int = 5 * MINUTE) -> dict[Labels, float]:
    answer = instant(query, at_ms, store().fetch)
    assert isinstance(answer, Vector)
    assert answer.at_ms == at_ms
    return dict(zip(answer.labels, answer.values.tolist(), strict=True))


def matrix(answer: object) -> dict[Labels, dict[int, float]]:
    assert isinstance(answer, Matrix)
    found = {}
    for row, own in enumerate(answer.labels):
        part = slice(answer.offsets[row], answer.offsets[row + 1])
        found[own] = dict(zip(answer.times[part].tolist(), answer.values[part].tolist(), strict=True))
    return found


WEB_1, WEB_2 = labels(host="web-1"), labels(host="web-2")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param(
            'requests_total{host=~"web-[12]",code!~"5.."}',
            {
                labels("requests_total", host="web-1", code="200"): 300,
                labels("requests_total", host="web-2", code="200"): 600,
            },
            id="matchers are anchored",
        ),
        pytest.param('requests_total{host=~"web"}', {}, id="a part of the value is no match"),
        pytest.param('host_up{missing=""}', {labels("host_up", host="web-1", team="ops"): 1}, id="an absent label is empty"),
        pytest.param("host_up", {labels("host_up", host="web-1", team="ops"): 1}, id="a stale series is gone"),
        pytest.param(
            "sum by (host) (rate(requests_total[2m1s]))", {WEB_1: pytest.approx(1.1), WEB_2: pytest.approx(2)}, id="rates"
        ),
        pytest.param(
            'increase(requests_total{code="500"}[5m1s])',
            {
                labels(host="web-1", code="500"): 27,
            },
            id="a reset adds what was there before it",
        ),
        pytest.param("avg without (host, code) (requests_total)", {(): pytest.approx(305)}, id="avg without labels"),
        pytest.param("max by (host) (max_over_time(requests_total[3m]))", {WEB_1: 300, WEB_2: 600}, id="max of max"),
        pytest.param("count(requests_total)", {(): 3}, id="count"),
        pytest.param("min(requests_total) + 1", {(): 16}, id="arithmetic"),
        pytest.param("requests_total > 300", {labels("requests_total", host="web-2", code="200"): 600}, id="> keeps the name"),
        pytest.param("sum(requests_total) > bool 1000", {(): 0}, id="bool gives 0 or 1"),
        pytest.param(
            "sum by (host) (requests_total) * on (host) group_left (team) host_up",
            {
                labels(host="web-1", team="ops"): 315,
            },
            id="group_left brings a label",
        ),
        pytest.param("sum by (host) (requests_total) unless on (host) host_up", {WEB_2: 600}, id="unless"),
        pytest.param('absent(host_up{host="web-9",team=~".*"})', {labels(host="web-9"): 1}, id="absent names what is missing"),
        pytest.param('absent(down{a=~"x.*",a="xy",b="1",b=~"."})', {labels(a="xy"): 1}, id="absent takes a last = as the label"),
        pytest.param("max_over_time(sum(rate(requests_total[2m1s]))[3m:1m])", {(): pytest.approx(3.1)}, id="subquery"),
        pytest.param("sum(requests_total offset 2m)", {(): 180 + 3 + 360}, id="offset looks back"),
        pytest.param("sum(requests_total @ 60)", {(): 60 + 6 + 120}, id="@ fixes the time"),
        pytest.param(
            'label_replace(host_up, "short", "$1", "host", "web-(.*)")',
            {
                labels("host_up", host="web-1", team="ops", short="1"): 1,
            },
            id="label_replace",
        ),
        pytest.param("vector(1) or on () vector(2)", {(): 1}, id="or takes the left"),
        pytest.param(
            'count_values by (host) ("is", requests_total > bool 200)',
            {
                labels(host="web-1", **{"is": "0"}): 1,
                labels(host="web-1", **{"is": "1"}): 1,
                labels(host="web-2", **{"is": "1"}): 1,
            },
            id="count_values",
        ),
        pytest.param("stddev(vector(3))", {(): 0}, id="stddev of one is zero"),
        pytest.param("vector(1_000 + 0x_1F)", {(): 1031}, id="digits in groups"),
        pytest.param('label_replace(vector(1), "is", "1_0", "", "")', {labels(**{"is": "1_0"}): 1}, id="no digits in a text"),
    ],
)
def test_an_instant_query_gives_one_value_a_series(query: str, expected: dict[Labels, float]) -> None:
    assert vector(query) == expected


def test_scalars_and_texts_answer_as_such() -> None:
    assert instant("1 + 2 * 3", 0, store().fetch) == Scalar(7.0, 0)
    assert instant("time()", 5 * MINUTE, store().fetch) == Scalar(300.0, 5 * MINUTE)
    assert instant('"관제"', 0, store().fetch) == Text("관제", 0)


def test_a_range_selector_gives_raw_samples_without_its_left_edge_and_stale_markers() -> None:
    answer = instant("host_up[2m]", 2 * MINUTE, store().fetch)

    assert matrix(answer) == {
        labels("host_up", host="web-1", team="ops"): {MINUTE: 1, 2 * MINUTE: 1},
        labels("host_up", host="web-2", team="dev"): {MINUTE: 1},
    }


def test_a_subquery_between_its_steps_gives_nothing() -> None:
    assert matrix(instant("host_up[20s:1m]", MINUTE + 30_000, store().fetch)) == {}
    assert vector("count_over_time(host_up[20s:1m])", MINUTE + 30_000) == {}


def test_a_range_query_gives_every_step_and_sorts_by_labels() -> None:
    answer = range_("sum by (host) (requests_total)", 0, 5 * MINUTE, MINUTE, store().fetch)

    assert list(matrix(answer)) == [WEB_1, WEB_2]
    assert matrix(answer)[WEB_1] == every_minute(0, 66, 132, 183, 249, 315)


def test_a_range_query_leaves_out_the_steps_where_a_series_is_stale() -> None:
    answer = range_('host_up{host="web-2"}', 0, 4 * MINUTE, MINUTE, store().fetch)

    assert matrix(answer) == {labels("host_up", host="web-2", team="dev"): every_minute(1, 1)}


def test_nan_is_a_value_and_keeps_its_bits() -> None:
    odd = float(np.array([0x7FF8000000000123], np.uint64).view(np.float64)[0])
    memory = Memory()
    memory.append({labels("odd"): {0: odd}})

    answer = instant("odd", 0, memory.fetch)

    assert isinstance(answer, Vector)
    assert answer.values.view(np.uint64).tolist() == [0x7FF8000000000123]


def test_start_and_end_are_those_of_the_query() -> None:
    query = 'requests_total{host="web-2"} @ end() - requests_total @ start()'

    answer = range_(query, MINUTE, 3 * MINUTE, MINUTE, store().fetch)

    assert matrix(answer) == {labels(host="web-2", code="200"): dict.fromkeys((MINUTE, 2 * MINUTE, 3 * MINUTE), 240)}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        pytest.param("sum(", "1:5: parse error: unclosed left parenthesis", id="what is missing at the end"),
        pytest.param("up down", "1:4: parse error: invalid promql query", id="the word that cannot follow"),
        pytest.param('up{job="a" x="b"}', "1:12: parse error: invalid promql query", id="the label that cannot follow"),
        pytest.param("up\n+ + * 2", "2:5: parse error: invalid promql query", id="line and column"),
        pytest.param("1 + nosuch(up)", "1:5: parse error: unknown function with name 'nosuch'", id="an unknown function"),
        pytest.param("rate(up)", "1:1: parse error: expected type matrix", id="a wrong type"),
        pytest.param("", "1:1: parse error: no expression found in input", id="nothing"),
        pytest.param("up, " * 101, "parse error: ", id="a mistake in a long query"),
        pytest.param("histogram_avg(up)", "histogram_avg() is not supported: it reads native histograms", id="native histograms"),
        pytest.param(
            'histogram_quantiles(up, "q", 0.5)',
            "histogram_quantiles() is not supported: it is experimental",
            id="an experimental function",
        ),
        pytest.param("rate(up[5m] smoothed)", "`smoothed` is experimental in Prometheus", id="an experimental modifier"),
        pytest.param("up[5m+1m]", "1:6: parse error: unexpected character inside brackets: '+'; a duration", id="a sum of times"),
        pytest.param("1__0", "1:1: parse error: bad number", id="digits grouped by nothing"),
        pytest.param('up{a="1" or b="2"}', "`or` between label matchers is not supported yet", id="unsupported matcher"),
        pytest.param("up @ -1", "`@` with a time before 1970 is not supported", id="a time the parser package panics at"),
        pytest.param("up @ 1e15", "the query has a time or a duration that is too large", id="a time no calendar has"),
        pytest.param("requests_total + on (host) host_up", "many-to-one matching must be explicit", id="many to one"),
        pytest.param("host_up + on (host) requests_total", "many-to-many matching not allowed", id="many to many"),
        pytest.param(
            "sum by (host, code) (requests_total) * on () group_left (host) sum(requests_total)",
            "grouping labels must ensure unique matches",
            id="grouping that hides a difference",
        ),
        pytest.param(
            'label_replace(requests_total, "code", "", "code", ".*")',
            "vector cannot contain metrics with the same labelset",
            id="labels that become the same",
        ),
        pytest.param('label_replace(up, "a", "$1", "b", "(")', "missing )", id="a bad regular expression"),
        pytest.param('up{a=~"(?=x)"}', "", id="what RE2 does not know"),
    ],
)
def test_what_cannot_be_answered_says_why(query: str, message: str) -> None:
    with pytest.raises(BadQuery) as error:
        instant(query, 5 * MINUTE, store().fetch)

    assert message in str(error.value)


@pytest.mark.parametrize(
    ("query", "limits", "message"),
    [
        pytest.param("requests_total", Limits(samples=2), "reads more than the 2 samples that are allowed", id="samples"),
        pytest.param("requests_total", Limits(memory=300), "3 series at 6 steps are more than the 0 MiB", id="memory"),
        pytest.param(
            "-requests_total + requests_total", Limits(memory=400), "query_bytes", id="memory of two selectors together"
        ),
        pytest.param('count_values("v", requests_total)', Limits(memory=400), "query_bytes", id="memory of a series a value"),
        pytest.param(
            'requests_total * on () group_left () ((host_up{host="web-1"} < 0) or host_up{host="web-2"})',
            Limits(memory=600),
            "3 series at 6 steps are more",
            id="memory of pairs",
        ),
        pytest.param("host_up", Limits(steps=5), "exceeded maximum resolution of 5 points", id="steps"),
        pytest.param("(" * 101 + "1" + ")" * 101, Limits(), "nests 101 levels deep", id="depth"),
        pytest.param("1" + "+1" * 201, Limits(), "201 operators", id="a chain of operators"),
        pytest.param("up" + "[1m:]" * 201, Limits(), "201 operators and ranges", id="a chain of subqueries"),
        pytest.param("sum_over_time(host_up[1d:1ms])", Limits(memory=17_000), "give a larger step", id="subquery steps"),
        pytest.param("up" * 20, Limits(query_length=30), "40 characters", id="length"),
    ],
)
def test_a_query_that_would_touch_too_much_is_stopped(query: str, limits: Limits, message: str) -> None:
    with pytest.raises(QueryLimit, match=message):
        range_(query, 0, 5 * MINUTE, MINUTE, store().fetch, limits)


@pytest.mark.parametrize(
    ("query", "start", "end", "step"),
    [
        pytest.param("up", 0, 1, 0, id="no step"),
        pytest.param("up", 1, 0, 1, id="the end before the start"),
        pytest.param("up[5m]", 0, 1, 1, id="a range vector"),
        pytest.param('"up"', 0, 1, 1, id="a string"),
    ],
)
def test_a_range_query_that_makes_no_sense_is_refused(query: str, start: int, end: int, step: int) -> None:
    with pytest.raises(BadQuery):
        range_(query, start, end, step, store().fetch)


def test_fetch_is_asked_for_just_what_the_query_needs() -> None:
    asked: list[tuple[Sequence[Matcher], int, int]] = []

    def fetch(wanted: Sequence[Matcher], start_ms: int, end_ms: int) -> Selected:
        asked.append((wanted, start_ms, end_ms))
        return store().fetch(wanted, start_ms, end_ms)

    range_('rate(up{job="a"}[2m] offset 1m) / down', 10 * MINUTE, 20 * MINUTE, MINUTE, fetch)

    up = (Matcher("__name__", "=", "up"), Matcher("job", "=", "a"))
    assert [(tuple(wanted), start, end) for wanted, start, end in asked] == [
        (up, 7 * MINUTE, 19 * MINUTE),
        ((Matcher("__name__", "=", "down"),), 5 * MINUTE, 20 * MINUTE),
    ]


def test_matchers_of_a_selector() -> None:
    assert matchers('up{job!="a",host=~"web-.*",x!~"y"}') == [
        Matcher("__name__", "=", "up"),
        Matcher("job", "!=", "a"),
        Matcher("host", "=~", "web-.*"),
        Matcher("x", "!~", "y"),
    ]
    with pytest.raises(BadQuery, match="is not a selector"):
        matchers("sum(up)")


@pytest.mark.parametrize(
    ("matcher", "values", "expected"),
    [
        pytest.param(
            Matcher("a", "=~", "x|y"), ["x", "y", "xy", ""], [True, True, False, False], id="alternatives are anchored whole"
        ),
        pytest.param(Matcher("a", "!~", "x.*"), ["x", "xy", "y", ""], [False, False, True, True], id="not"),
        pytest.param(
            Matcher("a", "=~", "((?i)AB)c"), ["abc", "ABc", "ABC"], [True, True, False], id="flags end with their group"
        ),
        pytest.param(Matcher("a", "=~", "a.b"), ["a\nb"], [True], id="a dot matches a line break"),
        pytest.param(Matcher("a", "=~", "(a+)+b"), ["a" * 5000], [False], id="no exponential time"),
        pytest.param(Matcher("a", "=", "x"), [], [], id="no values"),
    ],
)
def test_matchers_select_label_values(matcher: Matcher, values: list[str], expected: list[bool]) -> None:
    assert matcher.select(values).tolist() == expected


def buckets(**counts: float) -> Memory:
    memory = Memory()
    bounds = {"tenth": "0.1", "half": "0.5", "one": "1", "inf": "+Inf"}
    memory.append({labels("latency_bucket", host="web-1", le=bounds[name]): {0: count} for name, count in counts.items()})
    return memory


@pytest.mark.parametrize(
    ("fraction", "counts", "expected"),
    [
        pytest.param("0.5", {"tenth": 10, "half": 20, "inf": 20}, 0.1, id="at the edge of a bucket"),
        pytest.param("0.75", {"tenth": 10, "half": 20, "inf": 20}, 0.3, id="inside a bucket"),
        pytest.param("0.25", {"tenth": 10, "half": 20, "inf": 20}, 0.05, id="inside the first bucket"),
        pytest.param("0.99", {"tenth": 10, "half": 20, "inf": 40}, 0.5, id="past the last bound"),
        pytest.param("0.5", {"tenth": 10, "half": 20}, math.nan, id="without +Inf"),
        pytest.param("0.5", {"tenth": 0, "half": 0, "inf": 0}, math.nan, id="without observations"),
        pytest.param(
            "0.75", {"tenth": 10, "half": 8, "one": 20, "inf": 20}, 0.75, id="a bucket that fell counts as the one before"
        ),
        pytest.param("2", {"tenth": 10, "inf": 20}, math.inf, id="above 1"),
        pytest.param("-1", {"tenth": 10, "inf": 20}, -math.inf, id="below 0"),
        pytest.param("NaN", {"tenth": 10, "inf": 20}, math.nan, id="NaN"),
    ],
)
def test_histogram_quantile_interpolates_in_its_bucket(fraction: str, counts: dict[str, float], expected: float) -> None:
    answer = instant(f"histogram_quantile({fraction}, latency_bucket)", 0, buckets(**counts).fetch)

    assert isinstance(answer, Vector)
    assert list(answer.labels) == [WEB_1]
    np.testing.assert_allclose(answer.values, [expected])


@pytest.mark.parametrize(
    ("lower", "upper", "counts", "expected"),
    [
        pytest.param("0", "0.1", {"tenth": 10, "half": 20, "inf": 40}, 0.25, id="one bucket"),
        pytest.param("0.3", "0.5", {"tenth": 10, "half": 20, "inf": 20}, 0.25, id="a part of a bucket"),
        pytest.param("-Inf", "+Inf", {"tenth": 10, "half": 20, "inf": 40}, 1, id="everything"),
        pytest.param("0.9", "3", {"tenth": 10, "half": 20, "inf": 40}, 0, id="nobody knows where above the last bound"),
        pytest.param("0.5", "+Inf", {"tenth": 10, "half": 20, "inf": 40}, 0.5, id="above the last bound"),
        pytest.param("0.5", "0.1", {"tenth": 10, "half": 20, "inf": 20}, 0, id="an end before its beginning"),
        pytest.param("0", "1", {"tenth": 10, "half": 20}, math.nan, id="without +Inf"),
        pytest.param("0", "1", {"tenth": 0, "half": 0, "inf": 0}, math.nan, id="without observations"),
        pytest.param("NaN", "1", {"tenth": 10, "half": 20, "inf": 20}, math.nan, id="NaN"),
    ],
)
def test_histogram_fraction_is_the_share_between_two_numbers(
    lower: str, upper: str, counts: dict[str, float], expected: float
) -> None:
    answer = instant(f"histogram_fraction({lower}, {upper}, latency_bucket)", 0, buckets(**counts).fetch)

    assert isinstance(answer, Vector)
    assert list(answer.labels) == [WEB_1]
    np.testing.assert_allclose(answer.values, [expected])


def test_a_first_bucket_that_ends_at_zero_lies_below_every_number_in_it() -> None:
    memory = Memory()
    memory.append({labels("deviation_bucket", le=bound): {0: count} for bound, count in (("-2", 10), ("2", 20), ("+Inf", 20))})

    below, whole = (instant(f"histogram_fraction({ends}, deviation_bucket)", 0, memory.fetch) for ends in ("-9, -3", "-Inf, -3"))

    assert isinstance(below, Vector)
    assert isinstance(whole, Vector)
    assert (below.values.tolist(), whole.values.tolist()) == ([0.0], [0.5])


def test_histogram_quantile_uses_the_buckets_that_are_there_at_each_step() -> None:
    memory = buckets(tenth=10, half=20, inf=20)
    memory.append({labels("latency_bucket", host="web-1", le="0.5"): {1: STALE}})

    answer = range_("histogram_quantile(0.75, latency_bucket)", 0, 1, 1, memory.fetch)

    assert matrix(answer) == {WEB_1: {0: pytest.approx(0.3), 1: pytest.approx(0.1)}}


def test_the_time_of_a_sample_is_its_own_and_that_of_a_result_the_step() -> None:
    sample = range_('timestamp(host_up{host="web-1"} @ 60)', 3 * MINUTE, 4 * MINUTE, MINUTE, store().fetch)
    result = range_("timestamp(sum(host_up @ 60))", 3 * MINUTE, 4 * MINUTE, MINUTE, store().fetch)

    assert matrix(sample) == {labels(host="web-1", team="ops"): {3 * MINUTE: 60, 4 * MINUTE: 60}}
    assert matrix(result) == {(): {3 * MINUTE: 180, 4 * MINUTE: 240}}


def test_series_that_take_turns_are_joined_when_their_names_go() -> None:
    memory = Memory()
    memory.append({labels("before", host="web-1"): {0: 1, MINUTE: STALE}, labels("after", host="web-1"): {MINUTE: 2}})

    answer = range_('-{host="web-1"}', 0, MINUTE, MINUTE, memory.fetch)

    assert matrix(answer) == {WEB_1: every_minute(-1, -2)}


def test_labels_that_only_names_told_apart_are_seen_to_be_the_same() -> None:
    named_by_host = (
        'label_replace(label_replace(requests_total{code="200"}, "__name__", "$1", "host", "(.*)"), "host", "", "", "")'
    )

    assert len(vector(named_by_host)) == 2
    with pytest.raises(BadQuery, match="same labelset"):
        vector(f"abs({named_by_host})")


@pytest.mark.parametrize(
    ("query", "warnings", "infos"),
    [
        pytest.param("host_up", (), (), id="nothing to say"),
        pytest.param(
            "quantile(2, requests_total)", ("PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)",), (), id="2"
        ),
        pytest.param(
            "quantile_over_time(NaN, requests_total[5m])",
            ("PromQL warning: quantile value should be between 0 and 1, got NaN (1:20)",),
            (),
            id="not a number",
        ),
        pytest.param(
            "quantile(2, nosuch)",
            ("PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)",),
            (),
            id="of nothing",
        ),
        pytest.param(
            "limit_ratio(-Inf, host_up)",
            ("PromQL warning: ratio value should be between -1 and 1, got -Inf, capping to -1 (1:13)",),
            (),
            id="more than all",
        ),
        pytest.param("rate(requests_total[5m])", (), (), id="a counter has a rate"),
        pytest.param(
            "sum(rate(host_up[5m]))",
            (),
            ('PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "host_up" (1:10)',),
            id="a gauge has none",
        ),
        pytest.param(
            "histogram_quantile(0.5, host_up)",
            ('PromQL warning: bucket label "le" is missing or has a malformed value of "" (1:25)',),
            (),
            id="no buckets",
        ),
    ],
)
def test_an_answer_says_what_may_be_wrong_with_the_question(
    query: str, warnings: tuple[str, ...], infos: tuple[str, ...]
) -> None:
    answer = instant(query, 5 * MINUTE, store().fetch)

    assert (answer.warnings, answer.infos) == (warnings, infos)


def test_of_many_warnings_ten_are_said_and_how_many_more_there_are() -> None:
    answer = range_("quantile_over_time(time(), host_up[1h])", 10 * MINUTE, 22 * MINUTE, MINUTE, store().fetch)

    assert answer.warnings[0] == "PromQL warning: quantile value should be between 0 and 1, got 600 (1:20)"
    assert answer.warnings[10:] == ("3 more warning annotations omitted",)


def test_of_the_numbers_of_an_aggregation_the_furthest_are_warned_of() -> None:
    answer = range_("quantile(time() - 600, host_up)", 0, 22 * MINUTE, MINUTE, store().fetch)

    assert [re.findall(r"got (\S+)", warning) for warning in answer.warnings] == [["-600"], ["720"]]


def test_sorting_a_range_is_warned_of() -> None:
    answer = range_("sort(host_up)", 0, MINUTE, MINUTE, store().fetch)

    assert answer.warnings == (
        "PromQL warning: sort is ineffective for range queries since results are always ordered by labels (1:1)",
    )


@pytest.mark.parametrize("query", ["sum(rate(requests_total[5m]))", "requests_total + 1"])
def test_a_query_nobody_waits_for_ends_by_itself(query: str) -> None:
    asked = []

    def nobody_waits() -> bool:
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(Abandoned):
        instant(query, 5 * MINUTE, store().fetch, watch=nobody_waits)
    assert len(asked) == 3


def test_a_question_that_cannot_be_read_and_one_without_an_answer_are_told_apart() -> None:
    with pytest.raises(Unanswerable):
        instant("requests_total + on (host) requests_total", 5 * MINUTE, store().fetch)
    with pytest.raises(BadQuery) as error:
        instant("histogram_avg(host_up)", 5 * MINUTE, store().fetch)
    assert not isinstance(error.value, Unanswerable)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        pytest.param("hour(vector(Inf))", math.nan, id="infinity has no hour"),
        pytest.param("year(vector(-Inf))", math.nan, id="nor a year"),
        pytest.param("days_in_month(vector(1e30))", math.nan, id="nor has what no calendar reaches"),
        pytest.param("clamp_max(vector(-Inf), NaN)", -math.inf, id="nothing is less than -Inf"),
        pytest.param("clamp_min(vector(Inf), NaN)", math.inf, id="nothing is more than Inf"),
        pytest.param("clamp_max(vector(5), NaN)", math.nan, id="a bound that is no number"),
    ],
)
def test_at_the_end_of_numbers(query: str, value: float) -> None:
    np.testing.assert_equal(vector(query), {(): value})


@pytest.mark.parametrize("query", ["nosuch + on () requests_total", "requests_total + on () group_right () nosuch"])
def test_where_there_is_nothing_to_match_several_series_of_one_group_are_no_mistake(query: str) -> None:
    assert vector(query) == {}


def test_a_subquery_between_whose_steps_the_window_lies_is_empty() -> None:
    assert vector("count_over_time((requests_total + on () requests_total)[10s:1m])", at_ms=5 * MINUTE + 30_000) == {}


@pytest.mark.parametrize("operator", ["topk", "bottomk", "limitk"])
def test_no_more_series_can_be_asked_for_than_can_be_counted(operator: str) -> None:
    with pytest.raises(Unanswerable, match=r"Scalar value \+Inf overflows int64"):
        vector(f"{operator}(Inf, host_up)")
    assert vector(f"{operator}(-Inf, host_up)") == {}


def test_zero_and_minus_zero_are_two_values_to_count() -> None:
    found = vector('count_values("v", label_replace(host_up * 0, "a", "", "", "") or vector(-0))')
    assert found == {labels(v="0"): 1, labels(v="-0"): 1}
