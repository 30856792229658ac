"""Where windows begin and end: for every series and end which sample is the first one after it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.selection import Moments, Samples
from gwanje.keep.promql.table import Indices, Mask
from gwanje.wire.columns import Times

FEW_ENDS = 4
"""For each of so few ends a guess may be made by itself."""
_FEW_SERIES = 4
"""Each of so few is searched sooner than guessed for."""
_MOSTLY = 8
"""A guess that is wrong for more cells than one in so many is none."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Per series and end the index of the first sample after the end."""

    place: Indices
    before: Moments | None = None
    """The times of the samples before these places, where they were looked at; anything for a series that has none there."""
    after: Moments | None = None
    """The times of the samples at these places."""

    def of(self, ends: slice) -> Edges:
        """Those of some of the ends."""
        before, after = (None if own is None else own[:, ends] for own in (self.before, self.after))
        return Edges(self.place[:, ends], before, after)


def edges(samples: Samples, ends: Times) -> Edges:
    """Per series and end: the first sample after the end. The ends rise, and count from where the samples' times do.

    In a few series it is searched for. In many it is guessed, and looked on which side of the end the samples beside it lie: for
    a few ends at the same place in all series; for ends that are as evenly spaced as the samples as many samples on for each;
    else where the nearest sample would be if they were evenly spaced. Where the guess was wrong it is searched for, too.
    """
    first, past = samples.begins, samples.ends
    if not len(samples.values) or not len(ends):
        return Edges(np.broadcast_to(first[:, None], (len(first), len(ends))))
    if not isinstance(samples.when, np.ndarray) and (counts := samples.when.passed(ends)) is not None:
        return Edges(first[:, None] + counts)
    times = samples.times
    instants = _as(times.dtype, ends)
    if len(first) <= _FEW_SERIES:
        places = np.empty((len(first), len(ends)), np.int64)
        for row, (low, high) in enumerate(zip(first.tolist(), past.tolist(), strict=True)):
            places[row] = low + times[low:high].searchsorted(instants, "right")
        return Edges(places)
    if len(ends) > FEW_ENDS and (even := _in_step(times, first, past, instants)):
        return even
    return Edges(_places(times, first, past, instants))


def _places(times: Moments, first: Indices, past: Indices, ends: Moments) -> Indices:
    guessed = _alike(times, first, past, ends) if len(ends) <= FEW_ENDS else None
    found, unsure = guessed or _Lines.of(times, first, past).guessed(times, ends)
    if len(unsure):
        _search(times, first, past, ends, found, unsure)
    empty = np.flatnonzero(first == past)
    found[empty] = first[empty, None]
    return found


def _in_step(times: Moments, first: Indices, past: Indices, ends: Moments) -> Edges | None:
    """From the place at one end, for series of which equally many samples lie between all ends; None where most are not so.

    The times of the samples beside each end, which say whether that is so, are kept: whoever has windows needs them again.
    """
    step_ms = int(ends[1]) - int(ends[0])
    if (np.diff(ends) != step_ms).any():
        return None
    middle = len(ends) // 2
    lines = _Lines.of(times, first, past)
    samples = np.rint(lines.per_ms * step_ms)
    astray = np.abs(lines.per_ms * step_ms - samples) * middle > 1
    if _MOSTLY * np.count_nonzero(astray) > len(first):
        return None
    begin, _ = lines.guessed(times, ends[middle : middle + 1])  # where not sure, it is seen at the ends beside it
    every = samples[:1] if (samples == samples[0]).all() else samples[:, None]
    place = begin + every.astype(np.int64) * np.arange(-middle, len(ends) - middle)
    if (place[:, 0] < first).any():
        np.maximum(place, first[:, None], out=place)
    if (place[:, -1] > past).any():
        np.minimum(place, past[:, None], out=place)
    before, after = times.take(place - 1, mode="clip"), times.take(place, mode="clip")
    unsure = np.flatnonzero((before > ends) | (after <= ends))
    if _MOSTLY * len(unsure) > place.size:
        return None
    if len(unsure):
        _search(times, first, past, ends, place, unsure)
        found = place.reshape(-1)[unsure]
        before.reshape(-1)[unsure] = times.take(found - 1, mode="clip")
        after.reshape(-1)[unsure] = times.take(found, mode="clip")
    return Edges(place, before, after)


