"""OTLP → series: the names, labels and numbers that OpenTelemetry and Prometheus agreed on, and never more than an error."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable

import numpy as np
import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics, ScopeMetrics

from gwanje.errors import BadInput, TooLarge
from gwanje.model import STALE_NAN_BITS
from gwanje.wire.columns import About
from gwanje.wire.otlp import names
from gwanje.wire.otlp.decode import Limits, decode
from gwanje.wire.otlp.json import from_json
from gwanje.wire.otlp.running import Running
from tests.wire.mutation import CHANGES, END, Change, is_bad_input_or_fine, mutated
from tests.wire.otlp_sent import AT_NS, DELTA, NEITHER, Sent, attributes, exponential, series


@pytest.mark.parametrize(
    ("name", "unit", "sort", "expected"),
    [
        pytest.param("http.server.duration", "s", "", "http_server_duration_seconds", id="a unit is a word at the end"),
        pytest.param("memory.usage", "By", "gauge", "memory_usage_bytes", id="bytes"),
        pytest.param("memory_bytes", "By", "gauge", "memory_bytes", id="a unit that the name says already"),
        pytest.param("requests", "1", "counter", "requests_total", id="a counter"),
        pytest.param("requests_total", "", "counter", "requests_total", id="a counter that says so already"),
        pytest.param("total.requests", "", "counter", "requests_total", id="total goes to the end"),
        pytest.param("io", "By", "counter", "io_bytes_total", id="total after the unit"),
        pytest.param("queue.fill", "1", "gauge", "queue_fill_ratio", id="a ratio"),
        pytest.param("network.speed", "By/s", "gauge", "network_speed_bytes_per_second", id="per second"),
        pytest.param("requests", "{request}", "gauge", "requests", id="a remark is no unit"),
        pytest.param("requests", "{request}/s", "gauge", "requests_per_second", id="a remark per second"),
        pytest.param("load", "%", "gauge", "load_percent", id="percent"),
        pytest.param("speed", "km/h", "gauge", "speed_km_per_hour", id="a unit without a word of its own"),
        pytest.param("2xx..answers", "", "gauge", "_2xx_answers", id="no digit first, no double underscore"),
        pytest.param("온도", "", "gauge", "", id="nothing left"),
    ],
)
def test_a_metrics_name(name: str, unit: str, sort: str, expected: str) -> None:
    assert names.metric_name(name, unit, names.SPELLED, counter=sort == "counter", gauge=sort == "gauge") == expected


@pytest.mark.parametrize(
    ("strategy", "name", "unit", "sort", "expected"),
    [
        pytest.param("UnderscoreEscapingWithoutSuffixes", "http.requests", "1", "counter", "http_requests", id="escaped, bare"),
        pytest.param("NoTranslation", "http.requests", "s", "counter", "http.requests", id="as it is"),
        pytest.param("NoUTF8EscapingWithSuffixes", "http.duration", "s", "", "http.duration_seconds", id="with its unit"),
        pytest.param("NoUTF8EscapingWithSuffixes", "up.seconds", "s", "counter", "up.seconds_total", id="the unit is there"),
        pytest.param("NoUTF8EscapingWithSuffixes", "io.total", "By", "counter", "io.total_bytes_total", id="as the words follow"),
        pytest.param("NoUTF8EscapingWithSuffixes", "io.total", "", "counter", "io_total", id="the sort once"),
        pytest.param("NoUTF8EscapingWithSuffixes", "cpu.use", "1", "gauge", "cpu.use_ratio", id="a ratio"),
        pytest.param("NoUTF8EscapingWithSuffixes", "온도", "Cel", "gauge", "온도_celsius", id="other scripts"),
        pytest.param("NoTranslation", "", "s", "gauge", "", id="nothing"),
    ],
)
def test_a_metrics_name_in_the_words_of_prometheus(
    strategy: names.Strategy, name: str, unit: str, sort: str, expected: str
) -> None:
    spelling = names.SPELLINGS[strategy]
    assert names.metric_name(name, unit, spelling, counter=sort == "counter", gauge=sort == "gauge") == expected


def test_names_that_are_kept_are_those_of_labels_scopes_and_resources_too() -> None:
    sent = Sent(service__name="shop", k8s__pod__name="pod-1")
    sent.gauge("queue.size", 1.5, http__method="GET")
    sent.scope.scope.attributes.extend(attributes(team__name="a"))
    decoded = sent.decoded(promoted={"k8s.pod.name": "k8s.pod.name"}, spelling=names.SPELLINGS["NoUTF8EscapingWithSuffixes"])
    assert series(decoded) == {
        "queue.size{http.method=GET,job=shop,k8s.pod.name=pod-1,otel_scope_team.name=a}": 1.5,
        "target_info{job=shop,k8s.pod.name=pod-1}": 1,
    }
    assert set(decoded.columns.abouts) == {"queue.size"}


@pytest.mark.parametrize(
    ("given_pairs", "expected"),
    [
        pytest.param([("http.method", "GET")], {"http_method": "GET"}, id="dots"),
        pytest.param([("a--b", "1")], {"a_b": "1"}, id="several become one"),
        pytest.param([("1st", "1")], {"key_1st": "1"}, id="a digit first"),
        pytest.param([("a.b", "2"), ("a-b", "1")], {"a_b": "1;2"}, id="two that become one are joined in order"),
        pytest.param([("a", "")], {}, id="nothing said"),
    ],
)
def test_labels_of_attributes(given_pairs: list[tuple[str, str]], expected: dict[str, str]) -> None:
    assert names.labels(given_pairs, names.SPELLED) == expected


def test_gauges_and_sums() -> None:
    sent = Sent(service__name="shop", service__namespace="eu", service__instance__id="web-1")
    sent.gauge("temperature", 20.5, unit="Cel", room="a")
    sent.gauge("threads", -3)
    sent.sum("requests", 7, path="/")
    sent.sum("queue", 4, monotonic=False)
    assert series(sent.decoded()) == {
        "temperature_celsius{instance=web-1,job=eu/shop,room=a}": 20.5,
        "threads{instance=web-1,job=eu/shop}": -3,
        "requests_total{instance=web-1,job=eu/shop,path=/}": 7,
        "queue{instance=web-1,job=eu/shop}": 4,
    }


def test_what_a_resource_says_more_is_target_info_and_what_is_promoted_stands_on_all() -> None:
    sent = Sent(service__name="shop", host__name="web-1", os__type="linux")
    sent.gauge("threads", 3)
    sent.gauge("temperature", 1.0, host="kitchen")
    assert series(sent.decoded(promoted={"host.name": "host"})) == {
        "threads{host=web-1,job=shop}": 3,
        "temperature{host=kitchen,job=shop}": 1,
        "target_info{host=web-1,host_name=web-1,job=shop,os_type=linux}": 1,
    }


def test_a_resource_that_nobody_can_tell_from_others_has_no_target_info() -> None:
    sent = Sent(os__type="linux")
    sent.gauge("threads", 3)
    assert series(sent.decoded()) == {"threads{}": 3}


def test_what_identifies_a_resource_is_not_overwritten_by_a_point() -> None:
    sent = Sent()
    sent.gauge("threads", 3, job="mine")[0].attributes.add(key="__name__", value=AnyValue(string_value="other"))
    assert series(sent.decoded()) == {"threads{_name_=other,job=shop}": 3}


def test_a_scope_stands_on_its_series() -> None:
    sent = Sent()
    sent.scope.scope.name, sent.scope.scope.version = "meter", "1.2"
    sent.scope.scope.attributes.extend(attributes(team="ops"))
    sent.scope.schema_url = "https://example.org/1"
    sent.gauge("threads", 3)
    assert series(sent.decoded()) == {
        "threads{job=shop,otel_scope_name=meter,otel_scope_schema_url=https://example.org/1,otel_scope_team=ops,"
        "otel_scope_version=1.2}": 3
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(AnyValue(bool_value=True), "true", id="true"),
        pytest.param(AnyValue(int_value=-5), "-5", id="a whole number"),
        pytest.param(AnyValue(double_value=0.5), "0.5", id="a number"),
        pytest.param(AnyValue(bytes_value=b"\x00\x01"), "AAE=", id="bytes"),
        pytest.param(
            AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue(string_value="é")])), '[1,"é"]', id="a list"
        ),
        pytest.param(
            AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="a", value=AnyValue(bool_value=False))])),
            '{"a":false}',
            id="an object",
        ),
    ],
)
def test_an_attribute_that_is_no_text(value: AnyValue, expected: str) -> None:
    sent = Sent()
    sent.gauge("threads", 3)[0].attributes.add(key="a", value=value)
    assert list(series(sent.decoded())) == [f"threads{{a={expected},job=shop}}"]


@pytest.mark.parametrize("value", [0.0, -0.0, math.inf, math.nan, 1e300], ids=str)
def test_a_value_keeps_its_bits(value: float) -> None:
    sent = Sent()
    sent.gauge("threads", value)
    assert sent.decoded().columns.values.tobytes() == struct.pack("<d", value)


def test_a_point_that_says_nothing_was_recorded_is_stale() -> None:
    sent = Sent()
    sent.gauge("threads", 3)[0].flags = 1
    sent.histogram([1.0], [2, 3], 4.0).flags = 1
    assert set(sent.decoded().columns.values.view(np.uint64).tolist()) == {STALE_NAN_BITS}


def test_a_histogram_becomes_classic_buckets() -> None:
    sent = Sent()
    sent.histogram([0.5, 1.0, 2.5], [1, 2, 0, 4], 12.5)
    assert series(sent.decoded()) == {
        "latency_seconds_bucket{job=shop,le=0.5,path=/}": 1,
        "latency_seconds_bucket{job=shop,le=1,path=/}": 3,
        "latency_seconds_bucket{job=shop,le=2.5,path=/}": 3,
        "latency_seconds_bucket{job=shop,le=+Inf,path=/}": 7,
        "latency_seconds_count{job=shop,path=/}": 7,
        "latency_seconds_sum{job=shop,path=/}": 12.5,
    }


def test_a_histogram_without_buckets_has_its_count_and_no_sum_where_none_is_said() -> None:
    sent = Sent()
    point = sent.histogram([], [])
    point.count = 3
    assert series(sent.decoded()) == {
        "latency_seconds_bucket{job=shop,le=+Inf,path=/}": 3,
        "latency_seconds_count{job=shop,path=/}": 3,
    }


@pytest.mark.parametrize(
    ("bounds", "counts"),
    [
        pytest.param([1.0], [1], id="too few buckets"),
        pytest.param([], [1, 2], id="too many buckets"),
        pytest.param([2.0, 1.0], [1, 1, 1], id="falling bounds"),
        pytest.param([1.0, 1.0], [1, 1, 1], id="a bound twice"),
        pytest.param([1.0, math.nan], [1, 1, 1], id="no number"),
        pytest.param([1.0, math.inf], [1, 1, 1], id="infinity"),
    ],
)
def test_a_histogram_that_is_not_sound_is_refused_alone(bounds: list[float], counts: list[int]) -> None:
    sent = Sent()
    sent.histogram(bounds, counts, 1.0)
    sent.histogram([5.0], [1, 0], 1.0)
    decoded = sent.decoded()
    assert (decoded.points, sum(decoded.refused.values())) == (2, 1)
    assert series(decoded)["latency_seconds_bucket{job=shop,le=5,path=/}"] == 1
    assert len(decoded.columns.keys) == 4


def test_a_summary_becomes_quantiles() -> None:
    sent = Sent()
    point = sent.scope.metrics.add(name="wait", unit="ms").summary.data_points.add(time_unix_nano=AT_NS, count=4, sum=2.5)
    point.quantile_values.add(quantile=0.5, value=0.25)
    point.quantile_values.add(quantile=1, value=0.75)
    assert series(sent.decoded()) == {
        "wait_milliseconds{job=shop,quantile=0.5}": 0.25,
        "wait_milliseconds{job=shop,quantile=1}": 0.75,
        "wait_milliseconds_count{job=shop}": 4,
        "wait_milliseconds_sum{job=shop}": 2.5,
    }


@pytest.mark.parametrize(
    ("scale", "offset", "counts", "zeros", "buckets"),
    [
        pytest.param(0, 0, [1, 2], 0, {"1": 0, "2": 1, "4": 3}, id="powers of two"),
        pytest.param(0, -2, [1, 2], 5, {"0.25": 5, "0.5": 6, "1": 8}, id="zeros lie below"),
        pytest.param(-1, 1, [3], 0, {"4": 0, "16": 3}, id="coarser"),
        pytest.param(1, 0, [1, 1], 0, {"1": 0, "1.4142135623730951": 1, "2": 2}, id="the finest that is kept"),
        pytest.param(3, 0, [1] * 8, 0, {"1": 0, "1.4142135623730951": 4, "2": 8}, id="finer ones are merged"),
        pytest.param(3, -1, [1, 1], 0, {"0.7071067811865476": 0, "1": 1, "1.4142135623730951": 2}, id="over a bound"),
        pytest.param(0, 1023, [1, 1], 0, {str(2**1023 * 1.0): 0}, id="what no number can bound"),
        pytest.param(0, 0, [], 4, {}, id="zeros only"),
    ],
)
def test_an_exponential_histogram_becomes_classic_buckets(
    scale: int, offset: int, counts: list[int], zeros: int, buckets: dict[str, float]
) -> None:
    sent = Sent()
    exponential(sent, counts, scale=scale, offset=offset, zeros=zeros).sum = 2.5
    total = sum(counts) + zeros
    assert series(sent.decoded()) == {
        **{f"latency_seconds_bucket{{job=shop,le={bound}}}": value for bound, value in buckets.items()},
        "latency_seconds_bucket{job=shop,le=+Inf}": total,
        "latency_seconds_count{job=shop}": total,
        "latency_seconds_sum{job=shop}": 2.5,
    }


def _exponential_of_no_time(sent: Sent) -> None:
    exponential(sent, [1], temporality=NEITHER)


def _below_zero(sent: Sent) -> None:
    exponential(sent, [1]).negative.bucket_counts.append(1)


def _scale(sent: Sent) -> None:
    exponential(sent, [1], scale=21)


def _without_temporality(sent: Sent) -> None:
    sent.sum("x", 1, temporality=NEITHER)


def _without_value(sent: Sent) -> None:
    sent.gauge("x", 1)[0].ClearField("as_int")


def _no_number(sent: Sent) -> None:
    sent.sum("x", math.nan, temporality=DELTA)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        pytest.param(_exponential_of_no_time, "neither delta nor cumulative", id="an exponential histogram that does not say"),
        pytest.param(_below_zero, "below zero", id="an exponential histogram of values below zero"),
        pytest.param(_scale, "unknown scale", id="an exponential histogram of a scale that is none"),
        pytest.param(_without_temporality, "neither delta nor cumulative", id="a sum that does not say since when"),
        pytest.param(_without_value, "without a value", id="a point without a value"),
        pytest.param(_no_number, "no finite number", id="a delta that would spoil the sum for ever"),
    ],
)
def test_what_cannot_be_kept_is_counted_and_loses_no_neighbour(spoil: Callable[[Sent], None], why: str) -> None:
    sent = Sent()
    sent.gauge("threads", 3)
    spoil(sent)
    decoded = sent.decoded()
    assert series(decoded) == {"threads{job=shop}": 3}
    assert decoded.points == 2
    assert [(why in reason, count) for reason, count in decoded.refused.items()] == [(True, 1)]


def test_series_of_different_resources_scopes_and_metrics_have_different_keys() -> None:
    keys = set()
    for resource in ("shop", "bank"):
        for scope in ("", "meter"):
            sent = Sent(service__name=resource)
            sent.scope.scope.name = scope
            sent.gauge("threads", 1)
            sent.gauge("threads", 1, unit="s")
            sent.sum("threads", 1)
            keys |= set(sent.decoded().columns.keys)
    assert len(keys) == 12


def test_a_metric_without_a_name_is_refused_alone() -> None:
    sent = Sent()
    sent.gauge("", 1)
    sent.gauge("threads", 1)
    columns = sent.decoded().columns
    with pytest.raises(BadInput, match="no name"):
        columns.labels_of(columns.keys[0])
    assert columns.labels_of(columns.keys[1])


# --- what cannot be read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"garbage", id="no protobuf"),
        pytest.param(b"\x0a\x05\x0a", id="cut off"),
    ],
)
def test_what_is_no_request(body: bytes) -> None:
    with pytest.raises(BadInput):
        decode(body, Running())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"5", id="a number"),
        pytest.param(b'{"resourceMetrics": 5}', id="a number for a list"),
        pytest.param(b'{"resourceMetrics": [5]}', id="a number for an object"),
        pytest.param(b"\xff", id="no UTF-8"),
        pytest.param(b'{"resourceMetrics":' + b"[" * 100_000, id="a deep one"),
    ],
)
def test_what_is_no_request_in_json(body: bytes) -> None:
    with pytest.raises(BadInput):
        from_json(body, 1 << 20)


def test_json_says_the_same_as_protobuf() -> None:
    sent = Sent()
    sent.gauge("threads", 3, path="/")
    sent.histogram([1.0], [2, 3], 4.0)
    body = json_format.MessageToJson(sent.message).encode()
    assert series(decode(from_json(body, 1 << 20), Running(), {})) == series(sent.decoded())


def test_json_as_other_senders_write_it() -> None:
    point = {
        "timeUnixNano": str(AT_NS),
        "asInt": "3",
        "exemplars": [{"traceId": "5b8efff798038103d269b633813fc60c", "asInt": "1"}],
    }
    counter = {"dataPoints": [point], "aggregationTemporality": 2, "isMonotonic": True}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    scopes = [{"scope": {}, "metrics": [{"name": "requests", "unit": "1", "sum": counter}]}]
    body = json.dumps({"resourceMetrics": [{"resource": resource, "scopeMetrics": scopes}]}).encode()
    assert series(decode(from_json(body, 1 << 20), Running())) == {"requests_total{job=shop}": 3}


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        pytest.param({"asDouble": 1.5}, 1.5, id="a number"),
        pytest.param({"asDouble": 3}, 3, id="a number without fraction"),
        pytest.param({"asDouble": "2.5"}, 2.5, id="a number in a text"),
        pytest.param({"asDouble": "-Infinity"}, -math.inf, id="without end"),
        pytest.param({"asInt": "-9223372036854775808"}, -(2.0**63), id="64 bits"),
        pytest.param({"as_int": 7}, 7, id="another spelling"),
        pytest.param({"asInt": 7, "asDouble": None, "later": [1]}, 7, id="null, and what nobody knows"),
        pytest.param({"asInt": 7, "startTimeUnixNano": "1", "exemplars": [{"asInt": "3"}], "flags": 0}, 7, id="everything"),
    ],
)
def test_numbers_in_json_as_others_write_them(point: dict[str, object], expected: float) -> None:
    metric = {"name": "size", "gauge": {"dataPoints": [{"timeUnixNano": str(AT_NS), **point}]}}
    body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).encode()
    decoded = decode(from_json(body, 1 << 20), Running())
    assert decoded.columns.values.tolist() == [expected]


@pytest.mark.parametrize(
    "point",
    [
        pytest.param({"asInt": "9223372036854775808"}, id="more than 64 bits"),
        pytest.param({"asInt": "seven"}, id="no number"),
        pytest.param({"asInt": 1, "asDouble": 1}, id="two values"),
        pytest.param({"timeUnixNano": "-1"}, id="a time before all times"),
        pytest.param({"flags": 1 << 32}, id="more flags than there are"),
        pytest.param({"attributes": [{"key": "a", "value": {"intValue": "x"}}]}, id="an attribute that is no number"),
    ],
)
def test_points_that_no_json_may_say(point: dict[str, object]) -> None:
    for sort in ("gauge", "sum"):
        metric = {"name": "size", sort: {"dataPoints": [point]}}
        body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).encode()
        with pytest.raises(BadInput, match="not an ExportMetricsServiceRequest in JSON"):
            from_json(body, 1 << 20)


def test_json_may_say_what_nobody_knows() -> None:
    assert from_json(b'{"resourceMetrics": [], "tomorrow": 1}', 100) == b""


def test_too_much_is_refused_before_it_takes_room() -> None:
    sent = Sent()
    sent.histogram([float(i) for i in range(20)], [1] * 21, 1.0)
    with pytest.raises(TooLarge):
        decode(sent.message.SerializeToString(), Running(), {}, Limits(samples=10))
    with pytest.raises(TooLarge):
        from_json(b" " * 11, 10)


def _many(above: str) -> ExportMetricsServiceRequest:
    message = ExportMetricsServiceRequest()
    many = range(100_001)
    match above:
        case "resources":
            message.resource_metrics.extend(ResourceMetrics() for _ in many)
        case "scopes":
            message.resource_metrics.add().scope_metrics.extend(ScopeMetrics() for _ in many)
        case _:
            message.resource_metrics.add().scope_metrics.add().metrics.extend(Metric() for _ in many)
    return message


@pytest.mark.parametrize("above", ["resources", "scopes", "metrics"])
def test_too_many_of_what_stands_above_points(above: str) -> None:
    with pytest.raises(TooLarge, match=f"100001 {above}"):
        decode(_many(above).SerializeToString(), Running())


def test_attributes_that_are_repeated_by_every_bucket_are_counted_before_they_are() -> None:
    sent = Sent()
    point = sent.histogram([float(i) for i in range(20_000)], [1] * 20_001, 1.0)
    point.attributes.add(key="a", value=AnyValue(string_value="x" * 10_000))
    with pytest.raises(TooLarge, match="attributes"):
        decode(sent.message.SerializeToString(), Running())


def _plain() -> bytes:
    sent = Sent(service__name="shop", host__name="web-1")
    sent.gauge("threads", 1, 2.5, path="/")
    sent.sum("requests", 1, 2, temporality=DELTA)
    sent.histogram([0.5, 1.0], [1, 2, 3], 4.0)
    sent.histogram([0.5, 1.0], [1, 2, 3], 4.0, DELTA)
    point = sent.scope.metrics.add(name="wait").summary.data_points.add(time_unix_nano=AT_NS, count=4, sum=2.5)
    point.quantile_values.add(quantile=0.5, value=0.25)
    exponential(sent, [1, 2, 3], scale=3, offset=-2, zeros=1)
    return sent.message.SerializeToString()


PLAIN = _plain()
JSON = json_format.MessageToJson(ExportMetricsServiceRequest.FromString(PLAIN), indent=None).encode()
RUNNING = Running()


@settings(max_examples=600, deadline=None)
@given(CHANGES, END)
def test_any_mutated_request_is_bad_input_or_fine(changes: list[Change], end: int) -> None:
    is_bad_input_or_fine(lambda: decode(mutated(PLAIN, changes, end), RUNNING).columns)


@settings(max_examples=300, deadline=None)
@given(CHANGES, END)
def test_any_mutated_json_is_bad_input_or_fine(changes: list[Change], end: int) -> None:
    is_bad_input_or_fine(lambda: decode(from_json(mutated(JSON, changes, end), 1 << 20), RUNNING).columns)


def test_what_is_said_of_metrics_goes_by_the_names_they_get() -> None:
    sent = Sent()
    sent.gauge("room.temperature", 21.0, unit="Cel")
    sent.sum("jobs", 1.0)
    sent.sum("jobs.open", 1.0, monotonic=False, unit="{job}")
    for metric in sent.scope.metrics:
        metric.description = f"What {metric.name} is."
    sent.scope.metrics.add(name="nothing")

    abouts = decode(sent.message.SerializeToString(), Running()).columns.abouts

    assert abouts == {
        "room_temperature_celsius": About("gauge", "What room.temperature is.", "celsius"),
        "jobs_total": About("counter", "What jobs is."),
        "jobs_open": About("gauge", "What jobs.open is."),
        "nothing": About(),
    }


@settings(max_examples=300, deadline=None)
@given(CHANGES, END)
def test_mutated_json_says_what_the_library_reads(changes: list[Change], end: int) -> None:
    body = mutated(JSON, changes, end)
    expected = ExportMetricsServiceRequest()
    try:
        json_format.Parse(body.decode(), expected, ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, TypeError, AttributeError):
        return
    read, wanted = (decode(message, Running()) for message in (from_json(body, 1 << 20), expected.SerializeToString()))
    assert (read.columns.keys, read.refused) == (wanted.columns.keys, wanted.refused)
    assert read.columns.times.tolist() == wanted.columns.times.tolist()
    assert read.columns.values.tobytes() == wanted.columns.values.tobytes()
