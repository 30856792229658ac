"""The columns of a row group as they stay in memory: six bytes a sample where series are regular and their values short. Pure.

Times stand as their distance from a straight line through each series' first and last sample, values as integers where all of
them are decimals of few digits. Both are exact. A stretch of time of some series is unpacked without the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gwanje.keep.samples.local.runs import Offsets
    from gwanje.wire.columns import Times, Values

_MOST = 1 << 31


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Series `i` has `counts[i]` samples from place `begins[i]` on: the k-th at `starts[i] + steps[i] * k + apart`."""

    counts: NDArray[np.int64]
    begins: Offsets
    starts: Times
    steps: NDArray[np.int64]
    apart: NDArray[np.int16] | NDArray[np.int32] | NDArray[np.int64]
    furthest: int
    """The largest distance from the line."""
    numbers: NDArray[np.int32] | NDArray[np.float64]
    divisor: float
    """What the numbers are divided by; 0 where they are the values."""
    width: int
    """How many samples each series has, 0 where not all have as many."""

    @property
    def nbytes(self) -> int:
        return sum(own.nbytes for own in (self.counts, self.begins, self.starts, self.steps, self.apart, self.numbers))

    def columns(self) -> tuple[Times, Values]:
        """All times and all values."""
        places = np.arange(len(self.apart)) - np.repeat(self.begins, self.counts)
        times = np.repeat(self.steps, self.counts) * places
        times += np.repeat(self.starts, self.counts)
        times += self.apart
        return times, self._values(self.numbers)

    def cut(self, rows: NDArray[np.int64] | slice, first: int, times: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Fill matrices with samples of some series, which must have enough of them: `rows`, from their `first` on."""
        past = first + times.shape[1]
        if self.width:
            apart = self.apart.reshape(-1, self.width)[rows, first:past]
            numbers = self.numbers.reshape(-1, self.width)[rows, first:past]
        else:
            places = self.begins[rows, None] + np.arange(first, past)
            apart, numbers = self.apart[places], self.numbers[places]
        np.multiply(self.steps[rows, None], np.arange(first, past), out=times)
        times += self.starts[rows, None]
        times += apart
        if self.divisor and self.divisor != 1:
            np.divide(numbers, self.divisor, out=values)
        else:
            values[...] = numbers

    def _values(self, numbers: NDArray[np.int32] | NDArray[np.float64]) -> Values:
        if not self.divisor:
            return np.asarray(numbers, np.float64)
        return numbers.astype(np.float64) if self.divisor == 1 else numbers / self.divisor


def pack(offsets: Offsets, times: Times, values: Values, decimals: int) -> Packed:
    """Pack the columns of series that own `[offsets[i]:offsets[i+1]]`, each at least one sample; `decimals` -1: not known."""
    counts = np.diff(offsets)
    starts, last = times[offsets[:-1]], times[offsets[1:] - 1]
    steps = np.maximum(1, (last - starts) // np.maximum(1, counts - 1))
    places = np.arange(len(times)) - np.repeat(offsets[:-1] - offsets[0], counts)
    apart = times - np.repeat(starts, counts) - np.repeat(steps, counts) * places
    furthest = max(int(apart.max()), -int(apart.min())) if len(apart) else 0
    narrow = np.int16 if furthest < 1 << 15 else np.int32 if furthest < _MOST else np.int64
    numbers, divisor = _short(values, decimals)
    width = int(counts[0]) if len(counts) and (counts == counts[0]).all() else 0
    return Packed(counts, offsets[:-1] - offsets[0], starts, steps, apart.astype(narrow), furthest, numbers, divisor, width)


def _short(values: Values, decimals: int) -> tuple[NDArray[np.int32] | NDArray[np.float64], float]:
    if decimals < 0 or not len(values):
        return values, 0
    divisor = 10.0**decimals
    with np.errstate(invalid="ignore", over="ignore"):
        numbers = np.rint(values * divisor)
        fits = (np.abs(numbers) < _MOST) & (numbers / divisor == values) & ~(np.signbit(values) & (values == 0))
    return (numbers.astype(np.int32), divisor) if fits.all() else (values, 0)
