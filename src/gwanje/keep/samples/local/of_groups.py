"""Series in packed row groups, as blocks keep them, as a part of a tile. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gwanje.keep.samples.local.parts import Between, among, even, levelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from gwanje.keep.samples.local.packed import Packed
    from gwanje.keep.samples.local.parts import Alike, Matrix, Rows
    from gwanje.wire.columns import Times


_WIDE = 128
"""From so many columns on, each group's are worked on as they are copied, while they are in the processor's cache."""


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

    @classmethod
    def of(cls, groups: Sequence[tuple[Packed, Rows, Rows]], series: int) -> OfGroups:
        """Of each group which of its rows become which of the tile's; a series that stands in none has no samples."""
        widest = max((group.width or int(group.counts[own].max()) for group, own, _ in groups if group.at_end), default=0)
        shares = [Share(group, own, tile, (widest - group.width) * group.at_end) for group, own, tile in groups]
        low, high, starts = (np.zeros(series, np.int64) for _ in range(3))
        steps = np.ones(series, np.int64)
        for group, own, tile, _ in shares:
            counts, steps[tile] = group.counts[own], group.steps[own]
            low[tile] = (widest - counts) * group.at_end
            high[tile], starts[tile] = low[tile] + counts, group.starts[own] - steps[tile] * low[tile]
        return cls(shares, Between(low, high), starts, steps)

    @property
    def marked(self) -> bool:
        return any(not share.group.divisor for share in self.shares)

    def between(self, after_ms: int, until_ms: int) -> Between:
        """From the lines along which the samples lie, and how far off they are at most."""
        furthest = max((share.group.furthest for share in self.shares), default=0)
        first = (after_ms - furthest - self.starts) // self.steps + 1
        past = (until_ms + furthest - self.starts) // self.steps + 1
        return levelled(first, past, self.held.past)

    def lay(self, into: Matrix, sorts: Sequence[Alike]) -> None:
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
                    if wide:
                        self._move(into.times, share.tile, filled, reached, into.since_ms)
            if not wide:
                self._move(into.times, rows, columns, chosen, into.since_ms)

    def _copy(self, share: Share, chosen: slice, columns: slice, into: Matrix) -> None:
        if isinstance(share.tile, slice):
            into.times[share.tile, columns] = self._cut(share, chosen, into.values[share.tile, columns])
        else:
            values = np.empty((len(share.tile), chosen.stop - chosen.start))
            into.times[share.tile, columns] = self._cut(share, chosen, values)
            into.values[share.tile, columns] = values

    def _cut(self, share: Share, chosen: slice, values: NDArray[np.float64]) -> NDArray[Any]:
        """Fill a matrix with values, and give how far their times are apart from the lines."""
        if share.group.width:
            return share.group.cut(share.own, slice(chosen.start - share.ahead, chosen.stop - share.ahead), values)
        begins = share.group.begins[share.own] - self.held.first[share.tile]
        return share.group.picked(begins[:, None] + np.arange(chosen.start, chosen.stop), values)

    def _move(self, times: NDArray[Any], rows: Rows, columns: slice, chosen: slice, since_ms: int) -> None:
        """From the lines of the series to where the samples are."""
        kind = times.dtype
        places: NDArray[Any] = np.arange(chosen.start, chosen.stop, dtype=kind)
        steps: NDArray[Any] = self.steps[rows].astype(kind)
        starts: NDArray[Any] = (self.starts[rows] - since_ms).astype(kind)
        ahead = steps[0] * places if even(steps) else steps[:, None] * places
        if isinstance(rows, slice):
            own = times[rows, columns]
            own += ahead
            own += starts[:, None]
        else:
            times[rows, columns] += ahead + starts[:, None]

    def _of(self, rows: Rows) -> Iterable[Share]:
        """The pieces that become these rows."""
        if isinstance(rows, slice) and rows == slice(0, len(self.starts)):
            return self.shares
        wanted = np.zeros(len(self.starts), np.bool_)
        wanted[rows] = True
        chosen = ((share, np.flatnonzero(wanted[share.tile])) for share in self.shares)
        return (share._replace(own=among(share.own, some), tile=among(share.tile, some)) for share, some in chosen if len(some))
