"""Series in whole columns, as the head keeps them, as a part of a tile. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gwanje.keep.samples.local.parts import NEAR, Between, among, dense, even, levelled
from gwanje.keep.samples.local.runs import first_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gwanje.keep.samples.local.parts import Alike, Matrix, Rows
    from gwanje.keep.samples.local.runs import Offsets
    from gwanje.wire.columns import Times, Values


def _piece(matrix: NDArray[Any], rows: Rows, columns: slice) -> NDArray[Any]:
    """Some columns of some rows. Whole rows are copied faster than parts of them."""
    if isinstance(rows, slice) or 2 * (columns.stop - columns.start) < matrix.shape[1]:
        return matrix[rows, columns]
    return matrix.take(rows, axis=0)[:, columns]


@dataclass(frozen=True, slots=True, eq=False)
class OfColumns:
    """Series in whole columns, from `low` on."""

    times: Times
    values: Values
    low: Offsets
    counts: NDArray[np.int64]
    marked: bool = True

    @property
    def held(self) -> Between:
        return Between(np.zeros(len(self.counts), np.int64), self.counts)

    def between(self, after_ms: int, until_ms: int) -> Between:
        """Guessed from the longest row, then moved as far as others need; looked for in each where that is far."""
        longest = int(self.counts.argmax())
        count = int(self.counts[longest])
        own = self.times[int(self.low[longest]) : int(self.low[longest]) + count]
        first, past = int(np.searchsorted(own, after_ms, "right")), int(np.searchsorted(own, until_ms, "right"))
        for _ in range(NEAR + 1):
            early = first > 0 and self._any_after(first - 1, after_ms)
            late = past < count and not self._all_after(past, until_ms)
            if not early and not late:
                return Between(np.full(len(self.low), first), np.full(len(self.low), past))
            first, past = first - early, past + late
        high = self.low + self.counts
        begins, ends = (first_after(self.times, self.low, high, instant) - self.low for instant in (after_ms, until_ms))
        return levelled(begins, ends, self.counts)

    def lay(self, into: Matrix, sorts: Sequence[Alike]) -> None:
        for rows, chosen, columns in sorts:
            there = self.counts[rows] > 0
            if not there.all():
                if not there.any():
                    continue
                rows = among(rows, np.flatnonzero(there))  # noqa: PLW2901 -- those that are here
            low, whole = self.low[rows], int(self.counts[rows][0])
            number, rest = np.divmod(low - int(low.min()), whole)
            if even(self.counts[rows]) and not rest.any():  # the columns are a matrix of such rows
                stretch = slice(int(low.min()), int(low.max()) + whole)
                own = dense(number)
                into.times[rows, columns] = _piece(self.times[stretch].reshape(-1, whole), own, chosen) - into.since_ms
                into.values[rows, columns] = _piece(self.values[stretch].reshape(-1, whole), own, chosen)
            else:
                places = low[:, None] + np.arange(chosen.start, chosen.stop)
                into.times[rows, columns] = self.times.take(places, mode="clip") - into.since_ms
                into.values[rows, columns] = self.values.take(places, mode="clip")

    def _any_after(self, column: int, instant_ms: int) -> bool:
        """True when a series goes on later than `instant_ms` at a column, or, where it is shorter, at its end."""
        last = self.low + np.minimum(self.counts - 1, column)
        later = self.times.take(last, mode="clip") > instant_ms
        return bool((later & (self.counts > 0)).any())

    def _all_after(self, column: int, instant_ms: int) -> bool:
        low = self.low[self.counts > column]
        return bool((self.times[low + column] > instant_ms).all())
