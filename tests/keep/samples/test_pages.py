"""Arrays in pages of their own."""

from __future__ import annotations

import numpy as np
import pytest

from gwanje.keep.samples.local import pages


@pytest.mark.parametrize("count", [0, 1, 8191, 8192, 100_000, 524_287, 524_288])
def test_of_every_size_they_hold_what_is_put_there(count: int) -> None:
    values = np.arange(count, dtype=np.int64)
    array = pages.empty(count, np.int64)
    array[:] = values
    assert array.dtype == np.int64
    assert np.array_equal(array, values)
    assert np.array_equal(pages.kept(values), values)


def test_a_copy_keeps_its_own_and_its_kind() -> None:
    values = np.linspace(0, 1, 20_000)
    copy = pages.kept(values)
    values[:] = 0
    assert copy.dtype == np.float64
    assert copy[-1] == 1


def test_elements_are_taken_in_the_order_of_their_places() -> None:
    places = np.arange(20_000)[::-1].copy()
    assert np.array_equal(pages.taken(np.arange(20_000) * 2, places), places * 2)
