"""Remote write: what we send is what we read, and what others send too."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import cramjam
import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given, settings
from hypothesis import strategies as st

import gwanje
from gwanje.errors import BadInput, TooLarge
from gwanje.model import STALE_NAN_BITS, Sample
from gwanje.wire.columns import Columns, Labels
from gwanje.wire.remote_write import v2
from gwanje.wire.remote_write.decode import Limits, decode, labels_of
from gwanje.wire.remote_write.encode import compressed, encode
from tests.wire import version_2
from tests.wire.mutation import CHANGES, END, Change, is_bad_input_or_fine, mutated

SRC = str(Path(gwanje.__file__).parents[1])
STALE = struct.unpack("<d", struct.pack("<Q", STALE_NAN_BITS))[0]

Row = tuple[Labels, int, int]
"""Labels, time, bits of the value."""


def rows(columns: Columns) -> list[Row]:
    bits = columns.values.view(np.uint64).tolist()
    found, at = [], 0
    for key, count in zip(columns.keys, columns.counts.tolist(), strict=True):
        labels = columns.labels_of(key)
        found += [(labels, columns.times.tolist()[i], bits[i]) for i in range(at, at + count)]
        at += count
    assert at == len(columns.times) == len(columns.values)
    return found


def bits_of(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def labels(**pairs: str) -> Labels:
    metric = pairs.pop("metric")
    return tuple(sorted({"__name__": metric, **pairs}.items()))


def their_request() -> Any:
    """The same message by Google's protobuf, from the published shape of remote write 1.0, extra fields included."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="theirs.proto", package="theirs", syntax="proto3")

    def message(name: str, *fields: tuple[str, int, int, str, bool]) -> None:
        added = file.message_type.add(name=name)
        for name_, number, type_, of, many in fields:
            added.field.add(
                name=name_,
                number=number,
                type=type_,
                type_name=f".theirs.{of}" if of else None,
                label=field.LABEL_REPEATED if many else field.LABEL_OPTIONAL,
            )

    message("Label", ("name", 1, field.TYPE_STRING, "", False), ("value", 2, field.TYPE_STRING, "", False))
    message("Sample", ("value", 1, field.TYPE_DOUBLE, "", False), ("timestamp", 2, field.TYPE_INT64, "", False))
    message("Exemplar", ("labels", 1, field.TYPE_MESSAGE, "Label", True), ("value", 2, field.TYPE_DOUBLE, "", False))
    message("Histogram", ("sum", 3, field.TYPE_DOUBLE, "", False), ("timestamp", 15, field.TYPE_INT64, "", False))
    message("Metadata", ("type", 1, field.TYPE_INT32, "", False), ("metric_family_name", 2, field.TYPE_STRING, "", False))
    message(
        "TimeSeries",
        ("labels", 1, field.TYPE_MESSAGE, "Label", True),
        ("samples", 2, field.TYPE_MESSAGE, "Sample", True),
        ("exemplars", 3, field.TYPE_MESSAGE, "Exemplar", True),
        ("histograms", 4, field.TYPE_MESSAGE, "Histogram", True),
    )
    message(
        "WriteRequest",
        ("timeseries", 1, field.TYPE_MESSAGE, "TimeSeries", True),
        ("metadata", 3, field.TYPE_MESSAGE, "Metadata", True),
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("theirs.WriteRequest"))()


def add_series(request: Any, pairs: list[tuple[str, str]], samples: list[tuple[int, float]]) -> Any:
    series = request.timeseries.add()
    for name, value in pairs:
        series.labels.add(name=name, value=value)
    for at_ms, number in samples:
        series.samples.add(timestamp=at_ms, value=number)
    return series


def sent(request: Any) -> bytes:
    return compressed(request.SerializeToString())


