"""Deltas → running sums, so that counters that are sent as differences are counters like all others."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gwanje.errors import BadInput
from gwanje.wire.otlp.adding import Totals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gwanje.wire.columns import Labels, Times, Values

MOST_SERIES = 200_000
_MS = 1_000_000
"""Nanoseconds."""

Stored = Callable[["Sequence[Labels]"], "Sequence[tuple[int, float] | None]"]
"""The newest sample that is stored of some series, in milliseconds and its value; None of one without. From a thread that may
wait."""


def nothing_stored(series: Sequence[Labels]) -> Sequence[tuple[int, float] | None]:
    return [None] * len(series)


class _Sum(NamedTuple):
    """Where a series stands: when, how exactly that is known, in nanoseconds, and its sum."""

    at_ns: int
    unit_ns: int
    total: float

    def has(self, at_ns: int) -> bool:
        """Whether a delta of this time is in the sum, or too late for it."""
        return at_ns // self.unit_ns <= self.at_ns // self.unit_ns

    def is_of(self, at_ns: int) -> bool:
        return at_ns // self.unit_ns == self.at_ns // self.unit_ns


class Running:
    """The sum of every series that is sent as deltas. May be used from several threads.

    A gap between two deltas changes nothing: what was not sent was not counted. The sums live in memory. A sum that is not there
    (after a restart, or of a series that was silent longest when there were more than `most`) goes on from what is `stored`; so
    nothing is lost, and a delta that was stored and is sent again counts once. Where nothing is stored that can be had, it
    begins at zero again, which reads as the counter's reset.
    """

    def __init__(self, most: int = MOST_SERIES, stored: Stored = nothing_stored) -> None:
        self._most = most
        self._stored = stored
        self._sums: OrderedDict[bytes, _Sum] = OrderedDict()
        self._lock = threading.Lock()
        self.histograms = Totals()
        """Those of exponential histograms."""

    def go_on(self, keys: Sequence[bytes], labels_of: Callable[[bytes], Labels]) -> None:
        """Continue the sums that are not known from what is stored of their series."""
        new = [key for key in keys if key not in self._sums]
        for key, newest in zip(new, self._newest(new, labels_of), strict=True):
            if newest is not None and math.isfinite(newest[1]):
                with self._lock:
                    self._sums.setdefault(key, _Sum(newest[0] * _MS, _MS, newest[1]))

    def stored(self, keys: Sequence[bytes], labels_of: Callable[[bytes], Labels]) -> dict[bytes, int]:
        """When the newest stored sample of each series is, in milliseconds; of those that have one."""
        newest = zip(keys, self._newest(keys, labels_of), strict=True)
        return {key: one[0] for key, one in newest if one is not None}

    def totals(self, keys: Sequence[bytes], times_ns: Times, deltas: Values) -> tuple[Values, NDArray[np.bool_]]:
        """The sum after each delta, and which of them count.

        A delta of the same time as the last one is that one sent again and gets the same answer; an older one does not count.
        """
        totals, counted = np.array(deltas), np.ones(len(keys), np.bool_)
        with self._lock:
            for i in np.argsort(times_ns, kind="stable").tolist():
                now = self._after(keys[i], int(times_ns[i]), float(deltas[i]))
                totals[i], counted[i] = now.total, now.is_of(int(times_ns[i]))
        return totals, counted

    def _newest(self, keys: Sequence[bytes], labels_of: Callable[[bytes], Labels]) -> list[tuple[int, float] | None]:
        """What is stored of each; nothing of one whose labels cannot be kept."""
        named: list[tuple[int, Labels]] = []
        for place, key in enumerate(keys):
            try:
                named.append((place, labels_of(key)))
            except BadInput:
                continue
        found: list[tuple[int, float] | None] = [None] * len(keys)
        for (place, _), newest in zip(named, self._stored([labels for _, labels in named]) if named else (), strict=True):
            found[place] = newest
        return found

    def _after(self, key: bytes, at_ns: int, delta: float) -> _Sum:
        known = self._sums.get(key)
        if known is not None and known.has(at_ns):
            return known
        now = _Sum(at_ns, 1, delta + (known.total if known else 0.0))
        self._sums[key] = now
        self._sums.move_to_end(key)
        if len(self._sums) > self._most:
            self._sums.popitem(last=False)
        return now
