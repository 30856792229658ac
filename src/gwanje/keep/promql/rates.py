"""How fast a series moves: rate, increase, delta and their like over a window, with Prometheus's extrapolation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.selection import Moments
from gwanje.keep.promql.table import Indices, Mask
from gwanje.keep.promql.windows import Result, Windows

Floats = NDArray[np.float64]

_FAR = 1.1
"""A window that reaches so many steps past its samples is not followed so far."""
_ROUNDED = 1e-9
"""More than numbers are rounded by, for a first look that leaves nothing out."""
_SHORT_MS = 1 << 31
"""What short numbers cannot say."""


def rate(window: Windows) -> Result:
    gained, factor, present = _extrapolated(window, counter=True)
    factor /= window.range_ms / 1000
    gained *= factor
    return gained, present


def increase(window: Windows) -> Result:
    gained, factor, present = _extrapolated(window, counter=True)
    gained *= factor
    return gained, present


def delta(window: Windows) -> Result:
    gained, factor, present = _extrapolated(window, counter=False)
    gained *= factor
    return gained, present


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


@dataclass(frozen=True, slots=True)
class _Reach:
    """How windows lie around their samples, in milliseconds, and how many steps from sample to sample are in them."""

    before: Moments
    sampled: Moments
    after: Moments
    steps: Indices

    @classmethod
    def of(cls, window: Windows, places: tuple[Indices, Indices], steps: Indices, present: Mask) -> _Reach:
        """Of windows that begin and end with the samples at these places. What is absent says nothing about the others."""
        first_ms, last_ms = window.times_at(*places)
        # However short their numbers are, what lies between two times of one window is not too long for them.
        kind = first_ms.dtype if window.range_ms < _SHORT_MS else np.dtype(np.int64)
        begins, ends = ((window.ends - ahead).astype(kind) for ahead in (window.range_ms, 0))
        sampled = np.subtract(last_ms, first_ms)
        if not present.all():
            sampled, steps = np.where(present, sampled, np.iinfo(sampled.dtype).max), np.maximum(steps, 1)
        return cls(np.subtract(first_ms, begins), sampled, np.subtract(ends, last_ms), steps)

    def perhaps_far(self) -> Mask:
        """Where windows may reach so far past their samples that only half a step counts there: as far as the shortest step."""
        least = int(int(self.sampled.min()) / int(self.steps.max()) * _FAR * (1 - _ROUNDED))
        return (self.before >= least) | (self.after >= least)

    def counted(self, cells: Indices | slice) -> tuple[Floats, Floats, Floats]:
        """Of some windows, in seconds: what counts before their samples, what these cover, and what counts after them."""
        before, sampled, after = (own.reshape(-1)[cells] / 1000 for own in (self.before, self.sampled, self.after))
        apart = sampled / self.steps.reshape(-1)[cells]
        far, half = apart * _FAR, apart / 2
        for side in (before, after):
            np.copyto(side, half, where=side >= far)
        return before, sampled, after


def _extrapolated(window: Windows, *, counter: bool) -> tuple[Floats, Floats, Mask]:
    """What was gained between the samples, and the factor by which the time that counts is longer than what they cover.

    Nearly always the whole window counts: not where samples are missing at one of its ends, nor where a counter has just begun.
    """
    steps = window.lengths
    steps -= 1
    present = steps >= 1
    if not len(window.values):
        return np.zeros(present.shape), np.zeros(present.shape), present
    first, last = _ends(window, present)
    start, gained = window.values.take(first), window.values.take(last)
    gained -= start
    if counter:
        _add_resets(gained, window, first, last, present)
    reach = _Reach.of(window, (first, last), steps, present)
    beside = reach.perhaps_far()
    begun = _perhaps_begun(start, gained, int(reach.steps.min())) if counter else None
    if begun is not None:
        beside |= begun
    factor = window.range_ms / reach.sampled
    cells = np.flatnonzero(beside)
    if len(cells):
        chosen = cells if 2 * len(cells) < beside.size else slice(None)
        before, sampled, after = reach.counted(chosen)
        if begun is not None:
            _stop_at_zero(before, sampled, start.reshape(-1)[chosen], gained.reshape(-1)[chosen])
        before += sampled
        before += after
        np.divide(before, sampled, out=before)
        factor.reshape(-1)[chosen] = before
    return gained, factor, present


def _perhaps_begun(start: Floats, gained: Floats, steps: int) -> Mask | None:
    """Where counters may have begun in the step before the first sample of their window, after which there are so many at least.

    They gained in that step about a part in so many of what they gained in all; nobody looks further back.
    """
    most = _FAR * (1 + _ROUNDED)
    none = gained.max() * most < start.min() * steps
    return None if none else gained * most >= start * steps


def _stop_at_zero(before: Floats, sampled: Floats, start: Floats, gained: Floats) -> None:
    """Shorten the time `before` the first sample: a counter is not followed back past the time at which it was zero."""
    to_zero = sampled * (start / gained)
    np.copyto(before, to_zero, where=(gained > 0) & (start >= 0) & (to_zero < before))


def _add_resets(gained: Floats, window: Windows, first: Indices, last: Indices, present: Mask) -> None:
    """Add the value before each reset inside the window.

    Resets are counted in whole numbers and their values added window by window: running sums of floats would lose precision,
    and one infinite value would spoil everything after it.
    """
    fell = np.zeros(len(window.values) + 1, np.bool_)
    np.less(window.values[1:], window.values[:-1], out=fell[1:-1])
    fell[window.samples.offsets] = False  # from one series to the next
    falls = np.flatnonzero(fell)
    if not len(falls):
        return
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
