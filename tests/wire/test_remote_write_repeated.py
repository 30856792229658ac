"""Bodies that repeat an earlier one's layout: read by places, and always as the full decoder reads them."""

from __future__ import annotations

import struct

import cramjam
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwanje.errors import BadInput
from gwanje.model import METRIC, STALE
from gwanje.wire.columns import Labels
from gwanje.wire.remote_write import decode as full
from gwanje.wire.remote_write.decode import Limits, decode
from gwanje.wire.remote_write.encode import body_of
from gwanje.wire.remote_write.repeated import Parts, Repeats

NOW_MS = 1_700_000_000_000
SERIES = 200

Numbers = list[list[tuple[int, float]]]


def _labels(i: int) -> Labels:
    return ((METRIC, "node_load1"), ("host", f"web-{i}"), ("zone", "x" * (i % 150)))


def _message(numbers: Numbers) -> bytes:
    body = body_of((_labels(i), samples) for i, samples in enumerate(numbers))
    return bytes(cramjam.snappy.decompress_raw(body))


def _parsed(message: bytes) -> Parts:
    """What the full decoder finds, which remembers nothing here."""
    series = full._read(message)[0]
    data, cuts, of_series = full._label_bytes(series.field("labels"))
    rows = series.field("samples").values
    counts = np.diff(series.field("samples").offsets.to_numpy()).astype(np.int64)
    return Parts(full._cut(data, cuts, of_series), counts, rows.field("timestamp").to_numpy(), rows.field("value").to_numpy())


def _learned(message: bytes) -> tuple[Repeats, Parts]:
    repeats, found = Repeats(), _parsed(message)
    _, cuts, of_series = full._label_bytes(full._read(message)[0].field("labels"))
    repeats.learn(message, np.diff(cuts).astype(np.int64), of_series.astype(np.int64), found)
    return repeats, found


def _same(one: Parts, other: Parts) -> bool:
    return (
        list(one.keys) == list(other.keys)
        and np.array_equal(one.counts, other.counts)
        and np.array_equal(one.times, other.times)
        and one.values.tobytes() == other.values.tobytes()
    )


def _numbers(counts: list[int], at_ms: int = NOW_MS, value: float = 1.5) -> Numbers:
    return [[(at_ms + j * 1000, value + i + j) for j in range(count)] for i, count in enumerate(counts)]


COUNTS = [1 + i % 3 for i in range(SERIES)]
values = st.floats(allow_nan=True).filter(lambda value: value != 0 or str(value) == "-0.0") | st.just(STALE)
times = st.integers(2**35, 2**42 - 1)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_times_and_values_of_a_known_layout_are_read_as_they_are(data: st.DataObject) -> None:
    repeats, _ = _learned(_message(_numbers(COUNTS)))
    drawn = data.draw(st.lists(st.tuples(times, values), min_size=5, max_size=5))
    numbers = [[drawn[(i + j) % 5] for j in range(count)] for i, count in enumerate(COUNTS)]
    message = _message(numbers)
    found = repeats.read(message)
    assert found is not None
    assert _same(found, _parsed(message))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(_numbers(COUNTS, at_ms=1000), id="times of fewer bytes"),
        pytest.param(_numbers([1] * SERIES), id="other counts"),
        pytest.param(_numbers(COUNTS[:-1]), id="a series less"),
        pytest.param(_numbers(COUNTS, value=-1.0), id="a value of zero, which is not written"),
        pytest.param(_numbers([*COUNTS[:-2], COUNTS[-1], COUNTS[-2]]), id="counts in another order"),
    ],
)
def test_another_layout_is_left_to_the_full_decoder(other: Numbers) -> None:
    repeats, _ = _learned(_message(_numbers(COUNTS)))
    message = _message(other)
    found = repeats.read(message)
    if found is not None:  # the same layout after all: then it says the same
        assert _same(found, _parsed(message))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_one_changed_byte_is_read_as_the_full_decoder_reads_it_or_not_at_all(place: int, change: int) -> None:
    repeats, message = REPEATS, bytearray(MESSAGE)
    message[place % len(message)] ^= change
    found = repeats.read(bytes(message))
    if found is None:
        return
    try:
        assert _same(found, _parsed(bytes(message)))
    except BadInput as error:
        raise AssertionError("what cannot be read was read") from error


MESSAGE = _message(_numbers(COUNTS))
REPEATS, _ = _learned(MESSAGE)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(_message(_numbers(COUNTS)) + b"\x1a\x02\x08\x01", id="metadata behind the series"),
        pytest.param(_message([*_numbers(COUNTS[:-1]), []]), id="a series without samples at the end"),
        pytest.param(_message([[(NOW_MS, 0.0)] for _ in range(SERIES)]), id="values that are not written"),
    ],
)
def test_what_cannot_be_read_by_places_is_not_remembered_wrongly(message: bytes) -> None:
    repeats, found = _learned(message)
    again = repeats.read(message)
    assert again is None or _same(again, found)


def test_a_sender_whose_layout_comes_back_is_read_by_places_from_the_third_body_on() -> None:
    bodies = [body_of((_labels(i), samples) for i, samples in enumerate(_numbers(COUNTS, NOW_MS + k))) for k in range(4)]
    decoded = [decode(body, Limits()) for body in bodies]
    assert decoded[2].counts is decoded[3].counts
    assert decoded[1].keys is decoded[3].keys
    for k, columns in enumerate(decoded):
        assert columns.times[0] == NOW_MS + k
        assert struct.pack("<d", columns.values[0]) == struct.pack("<d", 1.5)
