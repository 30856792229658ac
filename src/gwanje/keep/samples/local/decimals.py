"""Values as integers, where they are decimals of few digits: 50.25 as 5025 and two decimals. Pure, and exact to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gwanje.keep.promql.table import ranges

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
    there = np.zeros(len(values), np.bool_)
    usual = np.isfinite(values) & ~(np.signbit(values) & (values == 0))
    tried = np.maximum(*(_least(values[ends], usual[ends]) for ends in (offsets[:-1], offsets[1:] - 1)))
    left = np.flatnonzero(tried <= _MOST)
    while len(left):
        counts = np.diff(offsets)[left]
        rows = ranges(offsets[left], counts) if len(left) < len(of) else slice(None)
        some, ordinary = values[rows], usual[rows]
        multiplied, fits = _multiplied(some, np.repeat(_POWERS[tried[left]], counts))
        good = np.logical_and.reduceat(fits | ~ordinary, np.cumsum(counts) - counts)
        kept = np.repeat(good, counts) & ordinary
        integers[rows], there[rows] = np.where(kept, multiplied, 0), kept
        of[left[good]] = tried[left[good]]
        tried[left] += 1
        left = left[~good & (tried[left] <= _MOST)]
    return of, integers, there


def unscaled(integers: NDArray[np.int64], of: NDArray[np.int8], counts: NDArray[np.int64]) -> Values:
    """The values again; series `i` has the next `counts[i]`."""
    if not of.any():
        return integers.astype(np.float64)
    values: Values = integers / np.repeat(_POWERS[np.maximum(of, 0)], counts)
    return values


def _least(values: Values, usual: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many decimals each value has; 0 for one that is not usual, one more than the most for one that has too many."""
    least = np.where(usual, _MOST + 1, 0)
    for number in reversed(range(_MOST + 1)):
        least[usual & _multiplied(values, _POWERS[number])[1]] = number
    return least


def _multiplied(values: Values, power: Any) -> tuple[Values, NDArray[np.bool_]]:
    """The values times a power of ten, as whole numbers, and which of them give the value again."""
    with np.errstate(over="ignore", invalid="ignore"):
        multiplied = np.rint(values * power)
        return multiplied, (np.abs(multiplied) < _EXACT) & (multiplied / power == values)
