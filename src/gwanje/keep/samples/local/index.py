"""Which series there are: labels ↔ the store's small numbers, and for every label value the series that carry it."""

from __future__ import annotations

import threading
from array import array
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwanje.keep.promql import Matcher
    from gwanje.keep.samples.local.runs import Ids
    from gwanje.wire.columns import Labels

_SPELLINGS = 4
"""How many keys a series may have on average before new spellings of it are parsed each time instead of remembered."""


class Index:
    """Numbers are given from 0 and never change. One thread adds, any thread looks."""

    def __init__(self) -> None:
        self._labels: list[Labels] = []
        self._by_labels: dict[Labels, int] = {}
        self._by_key: dict[str, dict[bytes, int]] = {}
        self._postings: dict[str, dict[str, array[int]]] = {}
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        self._keys = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._labels)

    def known(self, protocol: str, keys: Sequence[bytes]) -> list[int | None]:
        """The number of each key, None where this spelling was not seen yet."""
        return list(map(self._by_key.setdefault(protocol, {}).get, keys))

    def number(self, labels: Labels) -> int | None:
        return self._by_labels.get(labels)

    def add(self, labels: Labels) -> int:
        """Give a number to a series that has none."""
        number = len(self._labels)
        # Pairs are shared: most of a series' labels stand on many others too.
        labels = tuple(self._pairs.setdefault(pair, pair) for pair in labels)
        with self._lock:
            self._labels.append(labels)
            self._by_labels[labels] = number
            for name, value in labels:
                self._postings.setdefault(name, {}).setdefault(value, array("q")).append(number)
        return number

    def remember(self, protocol: str, key: bytes, number: int) -> None:
        """Know the key from now on."""
        if self._keys < _SPELLINGS * len(self._labels) + 1000:
            self._by_key.setdefault(protocol, {})[key] = number
            self._keys += 1

    def forget_since(self, count: int) -> None:
        """Take back the newest series, down to `count`. No key of theirs may have been remembered yet."""
        with self._lock:
            while len(self._labels) > count:
                labels = self._labels.pop()
                del self._by_labels[labels]
                for name, value in labels:
                    self._postings[name][value].pop()

    def labels(self, ids: Ids) -> list[Labels]:
        return [self._labels[number] for number in ids.tolist()]

    def select(self, matchers: Sequence[Matcher]) -> Ids:
        """The series that all matchers take, ascending. Raises BadQuery for a bad regular expression."""
        narrowing = [matcher for matcher in matchers if not matcher.takes_empty]
        excluding = [matcher for matcher in matchers if matcher.takes_empty]
        with self._lock:
            found = [self._carriers(matcher, taken=True) for matcher in narrowing]
            ids = reduce(_both, sorted(found, key=len)) if found else np.arange(len(self._labels), dtype=np.int64)
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


def _both(one: Ids, other: Ids) -> Ids:
    return np.intersect1d(one, other, assume_unique=True)
