"""The newest sample of every series, and the one before: what is known at once is what the samples say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwanje.keep.samples.base import Remembering
from gwanje.keep.samples.local import LocalSamples
from gwanje.keep.samples.local.admission import NEVER
from gwanje.keep.samples.local.head import Newest
from gwanje.keep.samples.local.runs import Rows
from gwanje.testing.samples import NOW_MS, SECOND, WEB_1, WEB_2, columns, load

SERIES = 4
BATCHES = st.lists(
    st.lists(st.tuples(st.integers(0, SERIES - 1), st.integers(1, 30)), min_size=1, max_size=6, unique=True), max_size=8
)


def _rows(batch: list[tuple[int, int]]) -> Rows:
    series, times = np.array(batch, np.int64).T
    return Rows(series, times, times + series / 10)


def _taken(batches: list[list[tuple[int, int]]]) -> tuple[Newest, set[tuple[int, int]]]:
    """Each batch as the store takes it: what it has already is left out, and what is plainly new is called so."""
    newest, held = Newest(), set[tuple[int, int]]()
    newest.grow(SERIES)
    for batch in batches:
        fresh = [one for one in batch if one not in held]
        if not fresh:
            continue
        rows = _rows(fresh)
        last: dict[int, int] = {}
        rising = all(last.get(series, NEVER) < time and last.update({series: time}) is None for series, time in fresh)
        newest.take(rows, all_new=rising and bool((rows.times > newest.times[rows.series]).all()))
        held |= set(fresh)
    return newest, held


@given(BATCHES, st.integers(0, 31))
def test_what_is_known_at_once_is_what_the_samples_say(batches: list[list[tuple[int, int]]], end: int) -> None:
    newest, held = _taken(batches)
    times, values, unknown = newest.until(np.arange(SERIES), end)
    for series in range(SERIES):
        if not unknown[series]:
            last = max((time for one, time in held if one == series and time <= end), default=NEVER)
            assert times[series] == last
            assert last == NEVER or values[series] == last + series / 10


def test_a_moment_between_the_two_newest_is_known() -> None:
    newest, _ = _taken([[(0, 10), (1, 10)], [(0, 20), (1, 20)]])
    times, values, unknown = newest.until(np.array([0, 1]), 15)
    assert times.tolist() == [10, 10]
    assert values.tolist() == [10.0, 10.1]
    assert not unknown.any()


def test_what_came_late_may_lie_between_so_the_one_before_is_not_known_any_more() -> None:
    newest, _ = _taken([[(0, 10)], [(0, 20)], [(0, 14)]])
    assert newest.until(np.array([0]), 15)[2].all()


def test_of_blocks_only_the_newest_is_known() -> None:
    newest = Newest()
    newest.take(_rows([(0, 10)]), gaps=True)
    newest.take(_rows([(0, 20)]), gaps=True)
    assert newest.until(np.array([0]), 15)[2].all()


def test_a_forgotten_series_is_as_if_it_never_was() -> None:
    newest, _ = _taken([[(0, 10)], [(0, 20)]])
    newest.forget(np.array([0]))
    times, _, unknown = newest.until(np.array([0]), 15)
    assert times.tolist() == [NEVER]
    assert not unknown.any()


@pytest.mark.parametrize("in_a_block", [False, True], ids=["from the log", "from a block"])
async def test_the_newest_of_each_series_is_at_hand_after_a_restart(
    reopen: Callable[..., LocalSamples], *, in_a_block: bool
) -> None:
    before = reopen()
    await before.append(columns(load("web-1", NOW_MS - 2 * SECOND, 1.0), load("web-1", NOW_MS - SECOND, 2.5)), NOW_MS)
    if in_a_block:
        await before.write_block()
    await before.close()
    samples = reopen()
    assert isinstance(samples, Remembering)
    assert samples.newest([WEB_2, WEB_1]) == [None, (NOW_MS - SECOND, 2.5)]
