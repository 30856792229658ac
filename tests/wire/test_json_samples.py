"""Samples as JSON lines: what stands there is what is kept, and a bad line loses nobody else."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings

from gwanje.errors import BadInput, TooLarge
from gwanje.wire.json.samples import Piece, pieces
from tests.wire.mutation import CHANGES, END, Change, is_bad_input_or_fine, mutated

UP = {"__name__": "up", "host": "web-1"}


def line(*samples: tuple[int, object], metric: object = None, called: str = "metric") -> bytes:
    body = {called: metric or UP, "values": [value for _, value in samples], "timestamps": [at_ms for at_ms, _ in samples]}
    return json.dumps(body).encode() + b"\n"


def rows(piece: Piece) -> list[tuple[dict[str, str], int, float]]:
    columns = piece.columns
    owners = [dict(columns.labels_of(key)) for key, count in zip(columns.keys, columns.counts, strict=True) for _ in range(count)]
    return list(zip(owners, columns.times.tolist(), columns.values.tolist(), strict=True))


def only(body: bytes) -> Piece:
    (piece,) = pieces(body)
    return piece


@pytest.mark.parametrize("called", ["metric", "labels"])
def test_a_line_is_a_series_and_its_samples(called: str) -> None:
    piece = only(line((1000, 1), (2000, 0.5), called=called) + b"\n  \n" + line((5, 2), metric={"__name__": "down"}))
    assert rows(piece) == [(UP, 1000, 1.0), (UP, 2000, 0.5), ({"__name__": "down"}, 5, 2.0)]
    assert (list(piece.lines), piece.refused) == ([1, 4], 0)


def test_what_another_store_exports_is_read() -> None:
    body = b'{"metric":{"__name__":"up","host":"web-1"},"values":[1,null,"Infinity","-Infinity"],"timestamps":[1,2,3,4]}'
    assert rows(only(body)) == [(UP, 1, 1.0), (UP, 3, math.inf), (UP, 4, -math.inf)]


def test_no_number_is_a_value_too() -> None:
    assert np.isnan(only(line((1, "NaN"))).columns.values[0])


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        pytest.param(b"{", "truncated", id="cut off"),
        pytest.param(b"5", "Expected `object`", id="no object"),
        pytest.param(b'{"values": [1], "timestamps": [1]}', "no labels", id="no labels"),
        pytest.param(b'{"metric": {}, "values": [1], "timestamps": [1, 2]}', "1 values and 2 timestamps", id="a value missing"),
        pytest.param(b'{"metric": {}}', "no `values`", id="no values"),
        pytest.param(b'{"metric": {}, "values": ["x"], "timestamps": [1]}', "'x' is no value", id="a word"),
        pytest.param(b'{"metric": {}, "values": [true], "timestamps": [1]}', "Expected", id="true"),
        pytest.param(b'{"metric": {}, "values": [1], "timestamps": ["1"]}', "Expected `int`", id="a time as text"),
        pytest.param(b'{"metric": {}, "values": [1], "timestamps": [99999999999999999999]}', "", id="a time out of reach"),
        pytest.param(b'{"metric": {}, "values": [1], "timestamps": [1]}\xff', "", id="no UTF-8"),
    ],
)
def test_a_bad_line_is_named_and_its_neighbours_kept(bad: bytes, why: str) -> None:
    piece = only(line((1, 1)) + bad + b"\n" + line((2, 2)))
    assert [at_ms for _, at_ms, _ in rows(piece)] == [1, 2]
    assert (piece.refused, [(number, why in reason) for number, reason in piece.bad]) == (1, [(2, True)])


@pytest.mark.parametrize(
    "metric",
    [
        pytest.param([1], id="a list"),
        pytest.param({"__name__": 5}, id="a number"),
        pytest.param({"host": "web-1"}, id="no name"),
        pytest.param({"__name__": "up", "": "1"}, id="a label without a name"),
    ],
)
def test_labels_are_checked_when_they_are_new(metric: object) -> None:
    piece = only(line((1, 1), metric=metric))
    with pytest.raises(BadInput):
        piece.columns.labels_of(piece.columns.keys[0])


def test_a_long_body_comes_in_pieces_with_its_own_line_numbers() -> None:
    long = line(*((at, 1) for at in range(60_000)))
    found = list(pieces(long * 3 + b"{\n"))
    assert [len(piece.columns.times) for piece in found] == [120_000, 60_000]
    assert [list(piece.lines) for piece in found] == [[1, 2], [3]]
    assert [number for piece in found for number, _ in piece.bad] == [4]


def test_too_many_lines_are_refused_before_the_first_is_read() -> None:
    with pytest.raises(TooLarge, match="500000 lines"):
        next(pieces(line((1, 1)) + b"\n" * 500_000))


PLAIN = line((1, 1), (2, None), (3, "NaN")) + line((5, 0.5)) * 3


@settings(max_examples=500, deadline=None)
@given(CHANGES, END)
def test_any_mutated_body_is_refused_lines_or_fine(changes: list[Change], end: int) -> None:
    for piece in pieces(mutated(PLAIN, changes, end)):
        is_bad_input_or_fine(lambda columns=piece.columns: columns)  # type: ignore[misc]
