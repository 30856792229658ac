"""What may be read without leaving the thread that asks: few series, all of them in memory, and not too many samples.

Another thread would take longer: to be woken, to find nothing of it in the processor's cache, and to wait behind those that take
samples in. Nor would it keep anybody from waiting: in short operations on arrays it does not let go of the interpreter's lock.
Whatever else is asked for is not begun.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gwanje.keep.promql import Limits
from gwanje.keep.promql.evaluate import CELL_BYTES
from gwanje.keep.samples.local.reading import Lying

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gwanje.keep.promql import Matcher
    from gwanje.keep.promql.selection import Column, Samples, Tile
    from gwanje.keep.samples.local.chosen import Chosen, Remembered
    from gwanje.keep.samples.local.memory import Memory
    from gwanje.keep.samples.local.reading import Placed
    from gwanje.keep.samples.local.runs import Ids, Source

_MOST = 25_000
"""Samples, and series times steps: as many as the answer is written of without leaving the loop; two milliseconds or three."""
_SERIES = 1_000
"""What is done once for each series in Python, such as grouping them, takes a millisecond for these."""
_SOURCES = 8
"""Each takes some steps, however little lies in it."""


class NotAtHandError(Exception):
    """To be read by a thread that has the time."""


def limits(allowed: Limits) -> Limits:
    """What a query may touch where it is asked for, steps times series among it: no more than any query.

    Samples are counted beforehand, too; those that are read have some beside them.
    """
    return Limits(samples=min(2 * _MOST, allowed.samples), memory=min(_MOST * CELL_BYTES, allowed.memory))


class AtHand(Lying):
    """The promise `Found`; raises NotAtHandError before it begins with what might take long."""

    def tiles(self, ends: int, column: Column = "last") -> Iterable[Tile]:
        few = self._few()
        placed = self._ready(column) if few is None else few.placed
        samples = self._together(placed) * len(self._ids)
        if samples > _MOST or not all(one.at_hand(self._start_ms) for one in placed):
            raise NotAtHandError
        return self._beside(placed, ends) if few is None else self._tiles_of(few, ends)

    def _ready(self, column: Column) -> Sequence[Placed]:
        """Where the series lie, if that is in a few sources and everything is sorted."""
        view = self._memory.view
        sources = view.sources(self._start_ms, self._end_ms, column)
        placed = self._placed(sources) if len(sources) <= _SOURCES else None
        if not placed or view.staged_in(self._start_ms, self._end_ms):
            raise NotAtHandError
        return placed

    def _sorted(self, span: slice) -> Samples:
        raise NotAtHandError

    def _assembled(self, ids: Ids, sources: Sequence[Source], column: Column) -> Samples:
        raise NotAtHandError


def few(chosen: Remembered, matchers: Sequence[Matcher]) -> Chosen | None:
    """The series of a selector that was asked for before; None where they are not known, or many: then nothing need be begun."""
    known = chosen.held(tuple(matchers))
    return known if known is not None and len(known.ids) <= _SERIES else None


def find(memory: Memory, chosen: Remembered, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> AtHand:
    """The promise `Fetch`, of selectors that `few` knows."""
    known = few(chosen, matchers)
    if known is None:
        raise NotAtHandError
    return AtHand(memory, known, start_ms, end_ms)
