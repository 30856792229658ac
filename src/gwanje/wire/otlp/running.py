"""Deltas → running sums, so that counters that are sent as differences are counters like all others."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gwanje.wire.columns import Times, Values

MOST_SERIES = 200_000


class Running:
    """The sum of every series that is sent as deltas. May be used from several threads.

    A gap between two deltas changes nothing: what was not sent was not counted. The sums live in memory: after a restart, and
    for the series that was silent longest when there are more than `most`, a sum begins at zero again, which reads as the
    counter's reset. So a rate is right but for what such a reset hides, and a sum that may fall begins at zero again, too.
    """

    def __init__(self, most: int = MOST_SERIES) -> None:
        self._most = most
        self._sums: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def totals(self, keys: Sequence[bytes], times_ns: Times, deltas: Values) -> tuple[Values, NDArray[np.bool_]]:
        """The sum after each delta, and which of them count.

        A delta of the same time as the last one is that one sent again and gets the same answer; an older one does not count.
        """
        totals, counted = np.array(deltas), np.ones(len(keys), np.bool_)
        with self._lock:
            for i in np.argsort(times_ns, kind="stable").tolist():
                at_ns, total = self._after(keys[i], int(times_ns[i]), float(deltas[i]))
                totals[i], counted[i] = total, at_ns <= int(times_ns[i])
        return totals, counted

    def _after(self, key: bytes, at_ns: int, delta: float) -> tuple[int, float]:
        known = self._sums.get(key)
        if known is not None and at_ns <= known[0]:
            return known
        now = at_ns, delta + (known[1] if known else 0.0)
        self._sums[key] = now
        self._sums.move_to_end(key)
        if len(self._sums) > self._most:
            self._sums.popitem(last=False)
        return now
