"""Tiles: series are laid side by side, as wide as the range is long, however long the series are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gwanje.keep.samples.local.packed import pack
from gwanje.keep.samples.local.runs import distinct
from gwanje.keep.samples.local.tiles import OfColumns, OfGroups, Part, together

STEP_MS = 1000
COUNTS = np.array([900, 100, 100, 900, 100])
"""Samples of each series; all end at the same time."""
END_MS = 2_000_000


def columns(random: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Where each series begins, its times and values; every series with its own phase."""
    offsets = np.concatenate(([0], np.cumsum(COUNTS)))
    phase = random.integers(0, STEP_MS, len(COUNTS))
    times = [END_MS - STEP_MS * np.arange(count)[::-1] - own for count, own in zip(COUNTS.tolist(), phase.tolist(), strict=True)]
    return offsets, np.concatenate(times), random.normal(size=int(COUNTS.sum()))


@pytest.mark.parametrize("packed", [False, True], ids=["in memory", "in a block"])
@pytest.mark.parametrize("after_ms", [END_MS - 20_000, END_MS - 150_000, END_MS - 5_000_000])
def test_a_range_is_as_wide_as_it_is_long_where_some_series_are_much_longer(*, packed: bool, after_ms: int) -> None:
    offsets, times, values = columns(np.random.default_rng(1))
    until_ms = END_MS - 3_000
    whole = np.arange(len(COUNTS))
    part: Part = OfColumns(times, values, offsets[:-1], COUNTS)
    if packed:
        part = OfGroups([(pack(offsets, times, values, -1), whole, whole)], COUNTS)
    laid = together([part], after_ms, until_ms)
    assert laid is not None
    longest = 0
    for number in whole.tolist():
        own = slice(int(offsets[number]), int(offsets[number + 1]))
        wanted = (times[own] > after_ms) & (times[own] <= until_ms)
        longest = max(longest, int(wanted.sum()))
        here = slice(int(laid.offsets[number]), int(laid.past[number]))
        inside = (laid.times[here] > after_ms) & (laid.times[here] <= until_ms)
        assert laid.times[here][inside].tolist() == times[own][wanted].tolist()
        assert laid.values[here][inside].tolist() == values[own][wanted].tolist()
    assert len(laid.times) // len(COUNTS) <= longest + 10


def test_each_number_stands_once_in_order() -> None:
    assert distinct(np.array([3, 1, 3, 2, 1])).tolist() == [1, 2, 3]
    assert distinct(np.empty(0, np.int64)).tolist() == []
