"""The newest samples of many selectors at one instant, read as one column: what a thousand rules ask in the same moment.

Which rows belong to which selector is laid out once, and again when series came or went.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gwanje.errors import QueryLimit
from gwanje.keep import promql
from gwanje.keep.promql.evaluate import LOOK_BACK_MS
from gwanje.keep.promql.windows import stale
from gwanje.keep.samples.base import Layout, Swept
from gwanje.keep.samples.local.reading import Lying

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gwanje.keep.samples.local.chosen import Chosen
    from gwanje.keep.samples.local.memory import Memory
    from gwanje.keep.samples.local.runs import Ids

_REMEMBERED = 16
"""Layouts that are remembered: rules come in a few intervals, and each combination of them comes again and again."""


class _Laid(NamedTuple):
    """The series that the selectors take, of an index as it was: how many series it had, and in which revision."""

    stood: tuple[int, int]
    chosen: Sequence[Chosen]
    ids: Ids
    layout: Layout


class Sweeper:
    """Sweeps, from any thread that is `looking`. `choose` gives the series that matchers take."""

    def __init__(self, memory: Memory, choose: Callable[[tuple[promql.Matcher, ...]], Chosen]) -> None:
        self._memory = memory
        self._choose = choose
        self._held: OrderedDict[tuple[str, ...], _Laid] = OrderedDict()
        self._lock = threading.Lock()

    def sweep(self, selectors: tuple[str, ...], at_ms: int) -> Swept:
        """The last sample of each series up to an instant. Raises BadQuery, and QueryLimit where one selector takes too many."""
        laid = self._laid(selectors)
        times, values, unknown = self._memory.newest.until(laid.ids, at_ms)
        offsets = laid.layout.offsets
        for place in np.unique(np.searchsorted(offsets, np.flatnonzero(unknown), side="right") - 1).tolist():
            rows = slice(offsets[place], offsets[place + 1])
            times[rows], values[rows] = Lying(self._memory, laid.chosen[place], at_ms - LOOK_BACK_MS, at_ms).last()
        return Swept(at_ms, laid.layout, times / 1000, values, (times > at_ms - LOOK_BACK_MS) & ~stale(values))

    def _laid(self, selectors: tuple[str, ...]) -> _Laid:
        stands = len(self._memory.index), self._memory.index.revision
        with self._lock:
            held = self._held.get(selectors)
        if held is not None and held.stood == stands:
            return held
        chosen = [self._choose(tuple(promql.matchers(selector))) for selector in selectors]
        self._limit(max((len(one.ids) for one in chosen), default=0))
        ids = np.concatenate([np.empty(0, np.int64), *(one.ids for one in chosen)])
        offsets = np.cumsum([0, *(len(one.ids) for one in chosen)])
        laid = _Laid(stands, chosen, ids, Layout([one.names for one in chosen], offsets))
        with self._lock:
            self._held[selectors] = laid
            self._held.move_to_end(selectors)
            while len(self._held) > _REMEMBERED:
                self._held.popitem(last=False)
        return laid

    def _limit(self, series: int) -> None:
        allowed = self._memory.settings.query_samples
        if series > allowed:
            raise QueryLimit(f"a selector takes {series:,} series, {allowed:,} samples are allowed (setting `query_samples`)")
