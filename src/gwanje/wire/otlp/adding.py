"""Exponential histograms that are sent as deltas → the histogram of all that was sent so far.

Buckets come and go from one delta to the next, so a bucket's total is more than the sum of what was sent for it: the whole
histogram is kept, in buckets as wide as the widest that came.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gwanje.wire.otlp.exponential import FINEST_SCALE

if TYPE_CHECKING:
    from gwanje.wire.columns import Values

MOST_HISTOGRAMS = 10_000
_MOST_BUCKETS = 640
"""Of one histogram; wider buckets are made where there would be more. At the finest scale as many reach over 96 powers of ten."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of values above zero: bucket `i` is `(base ** (offset + i), base ** (offset + i + 1)]`, base `2 ** 2 ** -scale`."""

    scale: int
    offset: int
    counts: Values
    zeros: float
    count: float
    sum: float

    def coarser(self, scale: int) -> Histogram:
        """The same values in wider buckets; each of those is made of whole finer ones."""
        shift = self.scale - scale
        if shift <= 0 or not len(self.counts):
            return Histogram(min(self.scale, scale), self.offset >> max(shift, 0), self.counts, self.zeros, self.count, self.sum)
        places = (np.arange(len(self.counts), dtype=np.int64) + self.offset) >> shift
        counts = np.bincount(places - places[0], self.counts).astype(np.float64)
        return Histogram(scale, int(places[0]), counts, self.zeros, self.count, self.sum)

    def plus(self, other: Histogram) -> Histogram:
        """Both together, in buckets as wide as the wider ones."""
        scale = min(self.scale, other.scale, FINEST_SCALE)
        one, two = self.coarser(scale), other.coarser(scale)
        while _reach(one, two) > _MOST_BUCKETS:
            scale -= 1
            one, two = one.coarser(scale), two.coarser(scale)
        first = min((each.offset for each in (one, two) if len(each.counts)), default=0)
        counts = np.zeros(_reach(one, two))
        for each in (one, two):
            begin = each.offset - first
            counts[begin : begin + len(each.counts)] += each.counts
        return Histogram(scale, first, counts, one.zeros + two.zeros, one.count + two.count, one.sum + two.sum)


def _reach(one: Histogram, two: Histogram) -> int:
    """How many buckets there are from the lowest to the highest of both."""
    some = [each for each in (one, two) if len(each.counts)]
    if not some:
        return 0
    return max(each.offset + len(each.counts) for each in some) - min(each.offset for each in some)


class Totals:
    """The histograms of all deltas, by key. May be used from several threads.

    They live in memory: after a restart, and for those that were silent longest when there are more than `most`, a histogram
    begins anew with all its buckets, which reads as a counter's reset.
    """

    def __init__(self, most: int = MOST_HISTOGRAMS) -> None:
        self._most = most
        self._held: OrderedDict[bytes, tuple[int, Histogram]] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, key: bytes) -> bool:
        return key in self._held

    def after(self, key: bytes, at_ns: int, delta: Histogram) -> Histogram | None:
        """The histogram after a delta, the same again for the same delta; None for one that came after later ones."""
        with self._lock:
            last = self._held.get(key)
            if last is not None and at_ns <= last[0]:
                return last[1] if at_ns == last[0] else None
            total = delta.plus(last[1]) if last is not None else delta.coarser(FINEST_SCALE)
            self._held[key] = at_ns, total
            self._held.move_to_end(key)
            if len(self._held) > self._most:
                self._held.popitem(last=False)
            return total
