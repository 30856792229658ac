"""Where series stand in sources is worked out once for each selector and source, and nothing is kept alive by it."""

from __future__ import annotations

import gc
from weakref import ref

import numpy as np
import pytest

from gwanje.keep.promql.selection import NEVER
from gwanje.keep.samples.local import placements
from gwanje.keep.samples.local.placements import Placements, Standing
from gwanje.keep.samples.local.runs import Rows, Run, run_of

IDS = np.array([9, 4, 7, 2, 30, 5, 1, 8])
"""More than are looked for one by one."""


def run(*series: int) -> Run:
    ids = np.array(series)
    return run_of(Rows(ids, 1000 + ids, ids / 2))


def test_a_standing_says_where_each_series_is_and_in_which_order() -> None:
    known = Standing.of(IDS, run(2, 4, 8, 9))

    assert known.place.tolist() == [3, 1, -1, 0, -1, -1, -1, 2]
    assert known.order is not None
    assert known.place[known.order].tolist() == sorted(known.place.tolist())
    assert known.newest_ms == 1009


def test_series_that_stand_as_they_are_asked_for_need_no_order() -> None:
    assert Standing.of(np.sort(IDS), run(1, 2, 4, 5, 7, 8, 9, 30)).order is None


def test_a_source_without_any_of_the_series_has_nothing_of_them_at_any_time() -> None:
    assert Standing.of(IDS, run(3, 6)).newest_ms == NEVER


def test_what_is_asked_for_again_is_not_looked_for_again() -> None:
    known, one, other = Placements(), run(2, 4), run(4, 9)

    first = known.of(IDS, one)

    assert known.of(IDS, one) is first
    assert known.of(IDS, other).place.tolist() == [1, 0, -1, -1, -1, -1, -1, -1]
    assert known.of(IDS.copy(), one) is not first


def test_no_source_is_kept_alive() -> None:
    known, one = Placements(), run(2, 4)
    known.of(IDS, one)
    gone = ref(one)

    del one
    gc.collect()

    assert gone() is None


def test_what_was_asked_for_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    known, sources = Placements(), [run(2, 4), run(4, 9), run(5)]
    monkeypatch.setattr(placements, "_LIMIT_BYTES", 2 * known.of(IDS, sources[0]).nbytes)
    older, kept = known.of(IDS, sources[1]), known.of(IDS, sources[0])

    known.of(IDS, sources[2])

    assert known.of(IDS, sources[0]) is kept
    assert known.of(IDS, sources[1]) is not older
    assert known.nbytes <= 2 * kept.nbytes
