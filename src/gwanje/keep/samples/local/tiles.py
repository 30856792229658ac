"""Tiles: neighbouring series whose samples lie nearly alike in every source, laid side by side as rows of a matrix. Pure.

Scraped series have samples at nearly the same times, so that in a run or block most have equally many, and the others one more or
less, because of where it was cut. A stretch of time is then some columns, and sources are joined without looking at single
samples. Where that does not hold, `together` says so, and the samples are assembled series by series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gwanje.keep.promql.selection import Samples
from gwanje.keep.promql.windows import stale
from gwanje.keep.samples.local.parts import SORTS, Matrix
from gwanje.keep.samples.local.placing import Cut, placed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwanje.keep.promql.selection import Moments
    from gwanje.keep.samples.local.parts import Alike, Part, Rows
    from gwanje.keep.samples.local.runs import Offsets


class Origin(NamedTuple):
    """From where times count, and as numbers of which kind."""

    since_ms: int
    kind: np.dtype[Any]

    @classmethod
    def of(cls, start_ms: int, end_ms: int) -> Origin:
        """Short numbers where all times between fit: half the bytes to move, and twice as many at once."""
        short = end_ms - start_ms < 1 << 31
        return cls(start_ms, np.dtype(np.int32)) if short else cls(0, np.dtype(np.int64))


def together(parts: Sequence[Part], after_ms: int, until_ms: int, origin: Origin) -> Samples | None:
    """All samples with `after_ms < time <= until_ms` of the series, and perhaps some beside them; None where they lie unlike.

    The origin must be of all times of the parts.
    """
    cut = [_inside(part, after_ms, until_ms) for part in parts]
    cut = [one for one in cut if (one.past > one.first).any()]
    if not cut:
        return None
    begins, ends, steps, seams = placed(cut)
    if any(len(sorts) > SORTS for _, sorts in steps):
        return None
    width = int(ends.max())
    into = Matrix(origin.since_ms, np.empty((len(ends), width), origin.kind), np.empty((len(ends), width)))
    marked = False
    for part, sorts in steps:
        part.lay(into, sorts)
        marked = marked or (part.marked and _marked(into, sorts))
    if not all(_follow(into.times, rows, at) for rows, at in seams):
        return None
    rows = np.arange(len(ends) + 1, dtype=np.int64) * width
    offsets = rows + np.append(begins, 0)
    return Samples(offsets, into.times.reshape(-1), into.values.reshape(-1), rows[:-1] + ends, origin.since_ms, marked)


def _inside(part: Part, after_ms: int, until_ms: int) -> Cut:
    first, past = part.between(after_ms, until_ms)
    low, high = part.held
    first = np.maximum(first, low)
    return Cut(part, first, np.maximum(np.minimum(past, high), first))


def _marked(into: Matrix, sorts: Sequence[Alike]) -> bool:
    """True when there is a stale marker among the samples that were copied so."""
    return any(stale(into.values[rows, columns]).any() for rows, _, columns in sorts)


def _follow(times: Moments, rows: Rows, at: Offsets | int) -> bool:
    """True when each row goes on later than it ended before."""
    return bool((times[rows, at - 1] < times[rows, at]).all())
