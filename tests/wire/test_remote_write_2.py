"""Remote write 2.0: labels by reference become the same series as in 1.0, and nothing that comes in is more than an error."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwanje.errors import BadInput, TooLarge
from gwanje.model import STALE_NAN_BITS
from gwanje.wire.columns import Columns, Labels
from gwanje.wire.remote_write.decode import Limits
from gwanje.wire.remote_write.encode import compressed, varint
from gwanje.wire.remote_write.v2 import decode
from tests.wire.mutation import CHANGES, END, Change, is_bad_input_or_fine, mutated
from tests.wire.version_2 import Sent

STALE = struct.unpack("<d", struct.pack("<Q", STALE_NAN_BITS))[0]
CPU: Labels = (("__name__", "cpu"), ("host", "web-1"))


def rows(columns: Columns) -> list[tuple[Labels, int, int]]:
    """Labels, time and bits of the value of every sample."""
    owners = [columns.labels_of(key) for key, count in zip(columns.keys, columns.counts, strict=True) for _ in range(count)]
    return list(zip(owners, columns.times.tolist(), columns.values.view(np.uint64).tolist(), strict=True))


def bits_of(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def series_of(references: bytes) -> bytes:
    """One series as it stands in a message, its references each of one byte."""
    packed = b"\x0a" + varint(len(references)) + references
    return b"\x2a" + varint(len(packed)) + packed


def refused(columns: Columns) -> list[str]:
    """Why series cannot be read."""
    found = []
    for key in columns.keys:
        try:
            columns.labels_of(key)
        except BadInput as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize(
    "value", [pytest.param(number, id=str(number)) for number in (0.0, -0.0, 1.5, float("inf"), float("nan"))] + [STALE]
)
def test_a_value_keeps_its_bits(value: float) -> None:
    sent = Sent()
    sent.series({"__name__": "cpu", "host": "web-1"}, (1000, value))
    assert rows(decode(sent.body()).columns) == [(CPU, 1000, bits_of(value))]


def test_series_share_texts_and_keep_their_own_samples() -> None:
    sent = Sent()
    sent.series({"__name__": "cpu", "host": "web-1"}, (1000, 1.0), (2000, 2.0))
    sent.series({"__name__": "cpu", "host": "cpu"})
    sent.series({"host": "db-1", "__name__": "cpu"}, (-5, 3.0))
    assert rows(decode(sent.body()).columns) == [
        (CPU, 1000, bits_of(1.0)),
        (CPU, 2000, bits_of(2.0)),
        ((("__name__", "cpu"), ("host", "db-1")), -5, bits_of(3.0)),
    ]


def test_the_same_series_has_the_same_key_in_every_request() -> None:
    one, other = Sent(), Sent()
    other.series({"__name__": "other", "host": "elsewhere"})
    for sent in (one, other):
        sent.series({"__name__": "cpu", "host": "web-1"}, (1, 1.0))
    assert decode(one.body()).columns.keys[-1] == decode(other.body()).columns.keys[-1]


def test_series_that_read_alike_when_joined_have_different_keys() -> None:
    sent = Sent()
    for pairs in ({"__name__": "m", "a": "bc"}, {"__name__": "m", "ab": "c"}, {"__name__": "m", "a": "b", "c": ""}):
        sent.series(pairs, (1, 1.0))
    keys = decode(sent.body()).columns.keys
    assert len(set(keys)) == 3


def test_what_is_not_kept_is_counted() -> None:
    sent = Sent()
    series = sent.series({"__name__": "cpu", "host": "web-1"}, (1, 1.0))
    series.histograms.add(count_int=3, sum=2.0, schema=3, timestamp=1)
    series.histograms.add(count_int=4, sum=2.0, schema=3, timestamp=2)
    series.exemplars.add(labels_refs=[1, 2], value=1.0)
    series.metadata.type, series.metadata.help_ref = 1, 2
    series.samples[0].start_timestamp = 1
    request = decode(sent.body())
    assert (request.histograms, request.exemplars, rows(request.columns)) == (2, 1, [(CPU, 1, bits_of(1.0))])


@pytest.mark.parametrize(
    ("references", "why"),
    [
        pytest.param([1, 2, 3], "without a value", id="a name alone"),
        pytest.param([1, 2, 3, 900], "a text that the request lacks", id="a reference to nothing"),
        pytest.param([1, 2, 0, 4], "a label without a name", id="no name"),
        pytest.param([1, 2, 3, 4, 3, 4], "stands twice", id="a label twice"),
        pytest.param([3, 4], "a series without __name__", id="no metric"),
        pytest.param([], "a series without __name__", id="no labels"),
    ],
)
def test_a_bad_series_is_refused_alone(references: list[int], why: str) -> None:
    sent = Sent()
    sent.series({"__name__": "cpu", "host": "web-1"}, (1, 1.0))
    sent.series({})
    sent.message.timeseries[1].labels_refs[:] = references
    columns = decode(sent.body()).columns
    assert columns.labels_of(columns.keys[0]) == CPU
    assert [why in reason for reason in refused(columns)] == [True]


@pytest.mark.parametrize("text", [b"web\xff1", b"web\xffb\xffc", b"\xfe", b"\xc3("])
def test_a_text_that_is_no_utf_8_loses_its_own_series_only(text: bytes) -> None:
    sent = Sent()
    sent.series({"__name__": "cpu", "host": "web-1"}, (1, 1.0))
    sent.series({"__name__": "cpu", "host": "x" * len(text)}, (1, 1.0))
    body = compressed(sent.message.SerializeToString().replace(b"x" * len(text), text, 1))
    columns = decode(body).columns
    assert columns.labels_of(columns.keys[0]) == CPU
    assert len(refused(columns)) == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(b"", BadInput, id="nothing"),
        pytest.param(b"no snappy", BadInput, id="not compressed"),
        pytest.param(compressed(b"\x2a\x05\x0a"), BadInput, id="cut off"),
        pytest.param(compressed(b"\x2a\x00" * 11), TooLarge, id="too many series"),
        pytest.param(compressed(b"\x22\x00" * 2_000_001), TooLarge, id="too many texts"),
        pytest.param(compressed(series_of(b"\x00" * 8_000_001)), TooLarge, id="too many references"),
        pytest.param(compressed(b"\x22\xc0\x84\x3d" + b"x" * 1_000_000 + series_of(b"\x00" * 200)), TooLarge, id="long keys"),
    ],
)
def test_what_cannot_be_read_as_a_whole(body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        decode(body, Limits(samples=10))


def test_a_request_of_nothing_is_nothing() -> None:
    columns = decode(Sent().body()).columns
    assert (list(columns.keys), len(columns.times)) == ([], 0)


def _plain() -> bytes:
    sent = Sent()
    for i in range(20):
        series = sent.series({"__name__": "m", "host": f"web-{i}", "a": "1"}, (1_700_000_000_000 + i, i * 0.5))
        series.metadata.type = 1
    sent.message.timeseries[3].histograms.add(count_int=3)
    return bytes(sent.message.SerializeToString())


PLAIN = _plain()


@settings(max_examples=600, deadline=None)
@given(CHANGES, END, st.booleans())
def test_any_mutated_body_is_bad_input_or_fine(changes: list[Change], end: int, inside: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    body = compressed(mutated(PLAIN, changes, end)) if inside else mutated(compressed(PLAIN), changes, end)
    is_bad_input_or_fine(lambda: decode(body).columns)
