"""What may be read without leaving the thread that asks: a few series, all of them in memory, and not too many samples.

To wake another thread takes longer than to read these, and while samples come in it waits behind those that take them. Whatever
else is asked for is not begun.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gwanje.keep.promql import Limits
from gwanje.keep.promql.evaluate import CELL_BYTES
from gwanje.keep.samples.local.reading import Lying

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwanje.keep.promql import Matcher
    from gwanje.keep.promql.selection import Column, Samples, Tile
    from gwanje.keep.samples.local.chosen import Remembered
    from gwanje.keep.samples.local.memory import Memory
    from gwanje.wire.columns import Times, Values

_MOST = 10_000
"""Samples, or series at one instant: less than a millisecond."""


class NotAtHandError(Exception):
    """To be read by a thread that has the time."""


def limits(allowed: Limits) -> Limits:
    """What a query may touch where it is asked for, steps times series among it: no more than any query."""
    return Limits(samples=min(_MOST, allowed.samples), memory=min(_MOST * CELL_BYTES, allowed.memory))


class AtHand(Lying):
    """The promise `Found`; raises NotAtHandError before it begins with what might take long."""

    def tiles(self, ends: int, _column: Column = "last") -> Sequence[Tile]:
        few = self._few()
        if few is None or few.per_series * len(self._ids) > _MOST or not all(one.at_hand for one in few.placed):
            raise NotAtHandError
        return self._tiles_of(few, ends)

    def last(self) -> tuple[Times, Values]:
        if len(self._ids) > _MOST:
            raise NotAtHandError
        return super().last()

    def _sorted(self, span: slice) -> Samples:
        raise NotAtHandError


def find(memory: Memory, chosen: Remembered, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> AtHand:
    """The promise `Fetch`, of selectors that were asked for before."""
    known = chosen.held(tuple(matchers))
    if known is None:
        raise NotAtHandError
    return AtHand(memory, known, start_ms, end_ms)
