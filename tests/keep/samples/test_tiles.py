"""Tiles: series are laid side by side, as wide as the range is long, however long the series are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from gwanje.keep.samples.local.of_columns import OfColumns
from gwanje.keep.samples.local.of_groups import OfGroups
from gwanje.keep.samples.local.packed import Packed, pack
from gwanje.keep.samples.local.parts import Matrix, Part, Rows, dense
from gwanje.keep.samples.local.placing import Cut, placed
from gwanje.keep.samples.local.runs import distinct, places
from gwanje.keep.samples.local.tiles import Origin, together

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
        part = OfGroups.of([(pack(offsets, times, values, -1), whole, whole)], len(COUNTS))
    laid = together([part], after_ms, until_ms, origin=Origin.of(int(times.min()), int(times.max())))
    assert laid is not None
    laid_times, longest = laid.times + np.int64(laid.since_ms), 0
    for number in whole.tolist():
        own = slice(int(offsets[number]), int(offsets[number + 1]))
        wanted = (times[own] > after_ms) & (times[own] <= until_ms)
        longest = max(longest, int(wanted.sum()))
        here = slice(int(laid.begins[number]), int(laid.ends[number]))
        inside = (laid_times[here] > after_ms) & (laid_times[here] <= until_ms)
        assert laid_times[here][inside].tolist() == times[own][wanted].tolist()
        assert laid.values[here][inside].tolist() == values[own][wanted].tolist()
    assert len(laid.times) // len(COUNTS) <= longest + 10


def test_times_that_are_too_far_apart_for_short_numbers_are_kept_as_they_are() -> None:
    times = np.array([0, 3_000_000_000, 6_000_000_000], np.int64)
    part = OfColumns(times, np.arange(3.0), np.array([0]), np.array([3]))

    laid = together([part], -1, 7_000_000_000, origin=Origin.of(0, 6_000_000_000))

    assert laid is not None
    assert (laid.times + np.int64(laid.since_ms)).tolist() == times.tolist()


def test_series_that_are_cut_at_one_place_follow_each_other_without_a_gap() -> None:
    """Of two sources that were cut between two samples of one series, and after both of another."""
    offsets, times, values = np.array([0, 3, 5]), np.array([1000, 2000, 3000, 1500, 2500]), np.arange(5.0)
    later = OfColumns(np.array([4000, 5000, 3500, 4500, 5500]), np.arange(5.0, 10.0), np.array([0, 2]), np.array([2, 3]))
    both = np.arange(2)

    laid = together(
        [OfGroups.of([(pack(offsets, times, values, 0), both, both)], 2), later], 0, 6000, origin=Origin.of(1000, 5500)
    )

    assert laid is not None
    rows = [slice(begin, end) for begin, end in zip(laid.begins.tolist(), laid.ends.tolist(), strict=True)]
    assert [(laid.times[row] + 1000).tolist() for row in rows] == [[1000, 2000, 3000, 4000, 5000], [1500, 2500, 3500, 4500, 5500]]
    assert [laid.values[row].tolist() for row in rows] == [[0, 1, 2, 5, 6], [3, 4, 7, 8, 9]]


def test_the_last_series_of_a_source_may_be_shorter_than_those_before() -> None:
    part = OfColumns(np.array([1, 2, 3, 1]), np.arange(4.0), np.array([0, 3]), np.array([3, 1]))

    laid = together([part], 0, 1, origin=Origin.of(1, 3))

    assert laid is not None
    assert laid.values[laid.begins].tolist() == [0, 3]


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("counts", [[4, 4, 4], [40, 39, 40], [1, 90, 7]], ids=["alike", "one less", "of any length"])
def test_what_is_packed_comes_back(counts: list[int], *, at_end: bool) -> None:
    random = np.random.default_rng(2)
    offsets = np.cumsum([0, *counts])
    times = np.concatenate([np.cumsum(random.integers(900, 1100, count)) for count in counts])
    values = random.integers(0, 1000, len(times)) / 10

    found_times, found_values = pack(offsets, times, values, 1, at_end=at_end).columns()

    assert found_times.tolist() == times.tolist()
    assert found_values.tolist() == values.tolist()


@pytest.mark.parametrize("others", [0, 1000], ids=["among few", "among many"])
def test_a_series_is_found_by_its_number_or_is_not_there(others: int) -> None:
    ids = np.array([2, 5, 7, *range(100, 100 + others)])

    assert places(ids, np.array([7, 3, 2, 5000])).tolist() == [2, -1, 0, -1]


def test_each_number_stands_once_in_order() -> None:
    assert distinct(np.array([3, 1, 3, 2, 1])).tolist() == [1, 2, 3]
    assert distinct(np.empty(0, np.int64)).tolist() == []


def cut_at(moments: list[int], random: np.random.Generator, *, strays: int) -> tuple[list[list[NDArray[np.int64]]], list[Part]]:
    """Series of one step and own phases, cut at moments, and the parts: in memory or in a block, aligned at either end.

    Some series have a gap, begin late, end early or are missing in a part.
    """
    series = 30
    phase = random.integers(0, STEP_MS, series)
    count, apart = (moments[-1] - moments[0]) // STEP_MS, int(random.choice([0, 40, 300]))
    rows = [moments[0] + own + STEP_MS * np.arange(count) + random.integers(-apart, apart + 1, count) for own in phase]
    for stray in random.choice(series, strays, replace=False).tolist():
        begin = int(random.integers(0, len(rows[stray])))
        rows[stray] = np.delete(rows[stray], slice(begin, begin + int(random.integers(1, len(rows[stray])))))
    sources, parts = [], list[Part]()
    for after, until in pairwise(moments):
        own = [row[(row > after) & (row <= until)] for row in rows]
        offsets = np.cumsum([0, *map(len, own)])
        times, counts = np.concatenate(own), np.array([len(row) for row in own])
        there = np.flatnonzero(counts)
        values = times % 1000 / 10
        sources.append(own)
        if not len(there) or random.integers(2):
            parts.append(OfColumns(times, values, offsets[:-1], counts))
            continue
        halves = [half for half in np.split(there, [len(there) // 2]) if len(half)]
        groups = list[tuple[Packed, Rows, Rows]]()
        for half in halves:
            chosen = slice(int(offsets[half[0]]), int(offsets[half[-1] + 1]))
            packed = pack(
                np.append(offsets[half], offsets[half[-1] + 1]) - offsets[half[0]],
                times[chosen],
                values[chosen],
                1,
                at_end=bool(random.integers(2)) if half is halves[0] else groups[0][0].at_end,
            )
            groups.append((packed, slice(0, len(half)), dense(half)))
        parts.append(OfGroups.of(groups, series))
    return sources, parts


@pytest.mark.parametrize("unlaid", [False, True], ids=["with times", "times on demand"])
@pytest.mark.parametrize("strays", [0, 1, 4, 15])
def test_series_that_were_cut_at_moments_are_put_together_again(strays: int, *, unlaid: bool) -> None:
    random, laid_times = np.random.default_rng(strays), 0
    for _ in range(60):
        moments = np.cumsum([1_000_000, *random.integers(5, 40, 3) * STEP_MS + random.integers(0, STEP_MS, 3)]).tolist()
        sources, parts = cut_at(moments, random, strays=strays)
        after_ms, until_ms = np.sort(random.integers(moments[0], moments[-1] + STEP_MS, 2)).tolist()

        laid = together(parts, after_ms, until_ms, origin=Origin.of(moments[0] - 400, moments[-1]), unlaid=unlaid)

        whole = [np.concatenate(row) for row in zip(*sources, strict=True)]
        wanted = [row[(row > after_ms) & (row <= until_ms)] for row in whole]
        if laid is None:
            continue
        laid_times += 1
        for row, begin, end in zip(wanted, laid.begins.tolist(), laid.ends.tolist(), strict=True):
            times = laid.times[begin:end] + np.int64(laid.since_ms)
            inside = (times > after_ms) & (times <= until_ms)
            assert times[inside].tolist() == row.tolist()
            assert laid.values[begin:end][inside].tolist() == (row % 1000 / 10).tolist()
            assert (np.diff(times) > 0).all()
    assert laid_times > 30


@pytest.mark.parametrize("strays", [0, 2, 15])
def test_where_windows_end_is_known_without_the_times(strays: int) -> None:
    """The ends lie anywhere, and on samples."""
    random, told = np.random.default_rng(strays), 0
    for _ in range(80):
        moments = np.cumsum([1_000_000, *random.integers(5, 40, 3) * STEP_MS + random.integers(0, STEP_MS, 3)]).tolist()
        sources, parts = cut_at(moments, random, strays=strays)
        after_ms, until_ms = moments[0] - 500, moments[-1] + 500
        laid = together(parts, after_ms, until_ms, origin=Origin.of(moments[0] - 400, moments[-1]), unlaid=True)
        if laid is None or isinstance(laid.when, np.ndarray):
            continue
        whole = [np.concatenate(row) for row in zip(*sources, strict=True)]
        some = random.choice(np.concatenate(whole), 20)
        ends = np.unique(np.concatenate((some, some - 1, random.integers(after_ms - 5000, until_ms + 5000, 20))))

        passed = laid.when.passed(ends - laid.since_ms)

        if passed is not None:
            told += 1
            assert passed.tolist() == [np.searchsorted(row, ends, "right").tolist() for row in whole]
    assert told > 10


def test_series_cut_at_midnight_are_copied_a_part_at_a_time() -> None:
    """Some have their last sample before it in the older part, the others their first in the newer one."""
    phase = np.arange(0, STEP_MS, 100)
    rows = [own + STEP_MS * np.arange(1, 41) for own in phase]
    border = 20 * STEP_MS + 450
    parts = list[OfGroups]()
    for after, until, at_end in ((0, border, False), (border, 41 * STEP_MS, True)):
        own = [row[(row > after) & (row <= until)] for row in rows]
        offsets, every = np.cumsum([0, *map(len, own)]), np.arange(len(rows))
        packed = pack(offsets, np.concatenate(own), np.arange(float(offsets[-1])), 0, at_end=at_end)
        parts.append(OfGroups.of([(packed, every, every)], len(rows)))

    plan = placed([Cut(part, *part.held) for part in parts])

    assert plan.begins.tolist() == [0] * len(rows)
    assert plan.ends.tolist() == [40] * len(rows)
    assert [len(sorts) for _, sorts in plan.steps] == [1, 2]
    assert plan.steps[1][1][1].rows == slice(0, len(rows))


def test_a_series_that_has_nothing_of_the_range_in_a_part_keeps_what_it_has_of_the_one_before() -> None:
    """Though rows in line are filled with whatever stands in their columns."""
    older = OfColumns(np.arange(1, 13) * 1000, np.arange(1.0, 13), np.array([0, 4, 8]), np.array([4, 4, 4]))
    newer = OfColumns(np.arange(21, 27) * 1000, np.arange(21.0, 27), np.array([0, 2, 4]), np.array([2, 2, 2]))
    nothing = np.zeros(3, np.int64)

    plan = placed([Cut(older, nothing, np.array([4, 3, 3])), Cut(newer, nothing, np.array([0, 2, 2]))])

    into = Matrix(0, np.zeros((3, 5), np.int64), np.zeros((3, 5)))
    for part, sorts in plan.steps:
        part.lay(into, sorts)
    assert into.values is not None
    rows = zip(into.values, plan.begins.tolist(), plan.ends.tolist(), strict=True)
    assert [row[begin:end].tolist() for row, begin, end in rows] == [[1, 2, 3, 4], [5, 6, 7, 23, 24], [9, 10, 11, 25, 26]]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([0, 1, 2, 4, 5, 6], id="in their order"),
        pytest.param([4, 6, 5, 0, 2, 1], id="in another order"),
        pytest.param([4, 0, 5, 1, 6, 2], id="in as many pieces as there are series"),
    ],
)
@pytest.mark.parametrize("repeated", [1, 6])
def test_series_of_one_length_are_read_where_another_lies_between_them(rows: list[int], repeated: int) -> None:
    counts = np.array([5, 5, 5, 2, 5, 5, 5] * repeated)
    offsets = np.append(0, np.cumsum(counts))
    times = np.concatenate([1000 * np.arange(1, count + 1) + number for number, count in enumerate(counts.tolist())])
    wanted = np.array([7 * part + row for part in range(repeated) for row in rows])
    part = OfColumns(times, times / 10, offsets[wanted], counts[wanted])

    laid = together([part], 1500, 4500, origin=Origin.of(0, 6000))

    assert laid is not None
    for number, begin, end in zip(wanted.tolist(), laid.begins.tolist(), laid.ends.tolist(), strict=True):
        assert laid.times[begin:end].tolist() == [2000 + number, 3000 + number, 4000 + number]
        assert laid.values[begin:end].tolist() == (laid.times[begin:end] / 10).tolist()
