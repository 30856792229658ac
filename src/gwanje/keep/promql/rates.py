"""How fast a series moves: rate, increase, delta and their like over a window, with Prometheus's extrapolation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.table import Indices, Mask
from gwanje.keep.promql.windows import Result, Windows

Floats = NDArray[np.float64]


def rate(window: Windows) -> Result:
    gained, factor, present = _extrapolated(window, counter=True)
    return gained * (factor / (window.range_ms / 1000)), present


def increase(window: Windows) -> Result:
    gained, factor, present = _extrapolated(window, counter=True)
    return gained * factor, present


def delta(window: Windows) -> Result:
    gained, factor, present = _extrapolated(window, counter=False)
    return gained * factor, present


def irate(window: Windows) -> Result:
    before, after, seconds, present = _last_two(window)
    gained = np.where(after < before, after, after - before)
    return gained / seconds, present


def idelta(window: Windows) -> Result:
    before, after, _, present = _last_two(window)
    return after - before, present


def changes(window: Windows) -> Result:
    both_nan = np.isnan(window.values[1:]) & np.isnan(window.values[:-1])
    return _counted(window, (window.values[1:] != window.values[:-1]) & ~both_nan)


def resets(window: Windows) -> Result:
    return _counted(window, window.values[1:] < window.values[:-1])


def _extrapolated(window: Windows, *, counter: bool) -> tuple[Floats, Floats, Mask]:
    """What was gained between the samples, and the factor by which the window is longer than what they cover."""
    lengths = window.lengths
    present = lengths >= 2
    if not len(window.values):
        return np.zeros(present.shape), np.zeros(present.shape), present
    first, last = _ends(window, present)
    start = window.values.take(first)
    gained = window.values.take(last) - start
    if counter:
        _add_resets(gained, window, first, last, present)
    first_ms, last_ms = (window.times.take(index).astype(np.float64) for index in (first, last))
    sampled = last_ms - first_ms
    before = np.subtract(first_ms, window.ends - window.range_ms, out=first_ms)
    after = np.subtract(window.ends, last_ms, out=last_ms)
    for own in (sampled, before, after):
        np.divide(own, 1000, out=own)
    apart = sampled / (lengths - 1)
    far = apart * 1.1
    for side in (before, after):
        cells = np.flatnonzero(side >= far)
        side.reshape(-1)[cells] = apart.reshape(-1)[cells] / 2
    if counter:
        _stop_at_zero(before, start, gained, sampled)
    before += sampled
    before += after
    return gained, np.divide(before, sampled, out=before), present


def _stop_at_zero(before: Floats, start: Floats, gained: Floats, sampled: Floats) -> None:
    """Shorten the time `before` the first sample: a counter cannot have been below zero.

    It is not followed back past the time at which it would have been zero. Where it starts at twice what it gained or more,
    that lies further back than anybody looks.
    """
    cells = np.flatnonzero(2 * gained > start)
    begin, rise, reach, covered = (own.reshape(-1)[cells] for own in (start, gained, before, sampled))
    to_zero = np.where((rise > 0) & (begin >= 0), covered * (begin / rise), reach)
    before.reshape(-1)[cells] = np.where(to_zero < reach, to_zero, reach)


def _add_resets(gained: Floats, window: Windows, first: Indices, last: Indices, present: Mask) -> None:
    """Add the value before each reset inside the window.

    Resets are counted in whole numbers and their values added window by window: running sums of floats would lose precision,
    and one infinite value would spoil everything after it.
    """
    fell = np.zeros(len(window.values) + 1, np.bool_)
    np.less(window.values[1:], window.values[:-1], out=fell[1:-1])
    fell[window.samples.offsets] = False  # from one series to the next
    falls = np.flatnonzero(fell)
    rows = window.samples.begins.searchsorted(falls, "right") - 1
    own = (falls >= window.samples.begins[rows]) & (falls < window.samples.ends[rows])
    falls = falls[own]
    if not len(falls):
        return
    falling = np.flatnonzero(np.bincount(rows[own]))
    begin = falls.searchsorted(first[falling].ravel(), "right")
    end = falls.searchsorted(last[falling].ravel(), "right")
    hit = np.flatnonzero((end > begin) & present[falling].ravel())
    if not len(hit):
        return
    bounds = np.stack((begin[hit], end[hit]), axis=1).ravel()
    lost = np.append(window.values[falls - 1], 0.0)
    row, step = np.divmod(hit, gained.shape[1])
    gained[falling[row], step] += np.add.reduceat(lost, bounds)[::2]


def _last_two(window: Windows) -> tuple[Floats, Floats, Floats, Mask]:
    present = window.lengths >= 2
    last = np.where(present, window.past - 1, 0)
    before = np.where(present, window.past - 2, 0)
    if not len(window.values):
        zeros = np.zeros(last.shape)
        return zeros, zeros, zeros, present
    return window.values[before], window.values[last], (window.times[last] - window.times[before]) / 1000, present


def _counted(window: Windows, steps: Mask) -> Result:
    """How often something happened between two samples of the window."""
    present = window.lengths >= 1
    if not len(window.values):
        return np.zeros(present.shape), present
    until = np.concatenate(([0], np.cumsum(steps)))
    first, last = _ends(window, present)
    return (until[last] - until[first]).astype(np.float64), present


def _ends(window: Windows, present: Mask) -> tuple[Indices, Indices]:
    """The first and the last sample of each window; of absent ones some sample, whatever it is."""
    if present.all():
        return np.ascontiguousarray(window.first), window.past - 1
    return np.where(present, window.first, 0), np.where(present, window.past - 1, 0)
