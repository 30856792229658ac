"""Rollups: of every step of time the min, max, sum, count and last of a series' samples. Pure.

A step is named by its end and holds what lies in `end - step < time <= end`: PromQL's windows are open on the left too, so that a
window whose length and end are multiples of the step is made of whole steps, and

- `min_over_time` is the least `min`, `max_over_time` the greatest `max`, exactly;
- `sum_over_time` is the sum of `sum`, `count_over_time` that of `count`, `avg_over_time` their quotient, exactly;
- `last` stands at the true time of the step's last sample (a stale marker too), so that `last_over_time`, and a selector looked
  at on the ends of the steps, answer exactly as from the samples.

`rate`, `increase` and all other functions read `last`: what they would say of a series that was sampled once a step. A counter
that was reset and overtook its last value within one step goes unseen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gwanje.model import STALE_NAN_BITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gwanje.keep.samples.local.runs import Offsets
    from gwanje.wire.columns import Times, Values

COLUMNS = ("min", "max", "sum", "last")
"""The columns of values, beside `count`, `time_ms` (the step's end) and `last_ms`."""


class Rolled(NamedTuple):
    """The steps of neighbouring series: series `i` owns `[offsets[i]:offsets[i+1]]`, ascending."""

    offsets: Offsets
    times: Times
    last_ms: Times
    counts: NDArray[np.int64]
    min: Values
    max: Values
    sum: Values
    last: Values


def roll(offsets: Offsets, times: Times, values: Values, step_ms: int) -> Rolled:
    """Samples as steps. A stale marker counts in `last` alone."""
    ends = -(-times // step_ms) * step_ms
    alive = values.view(np.uint64) != STALE_NAN_BITS
    one_each = Rolled(offsets, ends, times, alive.astype(np.int64), values, values, values, values)
    first = np.append(True, ends[1:] != ends[:-1])
    first[offsets[1:-1]] = True
    return _reduced(one_each, np.flatnonzero(first))


def combined(parts: Sequence[Rolled]) -> Rolled:
    """The steps of several parts of the same series as one; each part holds other samples."""
    counts = np.stack([np.diff(part.offsets) for part in parts], axis=1)
    series = np.concatenate([np.repeat(np.arange(len(counts)), counts[:, i]) for i in range(len(parts))])
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts.sum(axis=1))])
    every = [np.concatenate(column) for column in zip(*(part[1:] for part in parts), strict=True)]
    order = np.lexsort((every[1], every[0], series))
    series, sorted_ = series[order], Rolled(offsets, *(column[order] for column in every))
    first = np.append(True, (series[1:] != series[:-1]) | (sorted_.times[1:] != sorted_.times[:-1]))
    return _reduced(sorted_, np.flatnonzero(first))


def counted(values: Values, count: NDArray[np.int64] | NDArray[np.bool_]) -> Values:
    """Values of steps; a step that held nothing but a stale marker shows one."""
    return np.where(count > 0, values, np.uint64(STALE_NAN_BITS).view(np.float64))


def _reduced(rows: Rolled, starts: Offsets) -> Rolled:
    """The rows from each start to the next as one."""
    last = np.append(starts[1:], len(rows.times)) - 1
    count = np.add.reduceat(rows.counts, starts)
    nothing = rows.counts == 0
    return Rolled(
        offsets=np.searchsorted(starts, rows.offsets),
        times=rows.times[starts],
        last_ms=rows.last_ms[last],
        counts=count,
        min=counted(np.fmin.reduceat(np.where(nothing, np.nan, rows.min), starts), count),
        max=counted(np.fmax.reduceat(np.where(nothing, np.nan, rows.max), starts), count),
        sum=counted(np.add.reduceat(np.where(nothing, 0.0, rows.sum), starts), count),
        last=rows.last[last],
    )
