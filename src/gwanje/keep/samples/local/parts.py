"""Parts of a tile: what a source holds of neighbouring series, in columns, and how columns become those of the tile. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.samples.local.runs import distinct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwanje.keep.promql.selection import Moments
    from gwanje.keep.samples.local.runs import Offsets
    from gwanje.wire.columns import Times

SORTS = 16
"""How many different lengths and places the rows of one part may have."""

NEAR = 4
"""How far apart, in samples, the begin of a range may be in series that are cut at one place."""

Rows = NDArray[np.int64] | slice
"""Some of the series; those that follow each other as a slice, which needs no copy."""


class Matrix(NamedTuple):
    """Series by samples; the rows' ends may be empty. What is None is not to be filled."""

    since_ms: int
    times: Moments | None
    values: NDArray[np.float64] | None


class Between(NamedTuple):
    """For each series the first column of a range and the one past it."""

    first: Offsets
    past: Offsets


class Reach(NamedTuple):
    """For each series a time from which on all its samples are, and one after which there is none."""

    begin: Times
    end: Times


class Alike(NamedTuple):
    """Rows that take the same of their columns to the same columns of the tile."""

    rows: Rows
    own: slice
    columns: slice


class Part(Protocol):
    """What one source holds of some series: in columns that follow each other, of which each series has some in one piece."""

    @property
    def held(self) -> Between:
        """Which columns are samples of each series."""
        ...

    @property
    def marked(self) -> bool:
        """False where it is known that no stale marker is among the samples."""
        ...

    def between(self, after_ms: int, until_ms: int) -> Between:
        """In which columns the range lies, for each series; perhaps some more."""
        ...

    def reach(self, first: Offsets, past: Offsets) -> Reach:
        """Of these columns of each series, that is a time not after the first and one not before the last; of none anything."""
        ...

    def passed(self, ends: Times, first: Offsets, past: Offsets) -> NDArray[np.int64] | None:
        """Per series how many of these columns are not after each of the ends; None where all their times must be looked at."""
        ...

    def lay(self, into: Matrix, sorts: Sequence[Alike]) -> None:
        """Copy columns of some series into their rows; where a series has no sample anything."""
        ...


def levelled(first: Offsets, past: Offsets, high: Offsets) -> Between:
    """Let series whose ranges begin at nearly the same column begin at one; those that began earlier or later do so apart."""
    first = np.maximum(first, 0)
    inside = (first < high) & (first < past)
    if inside.all() and int(first.max()) - int(first.min()) <= NEAR:
        return Between(np.full(len(first), first.min()), np.full(len(first), past.max()))
    there = np.flatnonzero(inside)
    begins = distinct(first[there])
    levels = [0, *(np.flatnonzero(np.diff(begins) > NEAR) + 1).tolist(), len(begins)]
    if len(levels) > SORTS:
        return Between(first, past)
    level = Between(np.zeros(len(first), np.int64), np.zeros(len(first), np.int64))
    for begin, end in pairwise(levels):
        if begin < end:
            near = there[(first[there] >= begins[begin]) & (first[there] <= begins[end - 1])]
            level.first[near], level.past[near] = begins[begin], past[near].max()
    return level


def even(column: NDArray[Any]) -> bool:
    return len(column) == 1 or bool((column == column[0]).all())


def among(rows: Rows, some: Rows) -> Rows:
    """Some of the rows."""
    if isinstance(rows, slice) and isinstance(some, slice):
        return slice(rows.start + some.start, rows.start + some.stop)
    every = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
    return dense(every[some])


def dense(rows: NDArray[np.int64]) -> Rows:
    """Rows that follow each other as a slice, which needs no copy."""
    begin, end = int(rows[0]), int(rows[-1]) + 1
    return slice(begin, end) if end - begin == len(rows) and (len(rows) == 1 or (rows[1:] > rows[:-1]).all()) else rows
