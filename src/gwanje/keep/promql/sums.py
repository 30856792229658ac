"""Sums that lose nothing: Neumaier's compensated summation over one axis, in the order in which Prometheus adds.

What each addition rounded away follows exactly from the running sums before and after it, for all rows at once: of short rows
and of very many column by column, of few long ones from one `cumsum`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SCALE = 2.0**-64
"""Brings every finite number far enough down that 2**64 of them can be added; a power of two, so that nothing is rounded."""

_SHORT = 32
"""Columns up to which a step for each costs less than running along every row."""

_MANY = 1024
"""Numbers in a column from which on it does too, however many columns there are."""


def compensated_sum(values: Floats) -> Floats:
    """The sum over axis 1. Infinite once the running sum overflows, as in Prometheus."""
    total, lost = _sum_of(values)
    return np.where(np.isinf(total), total, total + lost)


def compensated_mean(values: Floats, counts: Floats | int) -> Floats:
    """The sum over axis 1 divided by `counts`, also where the sum overflows."""
    with np.errstate(all="ignore"):
        total, lost = _sum_of(values)
        mean = total / counts + lost / counts
        over = ~np.isfinite(total)
        if over.any():
            scaled, lost = _sum_of(values * SCALE)
            scaled = np.where(np.isinf(scaled), scaled, scaled / counts + lost / counts) / SCALE
            mean = np.where(over, scaled, mean)
    return mean


def _sum_of(values: Floats) -> tuple[Floats, Floats]:
    """The running sum's end, and the sum of what its additions rounded away."""
    with np.errstate(all="ignore"):
        if values.shape[1] > _SHORT and values[:, 0].size < _MANY:
            return _by_rows(values)
        total, lost = _by_columns(values)
        return (total, lost) if np.isfinite(total).all() else _by_rows(values)


def _by_columns(values: Floats) -> tuple[Floats, Floats]:
    """For sums that stay finite."""
    total, after = values[:, 0].copy(), np.empty_like(values[:, 0])
    lost, step, rounded = np.zeros_like(total), np.empty_like(total), np.empty_like(total)
    for column in range(1, values.shape[1]):
        added = values[:, column]
        np.add(total, added, out=after)
        np.subtract(after, total, out=step)
        np.subtract(after, step, out=rounded)
        np.subtract(total, rounded, out=rounded)
        lost += np.add(rounded, np.subtract(added, step, out=step), out=rounded)
        total, after = after, total
    return total, lost


def _by_rows(values: Floats) -> tuple[Floats, Floats]:
    running = np.cumsum(values, axis=1)
    total = running[:, -1]
    before, after, added = running[:, :-1], running[:, 1:], values[:, 1:]
    step = after - before
    lost = before - (after - step)
    lost += added - step
    if not np.isfinite(total).all():
        lost[~np.isfinite(after)] = 0
    return total, np.cumsum(lost, axis=1)[:, -1] if lost.shape[1] else np.zeros_like(total)
