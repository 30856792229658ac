"""Which series a selector takes: dashboards and rules ask for the same ones again and again, so it is remembered."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gwanje.keep.promql.names import Names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwanje.keep.promql import Matcher
    from gwanje.keep.samples.local.index import Index
    from gwanje.keep.samples.local.runs import Ids

_REMEMBERED_SELECTORS = 8192  # those of thousands of rules, which all come again each second
_REMEMBERED_SERIES = 1_000_000
_FEW = 1000


class Chosen(NamedTuple):
    """The series that a selector takes, of the first `known` numbers of the index as it was in `revision`.

    In order of their labels: so they lie in blocks, and so answers are given.
    """

    ids: Ids
    names: Names
    known: int
    revision: int


class Remembered:
    """Which series each selector took last. Of an index that has grown since, only the new series are looked at."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._held: OrderedDict[tuple[Matcher, ...], Chosen] = OrderedDict()
        self._series = 0
        self._lock = threading.Lock()

    def held(self, matchers: tuple[Matcher, ...]) -> Chosen | None:
        """The series that all matchers take, where no series came or went since they were looked for."""
        with self._lock:
            held = self._held.get(matchers)
        stands = len(self._index), self._index.revision
        return held if held is not None and (held.known, held.revision) == stands else None

    def by(self, matchers: tuple[Matcher, ...]) -> Chosen:
        """The series that all matchers take."""
        with self._lock:
            held = self._held.get(matchers)
        known, revision = len(self._index), self._index.revision
        if held is not None and (held.known, held.revision) == (known, revision):
            return held
        if held is not None and held.revision == revision and known - held.known <= _FEW:
            chosen = self._grown(held, matchers, known)
        else:
            ids = self._index.select(matchers)
            chosen = self._sorted(ids[ids < known], known, revision)  # what was added since the count comes with the next look
        self._keep(matchers, chosen)
        return chosen

    def _grown(self, held: Chosen, matchers: Sequence[Matcher], known: int) -> Chosen:
        numbers = np.arange(held.known, known, dtype=np.int64)
        labels = [dict(own) for own in self._index.labels(numbers)]
        taken = np.ones(len(numbers), np.bool_)
        for matcher in matchers:
            taken &= matcher.select([own.get(matcher.name, "") for own in labels])
        if not taken.any():
            return held._replace(known=known)
        return self._sorted(np.concatenate((held.ids, numbers[taken])), known, held.revision)

    def _sorted(self, ids: Ids, known: int, revision: int) -> Chosen:
        pairs = sorted(zip(self._index.labels(ids), ids.tolist(), strict=True))
        return Chosen(np.array([number for _, number in pairs], np.int64), Names([own for own, _ in pairs]), known, revision)

    def _keep(self, matchers: tuple[Matcher, ...], chosen: Chosen) -> None:
        with self._lock:
            before = self._held.pop(matchers, None)
            self._held[matchers] = chosen
            self._series += len(chosen.ids) - (len(before.ids) if before is not None else 0)
            while len(self._held) > 1 and (len(self._held) > _REMEMBERED_SELECTORS or self._series > _REMEMBERED_SERIES):
                self._series -= len(self._held.popitem(last=False)[1].ids)
