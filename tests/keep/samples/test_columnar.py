"""Batches of other protocols, written to the log as columns and read back."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwanje.errors import BadInput
from gwanje.keep.samples.local.columnar import ColumnsReader, ColumnsWriter
from gwanje.keep.samples.local.index import Index
from gwanje.keep.samples.local.runs import Rows
from gwanje.wire.columns import Columns, Labels

NOW_MS = 1_800_000_000_000
SERIES: tuple[Labels, ...] = tuple((("__name__", "up"), ("host", f"서버-{number}")) for number in range(4))
LONG = (1 << 63) - 1


def indexed() -> Index:
    index = Index()
    for labels in SERIES:
        index.add(labels)
    return index


def rows(*samples: tuple[int, int, float]) -> Rows:
    series, times, values = zip(*samples, strict=True)
    return Rows(np.array(series, np.int64), np.array(times, np.int64), np.array(values, np.float64))


def said(columns: Columns) -> list[tuple[Labels, int, bytes]]:
    """Values by their bits, so that no NaN hides another."""
    assert columns.counts.tolist() == [1] * len(columns.keys)
    samples = zip(columns.keys, columns.times.tolist(), columns.values.tolist(), strict=True)
    return [(columns.labels_of(key), at_ms, struct.pack("<d", value)) for key, at_ms, value in samples]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-LONG, LONG), st.floats()), min_size=1, max_size=20))
def test_rows_come_back_as_they_were(samples: list[tuple[int, int, float]]) -> None:
    writer, reader = ColumnsWriter(indexed()), ColumnsReader()
    expected = [(SERIES[series], at_ms, struct.pack("<d", value)) for series, at_ms, value in samples]
    for _ in range(2):
        assert said(reader.columns(writer.body(rows(*samples)))) == expected


def test_of_the_same_series_the_keys_are_one_object() -> None:
    writer, reader = ColumnsWriter(indexed()), ColumnsReader()
    first, other, again = (reader.columns(writer.body(rows((number, NOW_MS, 1.0), (3, NOW_MS, 2.0)))) for number in (0, 1, 0))
    assert first.keys is again.keys
    assert first.keys is not other.keys
    assert len(writer._known) == 2


def test_every_body_can_be_read_alone() -> None:
    writer = ColumnsWriter(indexed())
    bodies = [writer.body(rows((1, NOW_MS + at, float(at)))) for at in range(3)]
    for at, body in enumerate(bodies):
        assert said(ColumnsReader().columns(body)) == [(SERIES[1], NOW_MS + at, struct.pack("<d", at))]


def test_a_number_that_means_another_series_is_written_as_that() -> None:
    index = indexed()
    writer = ColumnsWriter(index)
    writer.body(rows((3, NOW_MS, 1.0)))
    index.begin_batch()
    index.forget(np.array([3]))
    other: Labels = (("__name__", "up"), ("host", "db-1"))
    assert index.add(other) == 3
    assert said(ColumnsReader().columns(writer.body(rows((3, NOW_MS, 1.0)))))[0][0] == other


def test_what_is_remembered_is_bounded() -> None:
    writer, reader = ColumnsWriter(indexed()), ColumnsReader()
    for at in range(40):
        reader.columns(writer.body(rows(*[(at % 4, NOW_MS, 1.0)] * (at + 1))))
    assert len(writer._known) == len(reader._known) == 16
    for size in (60_000, 60_001, 200_000):
        assert len(reader.columns(writer.body(rows(*[(0, NOW_MS, 1.0)] * size))).keys) == size
    assert sum(len(one.series) for one in writer._known) <= 100_000
    assert sum(map(len, reader._known.values())) <= 100_000


BODY = ColumnsWriter(indexed()).body(rows((0, NOW_MS, 1.5), (2, NOW_MS + 1, -2.0)))


@pytest.mark.parametrize("length", range(len(BODY)))
def test_what_is_cut_off_is_a_clear_error(length: int) -> None:
    with pytest.raises(BadInput, match=r"columns|samples"):
        ColumnsReader().columns(BODY[:length])


@given(st.integers(0, len(BODY) - 1), st.integers(0, 255))
def test_what_is_not_whole_gives_no_more_than_an_error(at: int, byte: int) -> None:
    try:
        columns = ColumnsReader().columns(BODY[:at] + bytes([byte]) + BODY[at + 1 :])
    except BadInput:
        return
    assert len(columns.keys) == len(columns.times) == len(columns.values)
