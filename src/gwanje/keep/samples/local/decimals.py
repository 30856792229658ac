"""Values as integers, where they are decimals of few digits: 50.25 as 5025 and two decimals. Pure, and exact to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gwanje.keep.samples.local.runs import Offsets
    from gwanje.wire.columns import Values

_MOST = 6
_POWERS = 10.0 ** np.arange(_MOST + 1)
_EXACT = float(1 << 53)
"""Up to here a float holds every integer, and the quotient of two of them is the float nearest to the decimal."""


def scaled(offsets: Offsets, values: Values) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.bool_]]:
    """The decimals of each series (-1: its values are no short decimals), the integers, and which rows have one.

    A stale marker, a NaN, an infinity or a minus zero has none; it does not spoil its series.
    """
    of = np.full(len(offsets) - 1, -1, np.int8)
    integers = np.zeros(len(values), np.int64)
    ordinary = np.isfinite(values) & ~(np.signbit(values) & (values == 0))
    there = np.zeros(len(values), np.bool_)
    left = np.arange(len(of))
    for number in range(_MOST + 1):
        rows, starts = _rows(offsets, left)
        some, usual = values[rows], ordinary[rows]
        with np.errstate(over="ignore", invalid="ignore"):
            multiplied = np.rint(some * _POWERS[number])
            fits = (np.abs(multiplied) < _EXACT) & (multiplied / _POWERS[number] == some)
        good = np.logical_and.reduceat(fits | ~usual, starts)
        chosen = np.repeat(good, np.diff(offsets)[left])
        at = rows[chosen & usual]
        integers[at], there[at] = multiplied[chosen & usual].astype(np.int64), True
        of[left[good]] = number
        left = left[~good]
        if not len(left):
            break
    return of, integers, there


def unscaled(integers: NDArray[np.int64], of: NDArray[np.int8], counts: NDArray[np.int64]) -> Values:
    """The values again; series `i` has the next `counts[i]`."""
    if not of.any():
        return integers.astype(np.float64)
    values: Values = integers / np.repeat(_POWERS[np.maximum(of, 0)], counts)
    return values


def _rows(offsets: Offsets, of: NDArray[np.int64]) -> tuple[NDArray[np.int64], Offsets]:
    """The rows of some series one after another, and where each begins among them."""
    counts = np.diff(offsets)[of]
    ends = np.cumsum(counts)
    starts = ends - counts
    return np.repeat(offsets[of] - starts, counts) + np.arange(int(ends[-1])), starts
