"""Strands: a few series, each read by itself out of every source. Pure.

Tiles cost the same for one series as for a hundred; where there are few, to read one after the other costs less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gwanje.keep.promql.selection import Samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwanje.keep.samples.local.runs import Rows
    from gwanje.wire.columns import Times, Values

FEW = 4
"""So many series or fewer are read so."""


class Strand(NamedTuple):
    """Some samples of one series."""

    times: Times
    values: Values


NOTHING = Strand(np.empty(0, np.int64), np.empty(0))


def joined(strands: Sequence[Strand]) -> Strand | None:
    """Those of one series as one, in order of time; None where a sample is not later than the one before it."""
    times, values = (np.concatenate(columns) for columns in zip(NOTHING, *strands, strict=True))
    return Strand(times, values) if (times[1:] > times[:-1]).all() else None


def staged(rows: Rows, series: int) -> Strand:
    """The samples of one series among those that came together, in the order in which they came."""
    own = (rows.series == series).nonzero()[0]
    return Strand(rows.times[own], rows.values[own])


def beside(strands: Sequence[Strand]) -> Samples:
    """Strands of several series, one after the other."""
    if len(strands) == 1:
        times, values = strands[0]
        return Samples(np.array([0, len(times)]), times, values)
    offsets = np.cumsum([0, *(len(strand.times) for strand in strands)])
    times, values = (np.concatenate(columns) for columns in zip(*strands, strict=True))
    return Samples(offsets, times, values)
