"""One number out of the samples of a window: the `…_over_time` functions and their like.

What needs only the ends of a window, or an operation that numpy reduces by, works on all windows at once. What needs the
samples themselves gets the windows of one length as rows (`by_rows`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.sums import compensated_mean, compensated_sum
from gwanje.keep.promql.table import Indices, Mask, Numbers
from gwanje.keep.promql.windows import Result, Windows

Floats = NDArray[np.float64]
RowFunction = Callable[[Floats], Floats]

CELLS_AT_ONCE = 1 << 15
_FEW_LENGTHS = 8
"""So many lengths of windows, as scraped series have, are sooner looked for one by one than sorted."""
_ALL_EXACT = 2.0**52
"""Whole numbers are floats up to twice this."""


def count(window: Windows) -> Result:
    return window.lengths.astype(np.float64), _present(window)


def present(window: Windows) -> Result:
    held = _present(window)
    return np.ones(held.shape), held


def first(window: Windows) -> Result:
    return _picked(window, window.first)


def last(window: Windows) -> Result:
    return _picked(window, window.past - 1)


def minimum(window: Windows) -> Result:
    return _reduced(window, np.fmin)


def maximum(window: Windows) -> Result:
    return _reduced(window, np.fmax)


def time_of_first(window: Windows) -> Result:
    return _time_of(window, window.first)


def time_of_last(window: Windows) -> Result:
    return _time_of(window, window.past - 1)


def time_of_minimum(window: Windows) -> Result:
    return _time_of_extreme(window, np.less_equal, minimum(window))


def time_of_maximum(window: Windows) -> Result:
    return _time_of_extreme(window, np.greater_equal, maximum(window))


def sum_(window: Windows) -> Result:
    exact = _exact_sums(window)
    return by_rows(window, compensated_sum) if exact is None else (exact, _present(window))


def mean(window: Windows) -> Result:
    exact = _exact_sums(window)
    if exact is not None:
        return exact / np.maximum(window.lengths, 1), _present(window)
    return by_rows(window, lambda rows: compensated_mean(rows, rows.shape[1]))


def _exact_sums(window: Windows) -> Floats | None:
    """Sums of whole numbers, as counts and bytes are, no addition of which rounds; None where that is not certain.

    Then a window's sum is the difference of two running sums of all samples.
    """
    values = window.values
    if not len(values) or not np.abs(values).sum() < _ALL_EXACT or (values != np.rint(values)).any():
        return None
    running = np.zeros(len(values) + 1)
    np.cumsum(values, out=running[1:])
    sums: Floats = running.take(window.past) - running.take(window.first)
    return sums


def variance(window: Windows) -> Result:
    return by_rows(window, row_variance)


def deviation(window: Windows) -> Result:
    return by_rows(window, lambda rows: np.sqrt(row_variance(rows)))


def median_deviation(window: Windows) -> Result:
    """The median distance from the median (`mad_over_time`); NaN where any sample is NaN."""

    def rows_of(rows: Floats) -> Floats:
        distance = _middle(np.abs(rows - _middle(rows)[:, None]))
        return np.where(np.isnan(rows).any(axis=1), np.nan, distance)

    return by_rows(window, rows_of)


def quantile(window: Windows, fraction: Numbers) -> Result:
    """The quantile by linear interpolation; NaN counts as smaller than every number."""
    held = _present(window)
    values = np.zeros(held.shape)
    flat = values.reshape(-1)
    for cells, rows in _rows(window):
        flat[cells] = sorted_quantile(_nan_first(rows), fraction[cells % len(fraction)])
    return values, held


def row_variance(rows: Floats) -> Floats:
    """The population variance of each row, exactly zero where all values are the same."""
    with np.errstate(all="ignore"):
        rows = np.ascontiguousarray(rows)  # numpy adds in another order where they are not
        centre = compensated_mean(rows, rows.shape[1])[:, None]
        centre = centre + (rows - centre).mean(axis=1, keepdims=True)
        return compensated_mean((rows - centre) ** 2, rows.shape[1])


def sorted_quantile(rows: Floats, fraction: Numbers) -> Floats:
    """The quantile of rows that are sorted, one fraction a row."""
    size = rows.shape[1]
    with np.errstate(all="ignore"):
        rank = np.where((fraction >= 0) & (fraction <= 1), fraction, 0) * (size - 1)
        lower = np.floor(rank).astype(np.int64)
        upper = np.minimum(lower + 1, size - 1)
        weight = rank - lower
        number = np.arange(len(rows))
        between = rows[number, lower] * (1 - weight) + rows[number, upper] * weight
    return outside_quantile(between, fraction)


def outside_quantile(between: Floats, fraction: Numbers) -> Floats:
    """What a quantile is where its fraction is none."""
    infinite = np.where(fraction < 0, -np.inf, np.inf)
    return np.where(np.isnan(fraction), np.nan, np.where((fraction < 0) | (fraction > 1), infinite, between))


def by_rows(window: Windows, function: RowFunction) -> Result:
    """Apply a function to windows of equal length, laid out as the rows of an array."""
    values = np.zeros(window.first.shape)
    flat = values.reshape(-1)
    for cells, rows in _rows(window):
        flat[cells] = function(rows)
    return values, _present(window)


def _rows(window: Windows) -> Iterator[tuple[Indices, Floats]]:
    for cells, index in row_indices(window):
        yield cells, window.values[index]


def row_indices(window: Windows) -> Iterator[tuple[Indices, Indices]]:
    """Per length of a window: the flat cells with such windows, and the indices of their samples as rows."""
    lengths = np.ascontiguousarray(window.lengths).ravel()
    starts = np.ascontiguousarray(window.first).ravel()
    for length, cells in _by_length(lengths):
        chunk = max(1, CELLS_AT_ONCE // length)
        inside = np.arange(length)
        for begin in range(0, len(cells), chunk):
            some = cells[begin : begin + chunk]
            yield some, (starts[some] + inside[:, None]).T  # numpy runs along the windows, which are many and short


def _by_length(lengths: Indices) -> Iterator[tuple[int, Indices]]:
    """The places of each length but 0."""
    if not len(lengths):
        return
    short = int(lengths.max()) < 1 << 16
    if short and len(known := np.flatnonzero(np.bincount(lengths))) <= _FEW_LENGTHS:
        yield from ((length, np.flatnonzero(lengths == length)) for length in known.tolist() if length)
        return
    # Numpy sorts 16-bit numbers in one pass a byte, and longer ones by comparing.
    order = np.argsort(lengths.astype(np.uint16) if short else lengths, kind="stable")
    ordered = lengths[order]
    bounds = np.flatnonzero(np.diff(ordered)) + 1
    for cells in np.split(order, bounds):
        length = int(lengths[cells[0]])
        if length:
            yield length, cells


def _present(window: Windows) -> Mask:
    held: Mask = window.past > window.first
    return held


def _picked(window: Windows, index: Indices) -> Result:
    held = _present(window)
    if not len(window.values):
        return np.zeros(held.shape), held
    return window.values[np.where(held, index, 0)], held


def _time_of(window: Windows, index: Indices) -> Result:
    held = _present(window)
    if not len(window.values):
        return np.zeros(held.shape), held
    return window.instants(np.where(held, index, 0)) / 1000, held


def _time_of_extreme(window: Windows, reaches: Callable[[Floats, Floats], Mask], extreme: Result) -> Result:
    """The newest sample of the window that reaches the extreme."""
    best = extreme[0].reshape(-1)
    values = np.zeros(window.first.shape)
    flat = values.reshape(-1)
    for cells, index in row_indices(window):
        rows = window.values[index]
        hit = reaches(rows, best[cells, None]) | np.isnan(best[cells, None])
        place = rows.shape[1] - 1 - hit[:, ::-1].argmax(axis=1)
        flat[cells] = window.instants(index[np.arange(len(index)), place]) / 1000
    return values, extreme[1]


def _reduced(window: Windows, operation: np.ufunc) -> Result:
    held = _present(window)
    if held.size and held[-1, -1] and (window.first[:, 1:] == window.past[:, :-1]).all():
        return _reduced_in_turn(window, operation), held
    values = np.zeros(held.shape)
    first, past, flat = window.first.ravel(), window.past.ravel(), values.reshape(-1)
    inside = np.flatnonzero(held.ravel() & (past < len(window.values)))
    if len(inside):
        bounds = np.stack((first[inside], past[inside]), axis=1).ravel()
        flat[inside] = operation.reduceat(window.values, bounds)[::2]
    # What goes to the very end has no bound there; copying all samples to make one costs more than looking from the end.
    ending = np.flatnonzero(held.ravel() & (past == len(window.values)))
    if len(ending):
        from_end = operation.accumulate(window.values[int(first[ending].min()) :][::-1])
        flat[ending] = from_end[len(window.values) - 1 - first[ending]]
    return values, held


def _reduced_in_turn(window: Windows, operation: np.ufunc) -> Floats:
    """Where each window begins at the end of the one before it, and the last is not empty; of empty ones anything."""
    bounds = np.concatenate((window.first[:, :1], window.past), axis=1)
    found = np.empty(bounds.shape)  # the last of each row is what lies between it and the next
    operation.reduceat(window.values[: bounds[-1, -1]], bounds.ravel()[:-1], out=found.reshape(-1)[:-1])
    return found[:, :-1]


def _middle(rows: Floats) -> Floats:
    return sorted_quantile(_nan_first(rows), np.full(len(rows), 0.5))


def _nan_first(rows: Floats) -> Floats:
    """Rows sorted with NaN before every number."""
    ordered = np.sort(rows, axis=1)
    nans = np.isnan(ordered).sum(axis=1)
    if not nans.any():
        return ordered
    place = (np.arange(rows.shape[1]) - nans[:, None]) % rows.shape[1]
    return np.take_along_axis(ordered, place, axis=1)
