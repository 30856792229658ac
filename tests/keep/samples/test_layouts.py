"""Series known as a whole: the same sender again and again."""

from __future__ import annotations

import numpy as np
import pytest

from gwanje.keep.samples.local.index import Index
from gwanje.keep.samples.local.layouts import Layouts

KEYS = [b"a", b"b", b"a"]


def test_the_same_keys_are_known_and_equal_ones_of_another_sender_are_not() -> None:
    layouts = Layouts(Index())
    remembered = layouts.remember("p", KEYS, np.array([3, 5, 3]))
    assert layouts.find("p", KEYS) is remembered
    assert layouts.find("p", list(KEYS)) is None
    assert layouts.find("another protocol", KEYS) is None


def test_nothing_is_known_of_numbers_that_may_mean_other_series_since() -> None:
    index = Index()
    layouts = Layouts(index)
    number = index.add((("__name__", "up"),))
    layouts.remember("p", KEYS, np.array([number] * 3))
    index.forget(np.array([number]))
    assert layouts.find("p", KEYS) is None


def test_a_sequence_with_a_refused_series_is_not_remembered() -> None:
    layouts = Layouts(Index())
    assert layouts.remember("p", KEYS, np.array([3, -1, 3])) is None
    assert layouts.find("p", KEYS) is None


def test_only_the_layouts_that_came_last_are_kept() -> None:
    layouts = Layouts(Index())
    every = [[b"%d" % number] for number in range(300)]
    for keys in every:
        layouts.remember("p", keys, np.array([0]))
    assert layouts.find("p", every[0]) is None
    assert layouts.find("p", every[-1]) is not None


@pytest.mark.parametrize(
    ("times", "ascending"),
    [([1, 1, 2], True), ([1, 9, 2], True), ([2, 1, 1], False), ([1, 1, 1], False)],
)
def test_times_rise_within_each_series(times: list[int], ascending: bool) -> None:  # noqa: FBT001 - a column of a table
    layout = Layouts(Index()).remember("p", KEYS, np.array([3, 5, 3]))
    assert layout is not None
    assert layout.ascending(np.array(times)) is ascending
