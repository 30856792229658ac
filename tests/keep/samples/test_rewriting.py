"""Batches of other protocols, written to the log as remote write."""

from __future__ import annotations

import numpy as np
import pytest

from gwanje.keep.samples.local.index import Index
from gwanje.keep.samples.local.rewriting import Rewriter
from gwanje.keep.samples.local.runs import Rows
from gwanje.wire.columns import Labels
from gwanje.wire.remote_write.decode import decode

NOW_MS = 1_800_000_000_000
SERIES: tuple[Labels, ...] = tuple((("__name__", "up"), ("host", f"web-{number}")) for number in range(4))


def indexed() -> Index:
    index = Index()
    for labels in SERIES:
        index.add(labels)
    return index


def rows(*samples: tuple[int, int, float]) -> Rows:
    series, times, values = zip(*samples, strict=True)
    return Rows(np.array(series, np.int64), np.array(times, np.int64), np.array(values, np.float64))


def read(body: bytes) -> list[tuple[Labels, int, float]]:
    columns = decode(body)
    assert columns.counts.tolist() == [1] * len(columns.keys)
    samples = zip(columns.keys, columns.times.tolist(), columns.values.tolist(), strict=True)
    return [(columns.labels_of(key), at_ms, value) for key, at_ms, value in samples]


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param([(0, NOW_MS, 1.5), (2, NOW_MS + 1, -2.0)], id="each series once"),
        pytest.param([(0, NOW_MS, 1.5), (0, NOW_MS + 1, 2.5), (1, NOW_MS, 3.0)], id="a series twice"),
        pytest.param([(0, -5, 1.5), (1, 0, 2.5)], id="times of long ago"),
    ],
)
def test_rows_are_what_remote_write_reads(samples: list[tuple[int, int, float]]) -> None:
    rewriter = Rewriter(indexed())
    expected = [(SERIES[series], at_ms, value) for series, at_ms, value in samples]
    for _ in range(2):
        assert read(rewriter.body(rows(*samples))) == expected


def test_of_the_same_series_only_times_and_values_are_written_anew() -> None:
    rewriter = Rewriter(indexed())
    for value in (1.0, 2.0):
        assert read(rewriter.body(rows((1, NOW_MS, value)))) == [(SERIES[1], NOW_MS, value)]
        assert read(rewriter.body(rows((2, NOW_MS, value)))) == [(SERIES[2], NOW_MS, value)]
    assert len(rewriter._known) == 2


def test_a_number_that_means_another_series_is_written_as_that() -> None:
    index = indexed()
    rewriter = Rewriter(index)
    rewriter.body(rows((3, NOW_MS, 1.0)))
    index.begin_batch()
    index.forget(np.array([3]))
    other: Labels = (("__name__", "up"), ("host", "db-1"))
    assert index.add(other) == 3
    assert read(rewriter.body(rows((3, NOW_MS, 1.0)))) == [(other, NOW_MS, 1.0)]


def test_what_is_remembered_is_bounded() -> None:
    index = indexed()
    rewriter = Rewriter(index)
    for at in range(40):
        rewriter.body(rows(*[(at % 4, NOW_MS, 1.0)] * (at + 1)))
    assert len(rewriter._known) == 16
    for size in (60_000, 60_001, 200_000):
        assert len(decode(rewriter.body(rows(*[(0, NOW_MS, 1.0)] * size))).keys) == size
    assert sum(len(one.series) for one in rewriter._known) <= 100_000
