"""Where a series is heading: straight lines and smoothing through the samples of a window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gwanje.errors import BadQuery
from gwanje.keep.promql.over_time import row_indices
from gwanje.keep.promql.sums import compensated_sum
from gwanje.keep.promql.table import Numbers
from gwanje.keep.promql.windows import Result, Windows

Floats = NDArray[np.float64]


def slope(window: Windows) -> Result:
    """The slope a second of the least squares line (`deriv`)."""
    values = np.zeros(window.first.shape)
    flat = values.reshape(-1)
    for cells, index in row_indices(window):
        seconds = (window.times[index] - window.times[index[:, :1]]) / 1000
        flat[cells] = _line(seconds, window.values[index])[0]
    return values, window.lengths >= 2


def predicted(window: Windows, ahead: Numbers) -> Result:
    """Where the least squares line is, so many seconds after the step."""
    values = np.zeros(window.first.shape)
    flat = values.reshape(-1)
    steps = len(window.now)
    for cells, index in row_indices(window):
        step = cells % steps
        seconds = (window.times[index] - window.now[step, None]) / 1000
        rise, here = _line(seconds, window.values[index])
        flat[cells] = rise * ahead[step] + here
    return values, window.lengths >= 2


def smoothed(window: Windows, level: Numbers, trend: Numbers) -> Result:
    """Double exponential smoothing (Holt): the smoothed value at the end of the window."""
    for name, factor in (("smoothing", level), ("trend", trend)):
        if len(factor) and not ((factor > 0) & (factor < 1)).all():
            raise BadQuery(f"invalid {name} factor: expected 0 < factor < 1, got {factor[~((factor > 0) & (factor < 1))][0]:g}")
    values = np.zeros(window.first.shape)
    flat = values.reshape(-1)
    steps = len(window.now)
    for cells, index in row_indices(window):
        if index.shape[1] >= 2:
            flat[cells] = _holt(window.values[index], level[cells % steps], trend[cells % steps])
    return values, window.lengths >= 2


def _holt(rows: Floats, level: Numbers, trend: Numbers) -> Floats:
    before, rise = rows[:, 0], rows[:, 1] - rows[:, 0]
    here = before
    with np.errstate(all="ignore"):
        for place in range(1, rows.shape[1]):  # each value needs the one before it; all windows of a length go together
            if place > 1:
                rise = trend * (here - before) + (1 - trend) * rise
                before = here
            here = level * rows[:, place] + (1 - level) * (here + rise)
    return here


def _line(seconds: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Slope, and value at second 0, of the least squares line of each row."""
    count = rows.shape[1]
    with np.errstate(all="ignore"):
        x, y = compensated_sum(seconds), compensated_sum(rows)
        covariance = compensated_sum(seconds * rows) - x * y / count
        slopes = covariance / (compensated_sum(seconds * seconds) - x * x / count)
        starts = y / count - slopes * x / count
    level = (rows == rows[:, :1]).all(axis=1)
    flat = np.where(np.isinf(rows[:, 0]), np.nan, 0.0)
    return np.where(level, flat, slopes), np.where(level, rows[:, 0] + flat, starts)
