"""Messages written into a pattern are those that the encoder writes sample by sample."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from gwanje.model import STALE, STALE_NAN_BITS
from gwanje.wire.columns import Labels
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.encode import body_of, compressed, key_of
from gwanje.wire.remote_write.pattern import Pattern

NOW = 1_700_000_000_123
SERIES: list[Labels] = [
    (("__name__", "up"), ("job", "node")),
    (("__name__", "x"), ("long", "v" * 300)),
    (("__name__", "y"), ("a", "관제")),
]


def pattern() -> Pattern:
    return Pattern([key_of(labels, framed=True) for labels in SERIES])


@pytest.mark.parametrize(
    "times",
    [
        pytest.param([NOW, NOW, NOW], id="one time for all"),
        pytest.param([NOW, NOW + 1, NOW - 86_400_000], id="a time for each"),
        pytest.param([1 << 35, (1 << 42) - 1, NOW], id="the first and the last that take six bytes"),
        pytest.param([0, (1 << 35) - 1, 1 << 42], id="others"),
        pytest.param([-1, NOW, -(1 << 62)], id="before 1970"),
    ],
)
def test_a_message_is_what_the_encoder_writes(times: list[int]) -> None:
    values = [1.0, -0.25, float("inf")]
    written = pattern().message(np.array(times), np.array(values))
    expected = body_of((labels, [(at, value)]) for labels, at, value in zip(SERIES, times, values, strict=True))
    assert (decoded(compressed(written)), times) == (decoded(expected), times)


def decoded(body: bytes) -> list[object]:
    columns = decode(body)
    return [list(columns.keys), columns.counts.tolist(), columns.times.tolist(), columns.values.tolist()]


def test_a_pattern_is_used_again_and_keeps_nothing_of_the_time_before() -> None:
    one = pattern()
    first = one.message(np.full(3, NOW + 5), np.array([9.0, 8.0, 7.0]))
    assert one.message(np.full(3, NOW), np.zeros(3)) == pattern().message(np.full(3, NOW), np.zeros(3)) != first


def test_a_stale_marker_keeps_its_bits() -> None:
    body = compressed(pattern().message(np.full(3, NOW), np.array([STALE] * 3)))
    assert decode(body).values.tobytes() == struct.pack("<3Q", *[STALE_NAN_BITS] * 3)


def test_no_series_are_an_empty_message() -> None:
    assert Pattern([]).message(np.empty(0, dtype=np.int64), np.empty(0)) == b""
