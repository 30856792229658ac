"""What came in another protocol, as remote write: the log knows one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from gwanje.wire.remote_write.encode import compressed, key_of
from gwanje.wire.remote_write.pattern import Pattern

if TYPE_CHECKING:
    from gwanje.keep.samples.local.index import Index
    from gwanje.keep.samples.local.runs import Ids, Rows

_PATTERNS: Final = 16
_PATTERN_SERIES: Final = 100_000
"""Of all patterns together; one takes about 300 bytes a series."""


@dataclass(frozen=True, slots=True)
class _Known:
    revision: int
    series: Ids
    pattern: Pattern


class Rewriter:
    """Keeps the patterns of the batches that came last: a sender writes the same series again and again. For one thread."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._known: list[_Known] = []

    def body(self, rows: Rows) -> bytes:
        """A remote write body of these rows."""
        return compressed(self._pattern(rows.series).message(rows.times, rows.values))

    def _pattern(self, series: Ids) -> Pattern:
        # A number means another series once numbers were taken back.
        self._known = [one for one in self._known if one.revision == self._index.revision]
        for place, one in enumerate(self._known):
            if np.array_equal(one.series, series):
                self._known.insert(0, self._known.pop(place))
                return one.pattern
        pattern = Pattern([key_of(labels, framed=True) for labels in self._index.labels(series)])
        self._known.insert(0, _Known(self._index.revision, series.copy(), pattern))
        while self._known and (len(self._known) > _PATTERNS or sum(len(one.series) for one in self._known) > _PATTERN_SERIES):
            self._known.pop()
        return pattern
