"""Series in whole columns, as the head keeps them, as a part of a tile. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from gwanje.keep.promql.edges import edges
from gwanje.keep.promql.selection import Samples
from gwanje.keep.samples.local.parts import NEAR, Between, Reach, among, dense, even, levelled
from gwanje.keep.samples.local.runs import first_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from gwanje.keep.samples.local.parts import Alike, Matrix, Rows
    from gwanje.keep.samples.local.runs import Offsets
    from gwanje.wire.columns import Times, Values


_PIECES = 16
"""Rows in more pieces are sooner picked sample by sample."""


def _piece(column: NDArray[Any], shape: tuple[slice, int], rows: Rows, columns: slice) -> NDArray[Any]:
    """Some columns of some rows of a stretch with rows of one length. Whole rows are copied faster than parts of them."""
    stretch, whole = shape
    matrix = column[stretch].reshape(-1, whole)
    if isinstance(rows, slice) or 2 * (columns.stop - columns.start) < whole:
        return matrix[rows, columns]
    return matrix.take(rows, axis=0)[:, columns]


def _picked(column: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
    return column.take(places, mode="clip")


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

    def reach(self, first: Offsets, past: Offsets) -> Reach:
        return Reach(*(self.times.take(self.low + column, mode="clip") for column in (first, past - 1)))

    def passed(self, ends: Times, first: Offsets, past: Offsets) -> NDArray[np.int64]:
        begins = self.low + first
        own = Samples(np.append(begins, 0), self.times, self.values, self.low + past)
        return edges(own, ends).place - begins[:, None]

    def lay(self, into: Matrix, sorts: Sequence[Alike]) -> None:
        for rows, chosen, columns in sorts:
            there = self.counts[rows] > 0
            if not there.all():
                if not there.any():
                    continue
                rows = among(rows, np.flatnonzero(there))  # noqa: PLW2901 -- those that are here
            for piece, read in self._pieces(rows, chosen):
                if into.times is not None:
                    into.times[piece, columns] = read(self.times) - into.since_ms
                if into.values is not None:
                    into.values[piece, columns] = read(self.values)

    def _pieces(self, rows: Rows, chosen: slice) -> Iterable[tuple[Rows, Callable[[NDArray[Any]], NDArray[Any]]]]:
        """The rows, and what reads some of their columns. In pieces, where others of another length lie between them."""
        low, whole = self.low[rows], int(self.counts[rows][0])
        number, rest = np.divmod(low - int(low.min()), whole)
        borders = [0, *(np.flatnonzero(np.diff(rest)) + 1).tolist(), len(low)]
        if len(borders) > _PIECES or not even(self.counts[rows]):
            yield rows, partial(_picked, places=low[:, None] + np.arange(chosen.start, chosen.stop))
            return
        for begin, end in pairwise(borders):  # the columns are a matrix of such rows
            first = int(low[begin:end].min())
            stretch = slice(first, int(low[begin:end].max()) + whole)
            own = dense(number[begin:end] - int(number[begin:end].min()))
            yield among(rows, slice(begin, end)), partial(_piece, shape=(stretch, whole), rows=own, columns=chosen)

    def _any_after(self, column: int, instant_ms: int) -> bool:
        """True when a series goes on later than `instant_ms` at a column, or, where it is shorter, at its end."""
        last = self.low + np.minimum(self.counts - 1, column)
        later = self.times.take(last, mode="clip") > instant_ms
        return bool((later & (self.counts > 0)).any())

    def _all_after(self, column: int, instant_ms: int) -> bool:
        low = self.low[self.counts > column]
        return bool((self.times[low + column] > instant_ms).all())