def test_what_we_send_is_what_we_read() -> None:
    batch = encode(
        [
            Sample("node_load1", {"host": "web-1"}, 0.5, 1000),
            Sample("node_load1", {"host": "web-2"}, -0.0, -5),
            Sample("node_load1", {"host": "web-1"}, math.inf, 2000),
            Sample("node_load1", {"host": "web-1"}, STALE, 0),
        ],
        {"job": "node"},
    )
    assert batch.count == 4
    first, second = labels(metric="node_load1", host="web-1", job="node"), labels(metric="node_load1", host="web-2", job="node")
    assert rows(decode(batch.body)) == [
        (first, 1000, bits_of(0.5)),
        (first, 2000, bits_of(math.inf)),
        (first, 0, STALE_NAN_BITS),
        (second, -5, bits_of(-0.0)),
    ]


def test_a_label_of_the_sample_wins_over_the_extra_one() -> None:
    batch = encode([Sample("up", {"job": "mine"}, 1.0, 1)], {"job": "node", "empty": ""})
    assert [row[0] for row in rows(decode(batch.body))] == [labels(metric="up", job="mine")]


def test_an_empty_batch_is_an_empty_body() -> None:
    assert rows(decode(encode([]).body)) == []


def test_a_body_of_another_implementation_is_read_without_what_we_do_not_know() -> None:
    request = their_request()
    series = add_series(request, [("__name__", "a"), ("host", "관제")], [(1, 1.5), (2, STALE), (3, 0.0)])
    series.exemplars.add(value=1.0).labels.add(name="trace", value="x")
    series.histograms.add(sum=2.0, timestamp=9)
    request.metadata.add(type=1, metric_family_name="a")
    add_series(request, [("__name__", "no_samples")], [])
    add_series(request, [("__name__", "b"), ("empty", "")], [(-7, -1.0)])
    columns = decode(sent(request))
    assert columns.counts.tolist() == [3, 0, 1]
    assert rows(columns) == [
        (labels(metric="a", host="관제"), 1, bits_of(1.5)),
        (labels(metric="a", host="관제"), 2, STALE_NAN_BITS),
        (labels(metric="a", host="관제"), 3, 0),
        (labels(metric="b"), -7, bits_of(-1.0)),
    ]


PAIRS = [("__name__", "m"), ("a", "1"), ("b", "2"), ("c", "3"), ("z_", "4")]


@given(st.permutations(PAIRS))
def test_the_order_of_labels_does_not_matter(pairs: list[tuple[str, str]]) -> None:
    request = their_request()
    add_series(request, pairs, [(1, 1.0)])
    assert [row[0] for row in rows(decode(sent(request)))] == [tuple(PAIRS)]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        pytest.param([("a", "1")], "without __name__", id="a series without its metric's name"),
        pytest.param([], "without __name__", id="a series without labels"),
        pytest.param([("__name__", "")], "without __name__", id="an empty metric name"),
        pytest.param([("__name__", "m"), ("a", "1"), ("a", "2")], "'a' stands twice", id="a label twice"),
        pytest.param([("__name__", "m"), ("", "1")], "without a name", id="a value without a name"),
    ],
)
def test_bad_labels_are_refused_and_the_neighbours_stay(pairs: list[tuple[str, str]], message: str) -> None:
    request = their_request()
    add_series(request, pairs, [(1, 1.0)])
    add_series(request, [("__name__", "good")], [(1, 1.0)])
    columns = decode(sent(request))
    with pytest.raises(BadInput, match=message):
        columns.labels_of(columns.keys[0])
    assert columns.labels_of(columns.keys[1]) == labels(metric="good")


@pytest.mark.parametrize("version", [pytest.param(1, id="1.0"), pytest.param(2, id="2.0")])
def test_names_are_any_text(version: int) -> None:
    pairs = {"__name__": "http.server-duration", "http.status": "200", "온도": "1", "a:b": "2"}
    if version == 1:
        request = their_request()
        add_series(request, list(pairs.items()), [(1, 1.0)])
        columns = decode(sent(request))
    else:
        newer = version_2.Sent()
        newer.series(pairs, (1, 1.0))
        columns = v2.decode(newer.body()).columns
    assert columns.labels_of(columns.keys[0]) == tuple(sorted(pairs.items()))


def test_a_nameless_label_does_not_melt_into_the_one_before_it() -> None:
    series = _sized(1, _sized(1, b"__name__") + _sized(2, b"m")) + _sized(1, _sized(1, b"a")) + _sized(1, _sized(2, b"b"))
    columns = decode(compressed(_sized(1, series)))
    with pytest.raises(BadInput, match="without a name"):
        columns.labels_of(columns.keys[0])


