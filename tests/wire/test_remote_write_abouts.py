"""What remote write says of metrics, in both of its versions."""

from __future__ import annotations

from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given

from gwanje.model import METRIC
from gwanje.wire.columns import About
from gwanje.wire.remote_write import decode as version_1
from gwanje.wire.remote_write import v2
from gwanje.wire.remote_write.encode import body_of, compressed
from tests.wire.mutation import CHANGES, END, Change, is_bad_input_or_fine, mutated
from tests.wire.version_2 import Sent

COUNTER, GAUGE, HISTOGRAM = 1, 2, 3


def metadata(*said: tuple[int, str, str, str]) -> bytes:
    """`WriteRequest.metadata` as others send it."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="theirs_1.proto", package="theirs_1", syntax="proto3")
    about = file.message_type.add(name="MetricMetadata")
    about.field.add(name="type", number=1, type=field.TYPE_INT32)
    for name, number in (("family", 2), ("help", 4), ("unit", 5)):
        about.field.add(name=name, number=number, type=field.TYPE_STRING)
    request = file.message_type.add(name="WriteRequest")
    of = ".theirs_1.MetricMetadata"
    request.field.add(name="metadata", number=3, type=field.TYPE_MESSAGE, type_name=of, label=field.LABEL_REPEATED)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    message: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName("theirs_1.WriteRequest"))()
    for type_, family, help_, unit in said:
        message.metadata.add(type=type_, family=family, help=help_, unit=unit)
    return bytes(message.SerializeToString())


def test_messages_of_version_1_are_read_without_and_beside_series() -> None:
    said = metadata(
        (COUNTER, "jobs_total", "Jobs that ended.", ""), (HISTOGRAM, "wait_seconds", "한글", "seconds"), (99, "odd", "", "")
    )
    series = bytes(cramjam.snappy.decompress_raw(body_of([(((METRIC, "jobs_total"),), [(1000, 1.0)])])))
    expected = {
        "jobs_total": About("counter", "Jobs that ended."),
        "wait_seconds": About("histogram", "한글", "seconds"),
        "odd": About(),
    }

    alone, beside = version_1.decode(compressed(said)), version_1.decode(compressed(series + said))

    assert (alone.abouts, beside.abouts) == (expected, expected)
    assert (len(alone.keys), beside.values.tolist()) == (0, [1.0])


def test_series_of_version_2_speak_for_their_family() -> None:
    sent = Sent()
    for le in ("1", "+Inf"):
        sent.says(sent.series({METRIC: "wait_seconds_bucket", "le": le}, (1000, 1.0)), HISTOGRAM, "How long.", "seconds")
    sent.says(sent.series({"host": METRIC, METRIC: "load"}, (1000, 1.0)), GAUGE)
    sent.series({METRIC: "silent"}, (1000, 1.0))

    abouts = v2.decode(sent.body()).columns.abouts

    assert abouts == {"wait_seconds": About("histogram", "How long.", "seconds"), "load": About("gauge")}


def test_references_to_texts_that_are_missing_say_nothing() -> None:
    sent = Sent()
    series = sent.series({METRIC: "load"}, (1000, 1.0))
    series.metadata.type, series.metadata.help_ref, series.metadata.unit_ref = COUNTER, 4_000_000_000, 77

    assert v2.decode(sent.body()).columns.abouts == {"load": About("counter")}


@given(CHANGES, END)
def test_a_damaged_body_gets_no_more_than_an_error(changes: list[Change], end: int) -> None:
    body = metadata((COUNTER, "jobs_total", "Jobs that ended.", ""), (GAUGE, "load", "한글", "1"))

    is_bad_input_or_fine(lambda: version_1.decode(compressed(mutated(body, changes, end))))
