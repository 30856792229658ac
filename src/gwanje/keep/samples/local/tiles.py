"""Tiles: neighbouring series whose samples lie nearly alike in every source, laid side by side as rows of a matrix. Pure.

Scraped series have samples at nearly the same times, so that in a run or block most have equally many, and the others one more or
less, because of where it was cut. A stretch of time is then some columns, and sources are joined without looking at single
samples. Where that does not hold, `together` says so, and the samples are assembled series by series.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gwanje.keep.promql.selection import NEVER, Samples
from gwanje.keep.promql.windows import stale
from gwanje.keep.samples.local.parts import SORTS, Matrix
from gwanje.keep.samples.local.placing import Cut, Plan, placed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gwanje.keep.promql.selection import Moments
    from gwanje.keep.samples.local.parts import Alike, Part, Reach, Rows
    from gwanje.keep.samples.local.runs import Offsets
    from gwanje.wire.columns import Times


class Origin(NamedTuple):
    """From where times count, and as numbers of which kind."""

    since_ms: int
    kind: np.dtype[Any]

    @classmethod
    def of(cls, start_ms: int, end_ms: int) -> Origin:
        """Short numbers where all times between fit: half the bytes to move, and twice as many at once."""
        short = end_ms - start_ms < 1 << 31
        return cls(start_ms, np.dtype(np.int32)) if short else cls(0, np.dtype(np.int64))


def together(parts: Sequence[Part], after_ms: int, until_ms: int, *, origin: Origin, unlaid: bool = False) -> Samples | None:
    """All samples with `after_ms < time <= until_ms` of the series, and perhaps some beside them; None where they lie unlike.

    The origin must be of all times of the parts. With `unlaid` times are laid when somebody asks for them.
    """
    cut = [_inside(part, after_ms, until_ms) for part in parts]
    cut = [one for one in cut if (one.past > one.first).any()]
    if not cut:
        return None
    plan = placed(cut)
    if any(len(sorts) > SORTS for _, sorts in plan.steps):
        return None
    shape = len(plan.ends), int(plan.ends.max())
    waiting = OfParts.of(cut, plan, origin) if unlaid else None
    times = np.empty(shape if waiting is None else (0, 0), origin.kind)
    values, marked = np.empty(shape), False
    for part, sorts in plan.steps:
        part.lay(Matrix(origin.since_ms, times if waiting is None else None, values), sorts)
        marked = marked or (part.marked and _marked(values, sorts))
    if waiting is None and not all(_follow(times, rows, at) for rows, at in plan.seams):
        return None
    rows = np.arange(shape[0] + 1, dtype=np.int64) * shape[1]
    offsets = rows + np.append(plan.begins, 0)
    return Samples(offsets, waiting or times.reshape(-1), values.reshape(-1), rows[:-1] + plan.ends, origin.since_ms, marked)


@dataclass(frozen=True, eq=False)
class OfParts:
    """The promise `Unlaid`: the times of a tile, as its parts have them."""

    cut: Sequence[Cut]
    reaches: Sequence[Reach]
    plan: Plan
    origin: Origin

    @classmethod
    def of(cls, cut: Sequence[Cut], plan: Plan, origin: Origin) -> OfParts | None:
        """None where it is not certain that in each row every part begins after the one before it has ended."""
        reaches, ended = [part.reach(first, past) for part, first, past in cut], np.full(len(plan.ends), NEVER)
        for (_, first, past), (begin, end) in zip(cut, reaches, strict=True):
            there = past > first
            if (there & (begin <= ended)).any():
                return None
            ended = np.where(there, end, ended)
        return cls(cut, reaches, plan, origin)

    @cached_property
    def times(self) -> Moments:
        times = np.empty((len(self.plan.ends), int(self.plan.ends.max())), self.origin.kind)
        for part, sorts in self.plan.steps:
            part.lay(Matrix(self.origin.since_ms, times, None), sorts)
        return times.reshape(-1)

    def passed(self, ends: Times) -> Offsets | None:
        """The sum over the parts. Each is asked only of the ends that lie among its samples."""
        ends = ends + self.origin.since_ms
        found = np.zeros((len(self.plan.ends), len(ends)), np.int64)
        for (part, first, past), (begin, end) in zip(self.cut, self.reaches, strict=True):
            there = past > first
            low, high = np.searchsorted(ends, (begin[there].min(), end[there].max())).tolist()
            passed = part.passed(ends[low:high], first, past)
            if passed is None:
                return None
            found[:, low:high] += passed
            found[:, high:] += (past - first)[:, None]
        return found


def _inside(part: Part, after_ms: int, until_ms: int) -> Cut:
    first, past = part.between(after_ms, until_ms)
    low, high = part.held
    first = np.maximum(first, low)
    return Cut(part, first, np.maximum(np.minimum(past, high), first))


def _marked(values: NDArray[np.float64], sorts: Sequence[Alike]) -> bool:
    """True when there is a stale marker among the samples that were copied so."""
    return any(stale(values[rows, columns]).any() for rows, _, columns in sorts)


def _follow(times: Moments, rows: Rows, at: Offsets | int) -> bool:
    """True when each row goes on later than it ended before."""
    return bool((times[rows, at - 1] < times[rows, at]).all())