def test_a_label_with_its_value_first_is_the_same_label() -> None:
    series = _sized(1, _sized(2, b"m") + _sized(1, b"__name__")) + _sized(1, _sized(1, b"a") + _sized(2, b"b"))
    columns = decode(compressed(_sized(1, series)))
    assert columns.labels_of(columns.keys[0]) == labels(metric="m", a="b")


def _sized(field: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes([field << 3 | 2, len(content)]) + content


@pytest.mark.parametrize(
    "key",
    [b"\xff", b"\x0a", b"\x0a\x05ab", b"\x0a\xff\xff\xff\xff\xff\xff", b"\x0a\x01\xff", b"\x12\x01a", b"\x08\x01"],
)
def test_a_broken_key_is_bad_input(key: bytes) -> None:
    with pytest.raises(BadInput):
        labels_of(key)


@pytest.mark.parametrize(
    ("body", "limits", "error", "message"),
    [
        pytest.param(b"", Limits(), BadInput, "not snappy", id="nothing"),
        pytest.param(b"hello", Limits(), BadInput, "not snappy", id="plain text"),
        pytest.param(compressed(b"hello"), Limits(), BadInput, "not a remote write 1.0 message", id="snappy of plain text"),
        pytest.param(b"\xff\xff\xff\xff\x0f" + b"a" * 50, Limits(), TooLarge, "unpacks to 4294967295", id="a header of 4 GiB"),
        pytest.param(b"\x80\x80\x80\x08" + b"a" * 50, Limits(), BadInput, "cannot hold", id="a header that cannot be true"),
        pytest.param(compressed(bytes(200_000)), Limits(body_bytes=100_000), TooLarge, "200000 bytes", id="a bomb"),
    ],
)
def test_a_body_that_cannot_be_read_says_why(body: bytes, limits: Limits, error: type[BadInput], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        decode(body, limits)
    assert type(raised.value) is error


def test_too_many_samples_are_too_large() -> None:
    batch = encode([Sample("m", {}, 1.0, at) for at in range(11)])
    assert len(decode(batch.body, Limits(samples=11)).times) == 11
    with pytest.raises(TooLarge, match="11 samples of 1 series"):
        decode(batch.body, Limits(samples=10))


def test_too_many_series_without_samples_are_too_large() -> None:
    with pytest.raises(TooLarge, match="0 samples of 11 series"):
        decode(compressed(b"\x0a\x00" * 11), Limits(samples=10))


PLAIN = bytes(
    cramjam.snappy.decompress_raw(
        encode([Sample("m", {"a": "1", "host": f"web-{i}"}, i * 0.5, 1_700_000_000_000 + i) for i in range(20)]).body
    )
)


@settings(max_examples=1000, deadline=None)
@given(CHANGES, END, st.booleans())
def test_any_mutated_body_is_bad_input_or_fine(changes: list[Change], end: int, inside: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    body = compressed(mutated(PLAIN, changes, end)) if inside else mutated(compressed(PLAIN), changes, end)
    is_bad_input_or_fine(lambda: decode(body))


names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]*", fullmatch=True).filter(lambda name: name != "__name__")
samples = st.builds(
    Sample,
    metric=st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]*", fullmatch=True),
    labels=st.dictionaries(names, st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=4),
    value=st.floats(),
    at_ms=st.integers(-(2**63), 2**63 - 1),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(samples, max_size=30))
def test_any_samples_make_the_round_trip(given_samples: list[Sample]) -> None:
    wanted = sorted((labels(metric=s.metric, **s.labels), s.at_ms, bits_of(s.value)) for s in given_samples)
    assert sorted(rows(decode(encode(given_samples).body))) == wanted


def test_the_encoder_is_light_enough_for_the_agent() -> None:
    question = (
        "import sys; import gwanje.wire.remote_write.encode; "
        "print(sorted({'numpy', 'pyarrow', 'ptars', 'google.protobuf'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", question], check=True, capture_output=True, text=True, env={"PYTHONPATH": SRC})
    assert answer.stdout.strip() == "[]"
