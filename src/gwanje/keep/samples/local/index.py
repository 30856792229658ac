"""Which series there are: labels ↔ the store's small numbers, and for every label value the series that carry it."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from collections import Counter, deque
from contextlib import contextmanager
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from gwanje.keep.promql import Matcher
    from gwanje.keep.samples.local.runs import Ids
    from gwanje.wire.columns import Labels

_SPELLINGS = 4
"""How many keys a series may have on average before new spellings of it are parsed each time instead of remembered."""


class Index:
    """One thread adds and forgets, any thread looks.

    A number means one series as long as somebody may know it: that of a series that was forgotten is given away again only
    when everybody has ended who was `looking` before.
    """

    def __init__(self) -> None:
        self._labels: list[Labels] = []
        self._by_labels: dict[Labels, int] = {}
        self._by_key: dict[str, dict[bytes, int]] = {}
        self._postings: dict[str, dict[str, array[int]]] = {}
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        self._keys = 0
        self.revision = 0
        """Counts how often numbers were taken back or given away again: what is known of an older one may not hold."""
        self._lock = threading.Lock()
        self._added: list[int] = []
        self._numbers = _Numbers()
        self._leaving: set[int] = set()
        self._unswept: list[tuple[dict[bytes, int], bytes]] = []

    def __len__(self) -> int:
        """How many numbers were ever given: every number is less."""
        return len(self._labels)

    @property
    def count(self) -> int:
        """How many series there are."""
        return len(self._by_labels)

    def looking(self) -> AbstractContextManager[None]:
        """What a reader holds from before it takes the view until it has read the labels."""
        return self._numbers.looking()

    def known(self, protocol: str, keys: Sequence[bytes]) -> list[int | None]:
        """The number of each key, None where this spelling was not seen yet."""
        return list(map(self._by_key.setdefault(protocol, {}).get, keys))

    def number(self, labels: Labels) -> int | None:
        found = self._by_labels.get(labels)
        if found is not None:
            self._leaving.discard(found)
        return found

    def numbers(self, series: Sequence[Labels]) -> list[int | None]:
        """The number of each series, None where there is none; a series that is leaving goes on leaving."""
        return list(map(self._by_labels.get, series))

    def begin_batch(self) -> None:
        """What is added from here on can be taken back by `forget_batch`."""
        self._added.clear()

    def add(self, labels: Labels) -> int:
        """Give a number to a series that has none."""
        # Pairs are shared: most of a series' labels stand on many others too.
        labels = tuple(map(self._pairs.setdefault, labels, labels))
        free = self._numbers.free()
        with self._lock:
            if free is None:
                number = len(self._labels)
                self._labels.append(labels)
            else:
                number = free
                self._labels[number] = labels
            self._by_labels[labels] = number
            for name, value in labels:
                of_name = self._postings.setdefault(name, {})
                posting = of_name.get(value)
                if posting is None:
                    of_name[value] = array("q", (number,))
                elif free is None:
                    posting.append(number)
                else:
                    posting.insert(bisect_left(posting, number), number)
            self.revision += free is not None
        self._added.append(number)
        return number

    def remember(self, protocol: str, key: bytes, number: int) -> None:
        """Know the key from now on."""
        self._leaving.discard(number)
        if self._keys < _SPELLINGS * len(self._labels) + 1000:
            self._by_key.setdefault(protocol, {})[key] = number
            self._keys += 1

    def forget_batch(self) -> None:
        """Take back the series of this batch. No key of theirs may have been remembered yet."""
        self._forget(np.array(self._added, np.int64))
        self._added.clear()

    def begin_to_forget(self, ids: Ids) -> None:
        """Let series go, in small steps: their keys are swept first, and `sweep` tells when that is done."""
        self._leaving = set(ids.tolist())
        self._unswept = [(keys, key) for keys in self._by_key.values() for key in list(keys)]

    def sweep(self, most: int) -> bool:
        """Sweep some keys; False when all are swept."""
        for keys, key in self._unswept[-most:]:
            if keys.get(key) in self._leaving:
                del keys[key]
                self._keys -= 1
        del self._unswept[-most:]
        return bool(self._unswept)

    def swept(self) -> Ids:
        """The series whose keys are swept, and that nobody has named since."""
        return np.array(sorted(self._leaving), np.int64)

    def forget(self, ids: Ids) -> None:
        """Let swept series go for good."""
        self._leaving.difference_update(ids.tolist())
        self._forget(ids)

    def living(self) -> NDArray[np.bool_]:
        """Which of the numbers name a series."""
        numbers = np.fromiter(self._by_labels.copy().values(), np.int64)  # before the length: series are added meanwhile
        living = np.zeros(len(self._labels), np.bool_)
        living[numbers] = True
        return living

    def labels(self, ids: Ids) -> list[Labels]:
        return [self._labels[number] for number in ids.tolist()]

    def _forget(self, ids: Ids) -> None:
        gone = np.zeros(len(self._labels), np.bool_)
        gone[ids] = True
        with self._lock:
            pairs = {pair for labels in self.labels(ids) for pair in labels}
            for labels in self.labels(ids):
                del self._by_labels[labels]
            for pair in pairs:
                self._forget_of(pair, gone)
            self.revision += 1  # at the end: who looked in between remembers by the old one
        self._numbers.leave(ids)

    def _forget_of(self, pair: tuple[str, str], gone: NDArray[np.bool_]) -> None:
        name, value = pair
        posting = np.array(self._postings[name][value], np.int64)
        left = posting[~gone[posting]]
        if len(left):
            self._postings[name][value] = array("q", left.tobytes())
            return
        del self._postings[name][value], self._pairs[pair]
        if not self._postings[name]:
            del self._postings[name]

    def select(self, matchers: Sequence[Matcher]) -> Ids:
        """The series that all matchers take, ascending. Raises BadQuery for a bad regular expression."""
        narrowing = [matcher for matcher in matchers if not matcher.takes_empty]
        excluding = [matcher for matcher in matchers if matcher.takes_empty]
        with self._lock:
            found = [self._carriers(matcher, taken=True) for matcher in narrowing]
            ids = reduce(_both, sorted(found, key=len)) if found else np.sort(np.fromiter(self._by_labels.values(), np.int64))
            for matcher in excluding:
                ids = np.setdiff1d(ids, self._carriers(matcher, taken=False), assume_unique=True)
        return ids

    def _carriers(self, matcher: Matcher, *, taken: bool) -> Ids:
        """The series with a value of the matcher's label that it takes (or does not)."""
        postings = self._postings.get(matcher.name, {})
        if matcher.op in ("=", "!="):
            wanted = matcher.op == "=" if taken else matcher.op == "!="
            if wanted:
                return np.array(postings.get(matcher.value, ()), np.int64)
        values = list(postings)
        chosen = np.flatnonzero(matcher.select(values) == taken).tolist() if values else []
        lists = [np.array(postings[values[i]], np.int64) for i in chosen]
        return np.sort(np.concatenate(lists)) if lists else np.empty(0, np.int64)


class _Numbers:
    """Numbers of series that were forgotten, and who may still mean the old ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self._looking: Counter[int] = Counter()
        self._left: deque[tuple[int, list[int]]] = deque()
        self._free: list[int] = []

    @contextmanager
    def looking(self) -> Iterator[None]:
        with self._lock:
            since = self._now
            self._looking[since] += 1
        try:
            yield
        finally:
            with self._lock:
                if self._looking[since] == 1:
                    del self._looking[since]
                else:
                    self._looking[since] -= 1

    def leave(self, ids: Ids) -> None:
        with self._lock:
            self._now += 1
            self._left.append((self._now, ids.tolist()))

    def free(self) -> int | None:
        """A number that nobody means any more; None when there is none."""
        if not self._free and self._left:
            with self._lock:
                oldest = min(self._looking, default=self._now)
                while self._left and self._left[0][0] <= oldest:
                    self._free += self._left.popleft()[1]
        return self._free.pop() if self._free else None


def _both(one: Ids, other: Ids) -> Ids:
    return np.intersect1d(one, other, assume_unique=True)
