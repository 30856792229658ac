"""Series in packed row groups, as blocks keep them, as a part of a tile. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gwanje.keep.samples.local.parts import Between, Reach, among, even, levelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from gwanje.keep.promql.selection import Moments
    from gwanje.keep.samples.local.packed import Packed, Where
    from gwanje.keep.samples.local.parts import Alike, Matrix, Rows
    from gwanje.keep.samples.local.runs import Offsets
    from gwanje.wire.columns import Times


_WIDE = 128
"""From so many columns on, each group's are worked on as they are copied, while they are in the processor's cache."""
_NO_STEP = 1 << 40
"""Milliseconds between the samples of a series that has none."""


class Share(NamedTuple):
    """Some rows of a packed row group, and the rows of the tile that they become."""

    group: Packed
    own: Rows
    tile: Rows
    ahead: int
    """How many columns the part has before the group's first."""


@dataclass(frozen=True, slots=True, eq=False)
class OfGroups:
    """Series in packed row groups. Rows that end at the last column of their groups do so here, however wide the groups are."""

    shares: Sequence[Share]
    held: Between
    starts: Times
    """When the sample at column 0 would be."""
    steps: NDArray[np.int64]
    zero: Offsets
    """Where in its group the sample at column 0 would lie."""
    furthest: NDArray[np.int64]
    """How far a sample may be off its line."""

    @classmethod
    def of(cls, groups: Sequence[tuple[Packed, Rows, Rows]], series: int) -> OfGroups:
        """Of each group which of its rows become which of the tile's; a series that stands in none has no samples."""
        widest = max((group.width or int(group.counts[own].max()) for group, own, _ in groups if group.at_end), default=0)
        shares = [Share(group, own, tile, (widest - group.width) * group.at_end) for group, own, tile in groups]
        lines, at_end = np.zeros((5, series), np.int64), np.zeros(series, np.bool_)
        counts, begins, starts, steps, furthest = lines
        steps[:] = _NO_STEP
        for group, own, tile, _ in shares:
            lines[:, tile], at_end[tile] = group.lines[:, own], group.at_end
        low = (widest - counts) * at_end
        return cls(shares, Between(low, low + counts), starts - steps * low, steps, begins - low, furthest)

    @property
    def marked(self) -> bool:
        return any(not share.group.divisor for share in self.shares)

    def between(self, after_ms: int, until_ms: int) -> Between:
        """From the lines along which the samples lie, and how far off they are at most."""
        first = (after_ms - self.furthest - self.starts) // self.steps + 1
        past = (until_ms + self.furthest - self.starts) // self.steps + 1
        return levelled(first, past, self.held.past)

    def reach(self, first: Offsets, past: Offsets) -> Reach:
        begin, end = (self.starts + self.steps * column for column in (first, past - 1))
        return Reach(begin - self.furthest, end + self.furthest)

    def passed(self, ends: Times, first: Offsets, past: Offsets) -> NDArray[np.int64] | None:
        """Told by the lines, as long as no two samples may lie beside one end; one that does is looked at."""
        if (2 * self.furthest >= self.steps).any():
            return None
        surely, ahead = self._before(ends)
        surely -= first[:, None] - 1
        held = (past - first)[:, None]
        found: NDArray[np.int64] = np.minimum(np.maximum(surely, 0, out=surely), held, out=surely)
        beside = np.flatnonzero(ahead >= (self.steps - 2 * self.furthest)[:, None])
        rows, column = np.divmod(beside, ahead.shape[1])
        if ahead.shape[1] < len(ends):  # beside one end, beside each of them
            rows, column = np.repeat(rows, len(ends)), np.tile(np.arange(len(ends)), len(rows))
        there = found[rows, column] < held[rows, 0]
        rows, column = rows[there], column[there]
        found[rows, column] += self._times(rows, first[rows] + found[rows, column]) <= ends[column]
        return found

    def _before(self, ends: Times) -> tuple[NDArray[np.int64], Times]:
        """Which column surely is not after each end, and how long before it, which is said once where all ends have it alike."""
        step = int(self.steps[0])
        if len(ends) and even(self.steps) and not ((ends - ends[0]) % step).any():
            first, ahead = np.divmod(ends[0] - self.furthest - self.starts, step)
            return first[:, None] + (ends - ends[0]) // step, ahead[:, None]
        ahead = ends - (self.starts + self.furthest)[:, None]
        steps = self.steps[:, None]
        found = np.floor(ahead / steps).astype(np.int64)
        ahead -= found * steps
        return found, ahead

    def lay(self, into: Matrix, sorts: Sequence[Alike]) -> None:
        lines = None if into.times is None else _Lines.of(self.starts - into.since_ms, self.steps, into.times)
        for rows, chosen, columns in sorts:
            wide = chosen.stop - chosen.start > _WIDE
            for share in self._of(rows):
                begin, end = chosen.start, chosen.stop
                if share.group.width:
                    begin, end = max(begin, share.ahead), min(end, share.ahead + share.group.width)
                if begin < end:
                    beside = columns.start - chosen.start
                    reached, filled = slice(begin, end), slice(begin + beside, end + beside)
                    self._copy(share, reached, filled, into)
                    if wide and lines is not None:
                        lines.bring(share.tile, filled, reached)
            if not wide and lines is not None:
                lines.bring(rows, columns, chosen)

    def _times(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Times:
        """When single samples were; the rows ascend."""
        apart = np.empty(len(rows), np.int64)
        places = self.zero[rows] + columns
        for share in self.shares:
            own = (
                slice(*rows.searchsorted((share.tile.start, share.tile.stop)))
                if isinstance(share.tile, slice)
                else np.flatnonzero(np.isin(rows, share.tile))
            )
            apart[own] = share.group.apart.take(places[own])
        times: Times = self.starts[rows] + self.steps[rows] * columns + apart
        return times

    def _copy(self, share: Share, chosen: slice, columns: slice, into: Matrix) -> None:
        if share.group.width:
            where: Where = (share.own, slice(chosen.start - share.ahead, chosen.stop - share.ahead))
        else:
            where = self.zero[share.tile][:, None] + np.arange(chosen.start, chosen.stop)
        if into.times is not None:
            into.times[share.tile, columns] = share.group.apart_at(where)
        if into.values is None:
            return
        if isinstance(share.tile, slice):
            share.group.fill(into.values[share.tile, columns], where)
        else:
            values = np.empty((len(share.tile), chosen.stop - chosen.start))
            share.group.fill(values, where)
            into.values[share.tile, columns] = values

    def _of(self, rows: Rows) -> Iterable[Share]:
        """The pieces that become these rows."""
        if isinstance(rows, slice) and rows == slice(0, len(self.starts)):
            return self.shares
        wanted = np.zeros(len(self.starts), np.bool_)
        wanted[rows] = True
        chosen = ((share, np.flatnonzero(wanted[share.tile])) for share in self.shares)
        return (share._replace(own=among(share.own, some), tile=among(share.tile, some)) for share, some in chosen if len(some))


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """The lines of a tile's series, in numbers of the kind of its times."""

    times: Moments
    starts: NDArray[Any]
    steps: NDArray[Any]
    """A column; of one row where all are alike."""

    @classmethod
    def of(cls, starts: Times, steps: NDArray[np.int64], times: Moments) -> _Lines:
        alike = steps[:1] if even(steps) else steps
        return cls(times, starts.astype(times.dtype)[:, None], alike.astype(times.dtype)[:, None])

    def bring(self, rows: Rows, columns: slice, chosen: slice) -> None:
        """Bring times from how far they are off the lines of their series to where the samples are."""
        steps = self.steps if len(self.steps) == 1 else self.steps[rows]
        ahead = steps * np.arange(chosen.start, chosen.stop, dtype=steps.dtype)
        if isinstance(rows, slice):
            own = self.times[rows, columns]
            own += ahead
            own += self.starts[rows]
        else:
            self.times[rows, columns] += ahead + self.starts[rows]
