"""What an evaluation asks of a store, and what it gets: matchers out, columns of samples back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.regex import full_match
from gwanje.wire.columns import Labels, Times, Values


@dataclass(frozen=True, slots=True)
class Matcher:
    """`name op value`; a label that a series does not have counts as empty."""

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str

    def select(self, values: Sequence[str]) -> NDArray[np.bool_]:
        """Which of these values of the label match. Raises BadQuery for a regular expression that RE2 does not take."""
        if self.op in ("=", "!="):
            found = np.fromiter((value == self.value for value in values), np.bool_, len(values))
        else:
            found = full_match(self.value, values)
        return ~found if self.op.startswith("!") else found

    @property
    def takes_empty(self) -> bool:
        """True when series without the label match too."""
        return bool(self.select([""])[0])


@dataclass(frozen=True, slots=True)
class Selected:
    """The samples of several series. Series `i` owns `times[offsets[i]:offsets[i+1]]`: ascending, no time twice."""

    labels: Sequence[Labels]
    offsets: NDArray[np.int64]
    times: Times
    values: Values


class Fetch(Protocol):
    """Reads the samples of the series that all matchers take, `start_ms < time <= end_ms`.

    Called once per selector of a query, from the thread that evaluates. Stale markers are included, their bits kept.
    Series without a sample in the range may be left out. No two series have the same labels.
    """

    def __call__(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, /) -> Selected: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may touch; past it the query ends with QueryLimit."""

    steps: int = 11_000
    """Steps of a range query."""
    samples: int = 50_000_000
    """Samples read by all selectors of the query together."""
    cells: int = 20_000_000
    """Series times steps of any result on the way."""
    query_length: int = 20_000
    """Characters of the query's text."""