def _alike(times: Moments, first: Indices, past: Indices, ends: Moments) -> tuple[Indices, Indices] | None:
    """A guess for series that lie side by side: the place in the longest, one sample more or less; and which cells are not sure.

    None where those are many.
    """
    longest = int((past - first).argmax())
    columns = times[first[longest] : past[longest]].searchsorted(ends, "right")
    end = ends[:, None]

    def passed(place: Indices) -> Mask:
        """What would be before the first sample is not after any end, and what would be past the last after all."""
        not_after: Mask = times.take(place, mode="clip") <= end
        not_after &= place < past
        not_after |= place < first
        return not_after

    place = first + columns[:, None]  # ends by series, for numpy runs along the series, which are many
    early, late = passed(place), ~passed(place - 1)
    place += early
    place -= late
    # What it was moved over is known; left to see is what lies beyond.
    unsure = np.flatnonzero((passed(place - late) != late).T)
    return None if _MOSTLY * len(unsure) > place.size else (np.ascontiguousarray(place.T), unsure)


class _Lines(NamedTuple):
    """Of each series the even line from its oldest sample to its newest."""

    oldest: Indices
    newest: Indices
    begin: NDArray[np.float64]
    """When the oldest was."""
    per_ms: NDArray[np.float64]
    """How many samples come in a millisecond."""

    @classmethod
    def of(cls, times: Moments, first: Indices, past: Indices) -> _Lines:
        newest = np.maximum(past - 1, first)
        begin = times.take(first, mode="clip").astype(np.float64)
        span = times.take(newest, mode="clip") - begin
        return cls(first, newest, begin, np.divide(newest - first, span, out=np.zeros(len(first)), where=span > 0))

    def guessed(self, times: Moments, ends: Moments) -> tuple[Indices, Indices]:
        """A guess for many ends, right where samples are off the line by less than half their distance; and the unsure cells."""
        near = self._nearest(ends)
        passed = times.take(near, mode="clip") <= ends
        ahead = passed.astype(np.int64)
        found = near
        found += ahead
        beside = found + ahead
        beside -= 1
        return found, np.flatnonzero((times.take(beside, mode="clip") <= ends) == passed)

    def _nearest(self, ends: Moments) -> Indices:
        """Which sample of each series would be nearest to each end if they were evenly spaced."""
        near = np.multiply.outer(self.per_ms, ends.astype(np.float64))
        near += (self.oldest + 0.5 - self.begin * self.per_ms)[:, None]
        np.maximum(near, self.oldest[:, None], out=near)
        np.minimum(near, self.newest[:, None], out=near)
        return near.astype(np.int64)


def _as(kind: np.dtype[Any], ends: Times) -> Moments:
    """The ends as the samples' times are; one beyond what these can say as the outermost that they can."""
    if kind == ends.dtype:
        return ends
    bounds = np.iinfo(kind)
    return np.clip(ends, bounds.min, bounds.max).astype(kind)


def _search(times: Moments, first: Indices, past: Indices, ends: Moments, found: Indices, cells: Indices) -> None:  # noqa: PLR0917 -- arrays that belong together
    """Move those of the cells whose place is wrong; most are wrong by one sample, the others are bisected."""
    series, step = np.divmod(cells, len(ends))
    low, high, end = first[series], past[series], ends[step]
    flat = found.reshape(-1)
    place = np.clip(flat[cells], low, high)
    place += _beside(times, place, low, high, end)
    flat[cells] = place
    wrong = np.flatnonzero(_beside(times, place, low, high, end))
    cells, low, high, end = cells[wrong], low[wrong], high[wrong], end[wrong]
    last = len(times) - 1
    while (open_ := low < high).any():
        middle = (low + high) >> 1
        before = open_ & (times[np.minimum(middle, last)] <= end)
        low = np.where(before, middle + 1, low)
        high = np.where(open_ & ~before, middle, high)
    flat[cells] = low


def _beside(times: Moments, place: Indices, low: Indices, high: Indices, end: Moments) -> NDArray[np.int8]:
    """Where to go from each place: 1 where its sample is not after the end, -1 where the one before it is, else 0."""
    on = (place < high) & (times.take(place, mode="clip") <= end)
    back = (place > low) & (times.take(place - 1, mode="clip") > end)
    return on.astype(np.int8) - back.astype(np.int8)
