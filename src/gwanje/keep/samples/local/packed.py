"""The columns of a row group as they stay in memory: six bytes a sample where series are regular and their values short. Pure.

Times stand as their distance from a straight line through each series' first and last sample, values as integers where all of
them are decimals of few digits. Both are exact. Series that are about as long lie as rows of a matrix, so that a stretch of time
of some of them is unpacked without the rest, and without a place for each sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.samples.local.strands import Strand

if TYPE_CHECKING:
    from gwanje.keep.samples.local.parts import Rows
    from gwanje.keep.samples.local.runs import Offsets
    from gwanje.wire.columns import Times, Values

_MOST = 1 << 31
_ROOM = 8
"""Rows of a matrix may together be longer than their samples by one part in so many."""


Lines = NDArray[np.int64]
"""Five rows, a column for each series: how many samples it has, the place of the first, and the line along which they lie: its
begin, its step, and how far off it they are at most. A series that is irregular leaves the others as near as they are."""

Where = tuple["Rows", slice] | NDArray[np.int64]
"""Columns of some rows of a matrix, or places one by one; for one that lies outside of all stands what is nearest."""


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Series `i` has `counts[i]` samples from place `begins[i]` on: the k-th at `starts[i] + steps[i] * k + apart`.

    What lies between two series is nobody's.
    """

    lines: Lines
    apart: NDArray[np.int16] | NDArray[np.int32] | NDArray[np.int64]
    numbers: NDArray[np.int32] | NDArray[np.float64]
    divisor: float
    """What the numbers are divided by; 0 where they are the values."""
    width: int
    """How many columns the matrix has of which each series is a row; 0 where they follow each other without room."""
    at_end: bool
    """True where all series end at the last column; else all begin at the first."""

    @property
    def nbytes(self) -> int:
        return self.lines.nbytes + self.apart.nbytes + self.numbers.nbytes

    @property
    def counts(self) -> NDArray[np.int64]:
        counts: NDArray[np.int64] = self.lines[0]
        return counts

    def columns(self) -> tuple[Times, Values]:
        """All times and all values."""
        apart, numbers = self.apart, self.numbers
        counts, _, starts, steps, _ = self.lines
        if len(apart) > int(counts.sum()):
            owned = _owned(counts, self.width, at_end=self.at_end)
            apart, numbers = apart.reshape(-1, self.width)[owned], numbers.reshape(-1, self.width)[owned]
        times = np.repeat(steps, counts) * _within(counts)
        times += np.repeat(starts, counts)
        times += apart
        return times, self._values(numbers)

    def fill(self, into: NDArray[np.float64], where: Where) -> None:
        """Fill a matrix with the values that lie there."""
        numbers = self._piece(self.numbers, where)
        if self.divisor and self.divisor != 1:
            np.divide(numbers, self.divisor, out=into)
        else:
            into[...] = numbers

    def apart_at(self, where: Where) -> NDArray[Any]:
        """How far the times that lie there are apart from their lines."""
        return self._piece(self.apart, where)

    def strand(self, row: int, after_ms: int, until_ms: int) -> Strand:
        """The samples of one series in a stretch of time, and perhaps some beside them."""
        count, begin, start, step, furthest = self.lines[:, row].tolist()
        first = max(0, (after_ms - furthest - start) // step + 1)
        past = max(first, min(count, (until_ms + furthest - start) // step + 1))
        times = np.arange(start + first * step, start + past * step, step)
        own = slice(begin + first, begin + past)
        times += self.apart[own]
        return Strand(times, self._values(self.numbers[own]))

    def _piece(self, column: NDArray[Any], where: Where) -> NDArray[Any]:
        return column.take(where, mode="clip") if isinstance(where, np.ndarray) else column.reshape(-1, self.width)[where]

    def _values(self, numbers: NDArray[np.int32] | NDArray[np.float64]) -> Values:
        if not self.divisor:
            return np.asarray(numbers, np.float64)
        return numbers.astype(np.float64) if self.divisor == 1 else numbers / self.divisor


def pack(offsets: Offsets, times: Times, values: Values, decimals: int, *, at_end: bool = True) -> Packed:
    """Pack the columns of series that own `[offsets[i]:offsets[i+1]]`, each at least one sample; `decimals` -1: not known.

    With `at_end` those of a matrix are aligned at their ends, as suits what was cut at one moment there.
    """
    counts = np.diff(offsets)
    starts, last = times[offsets[:-1]], times[offsets[1:] - 1]
    gaps = np.maximum(1, counts - 1)
    steps = np.maximum(1, (2 * (last - starts) + gaps) // (2 * gaps))
    apart = times - np.repeat(starts, counts) - np.repeat(steps, counts) * _within(counts)
    furthest = np.maximum.reduceat(np.abs(apart), offsets[:-1] - offsets[0]) if len(apart) else np.zeros(len(counts), np.int64)
    most = int(furthest.max(initial=0))
    narrow = np.int16 if most < 1 << 15 else np.int32 if most < _MOST else np.int64
    distances: NDArray[Any] = apart.astype(narrow)
    numbers, divisor = _short(values, decimals)
    begins, width = offsets[:-1] - offsets[0], 0
    longest = int(counts.max(initial=0))
    if longest * len(counts) <= len(times) + len(times) // _ROOM:
        width, begins = longest, longest * np.arange(len(counts))
        if longest * len(counts) > len(times):
            owned = _owned(counts, width, at_end=at_end)
            distances, numbers = _in_rows(distances, owned), _in_rows(numbers, owned)
            begins += (width - counts) * at_end
    return Packed(np.stack((counts, begins, starts, steps, furthest)), distances, numbers, divisor, width, at_end)


def _in_rows(column: NDArray[Any], owned: NDArray[np.bool_]) -> NDArray[Any]:
    """Series that follow each other, each in a row of its own."""
    rows = np.zeros(owned.shape, column.dtype)
    rows[owned] = column
    return rows.reshape(-1)


def _owned(counts: NDArray[np.int64], width: int, *, at_end: bool) -> NDArray[np.bool_]:
    """Which places of the rows are samples."""
    place = np.arange(width)
    owned: NDArray[np.bool_] = place >= width - counts[:, None] if at_end else place < counts[:, None]
    return owned


def _within(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many samples of its series stand before each."""
    ends = np.cumsum(counts)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - counts, counts)


def _short(values: Values, decimals: int) -> tuple[NDArray[np.int32] | NDArray[np.float64], float]:
    if decimals < 0 or not len(values):
        return values, 0
    divisor = 10.0**decimals
    with np.errstate(invalid="ignore", over="ignore"):
        numbers = np.rint(values * divisor)
        fits = (np.abs(numbers) < _MOST) & (numbers / divisor == values) & ~(np.signbit(values) & (values == 0))
    return (numbers.astype(np.int32), divisor) if fits.all() else (values, 0)
