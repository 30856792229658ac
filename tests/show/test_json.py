"""Answers of queries as bytes: what comes out is what Prometheus's API says, number by number and piece by piece."""

from __future__ import annotations

import json
import math
import struct
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwanje.keep.samples.base import Answer, Labels, Matrix, Scalar, Text, Vector
from gwanje.show.api import fixed
from gwanje.show.api.json import pieces
from gwanje.show.api.shortest import texts

A: Labels = (("__name__", "up"), ("host", 'we"b\\-1 %b'))
B: Labels = (("host", "관제"),)


def said(answer: Answer, limit: int = 0) -> Any:
    return json.loads(b"".join(pieces(answer, limit)))


@settings(deadline=None)
@given(st.lists(st.floats() | st.integers(-(2**60), 2**60).map(float), max_size=20))
def test_every_number_reads_back_as_itself(values: list[float]) -> None:
    for text, value in zip(texts(np.array(values, np.float64)), values, strict=True):
        if math.isnan(value):
            assert text == b"NaN"
        else:
            assert struct.pack("<d", float(text)) == struct.pack("<d", value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(5.0, b"5", id="whole"),
        pytest.param(0.1, b"0.1", id="decimal"),
        pytest.param(float("inf"), b"+Inf", id="infinite"),
        pytest.param(float("-inf"), b"-Inf", id="below everything"),
        pytest.param(123456789012.5, b"123456789012.5", id="long"),
    ],
)
def test_numbers_are_written_as_prometheus_writes_them(value: float, text: bytes) -> None:
    assert texts(np.array([value])) == [text]
    assert texts(np.array([0.5, value, 2.0])) == [b"0.5", text, b"2"]


def test_each_type_has_its_form() -> None:
    assert said(Scalar(1.5, 10_250)) == {"status": "success", "data": {"resultType": "scalar", "result": [10.25, "1.5"]}}
    assert said(Text('a"b', 10_000))["data"] == {"resultType": "string", "result": [10, 'a"b']}
    assert said(Vector([A, B], np.array([1.0, 0.5]), 1_001))["data"] == {
        "resultType": "vector",
        "result": [{"metric": dict(A), "value": [1.001, "1"]}, {"metric": dict(B), "value": [1.001, "0.5"]}],
    }
    assert said(Vector([], np.empty(0), 0))["data"] == {"resultType": "vector", "result": []}


def test_a_matrix_keeps_its_gaps_and_is_cut_at_any_place(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = Matrix([A, B, A], np.array([0, 2, 3, 5]), np.array([-1500, 0, 0, 1000, 2000]), np.array([1.0, 2.5, 3.0, 4.0, 5.0]))
    wanted = [[[-1.5, "1"], [0, "2.5"]], [[0, "3"]], [[1, "4"], [2, "5"]]]

    for at_once in (1, 2, 3, 100):
        monkeypatch.setattr("gwanje.show.api.json._AT_ONCE", at_once)
        assert [line["values"] for line in said(matrix)["data"]["result"]] == wanted


def test_notes_and_the_limit_stand_beside_the_answer() -> None:
    vector = Vector([A, B], np.array([1.0, 2.0]), 0, warnings=("careful",), infos=("by the way",))

    assert {key: said(vector, 1)[key] for key in ("warnings", "infos")} == {
        "warnings": ["careful", "results truncated due to limit"],
        "infos": ["by the way"],
    }
    assert len(said(vector, 1)["data"]["result"]) == 1
    assert said(vector, 2)["warnings"] == ["careful"]


_DECIMALS = st.tuples(st.integers(1 - 10**12, 10**12 - 1), st.integers(0, 3)).map(lambda pair: pair[0] / 10 ** pair[1])


@settings(deadline=None)
@given(
    st.lists(_DECIMALS | st.just(-0.0), min_size=40, max_size=60),
    st.floats(),
    st.integers(10**12, 10**13 - 10**8),
    st.sampled_from([1, 15, 1000, 60_000]),
)
def test_samples_of_one_width_say_what_single_ones_do(values: list[float], odd: float, start_ms: int, step_ms: int) -> None:
    """Whatever one of them is, and wherever the times have their fractions."""
    column = np.array([*values, odd])
    times = start_ms + step_ms * np.arange(len(column))
    rows = fixed.samples(times, column)
    assert rows is not None
    for (seconds, text), at_ms, value in zip(
        json.loads(b"[%b]" % b"".join(rows.between(0, len(column)))), times, column, strict=True
    ):
        assert round(seconds * 1000) == at_ms
        assert [text.encode()] == texts(np.array([value]))


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=5),
    st.sets(st.integers(0, 199), max_size=4),
    st.sampled_from([0, 40]),
    st.sampled_from([1, 500, 60_000]),
)
def test_each_series_has_its_own_samples(lengths: list[int], odd: set[int], alike: int, step_ms: int) -> None:
    """Where all have the same times and where not, and wherever the numbers stand that are longer than the others."""
    counts = [alike] * len(lengths) if alike else lengths
    offsets = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
    times = np.concatenate([1_700_000_000_000 + step_ms * np.arange(count) for count in counts])
    values = np.linspace(-10, 2.5 * len(times) - 10, len(times), endpoint=False, dtype=np.float64)
    for place in odd & set(range(len(times))):
        values[place] += 1 / 3
    matrix = Matrix([(("i", str(number)),) for number in range(len(counts))], offsets, times, values)

    written = [line["values"] for line in said(matrix)["data"]["result"]]

    wanted = [[at_ms / 1000, text.decode()] for at_ms, text in zip(times.tolist(), texts(values), strict=True)]
    assert written == [wanted[low:high] for low, high in pairwise(offsets.tolist())]


@settings(deadline=None)
@given(st.lists(st.floats(), min_size=1, max_size=60), st.sampled_from([1, 60_000]))
def test_floats_of_any_length_stand_in_one_width(values: list[float], step_ms: int) -> None:
    column = np.array(values)
    rows = fixed.samples(1_700_000_000_000 + step_ms * np.arange(len(column)), column)
    assert rows is not None
    said_texts = [text.encode() for _, text in json.loads(b"[%b]" % b"".join(rows.between(0, len(column))))]
    assert said_texts == [texts(np.array([value]))[0] for value in values]


@pytest.mark.parametrize("places", range(4))
def test_every_length_of_a_number_has_its_quote_before_its_first_digit(places: int) -> None:
    whole = [float(sign * (10**length + add)) for length in range(12) for add in (-1, 0) for sign in (1, -1)]
    column = np.array(whole) + np.where(np.arange(len(whole)) % 2, 0.0, 10.0**-places)
    rows = fixed.samples(np.full(len(column), 1_700_000_000_000), column)
    assert rows is not None
    assert [float(text) for _, text in json.loads(b"[%b]" % b"".join(rows.between(0, len(column))))] == column.tolist()


def test_times_of_another_length_are_left_to_others() -> None:
    assert fixed.samples(np.array([999_999_999_999]), np.array([1.0])) is None
    assert fixed.samples(np.array([10**13]), np.array([1.0])) is None
