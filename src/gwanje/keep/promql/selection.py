"""What an evaluation asks of a store, and what it gets: matchers out, columns of samples back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gwanje.errors import BadQuery, QueryLimit
from gwanje.keep.promql.names import Names, names_of
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


Column = Literal["last", "min", "max", "sum", "count"]
"""What stands for samples that gave way to rollups."""

NEVER = -(1 << 62)
"""The time of a sample that there is not."""


Moments = NDArray[np.int64] | NDArray[np.int32]
"""Milliseconds: short numbers where all fit, for half the bytes are to be moved."""

TILE_CELLS = 1 << 16
"""Series times window ends worked on at once, so that the arrays of one tile stay in the processor's cache."""


class Unlaid(Protocol):
    """Times that perhaps nobody asks for: a maximum over a window need only know where the window begins and ends."""

    @property
    def times(self) -> Moments:
        """The times themselves."""
        ...

    def passed(self, ends: Times) -> NDArray[np.int64] | None:
        """Per series how many samples are not after each of the ends, which rise; None where the times must be looked at."""
        ...


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of several series. Series `i` owns `times[offsets[i]:offsets[i+1]]`: ascending, no time twice.

    With `past` it owns `times[offsets[i]:past[i]]`; what lies before the first series or up to the next is nobody's.
    """

    offsets: NDArray[np.int64]
    when: Moments | Unlaid
    """After `since_ms`."""
    values: Values
    past: NDArray[np.int64] | None = None
    since_ms: int = 0
    marked: bool = True
    """False where it is known that no stale marker is among them."""

    @property
    def times(self) -> Moments:
        return self.when if isinstance(self.when, np.ndarray) else self.when.times

    @property
    def begins(self) -> NDArray[np.int64]:
        return self.offsets[:-1]

    @property
    def ends(self) -> NDArray[np.int64]:
        return self.offsets[1:] if self.past is None else self.past


class Tile(NamedTuple):
    """Some of the series: which rows they are, and what reads their samples.

    Samples outside of the range may be among them.
    """

    rows: slice | NDArray[np.int64]
    read: Callable[[], Samples]


def series_at_once(ends: int) -> int:
    """How many series a tile has, at most, where windows end at so many instants."""
    return max(1, TILE_CELLS // max(1, ends))


class Found(Protocol):
    """The series that a selector takes, and their samples when they are asked for."""

    @property
    def names(self) -> Names:
        """No two series have the same labels. Series without a sample in the range may be among them."""
        ...

    @property
    def rolled(self) -> bool:
        """True where rollups stand for some of the samples; then it matters which column is read."""
        ...

    def tiles(self, ends: int, column: Column = "last") -> Iterable[Tile]:
        """The samples of some series at a time, as suits windows with so many ends in each of them; each series once.

        How many series come next may be told by what was read before: each tile is to be read when it comes.
        """
        ...

    def last(self) -> tuple[Times, Values]:
        """Time and value of the newest sample of each series in the range, a stale marker too; NEVER where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Selected:
    """Series and all their samples. Series `i` owns `times[offsets[i]:offsets[i+1]]`: ascending, no time twice."""

    labels: Sequence[Labels]
    offsets: NDArray[np.int64]
    times: Times
    values: Values

    @property
    def names(self) -> Names:
        return names_of(self.labels)

    @property
    def rolled(self) -> bool:
        return False

    def tiles(self, ends: int, _column: Column = "last") -> Sequence[Tile]:
        rows = series_at_once(ends)
        spans = [slice(start, min(start + rows, len(self.labels))) for start in range(0, len(self.labels), rows)]
        return [Tile(span, partial(self.samples, span)) for span in spans]

    def samples(self, span: slice) -> Samples:
        """Those of some neighbouring series."""
        own = self.offsets[span.start : span.stop + 1]
        inside = slice(int(own[0]), int(own[-1]))
        return Samples(own - own[0], self.times[inside], self.values[inside])

    def last(self) -> tuple[Times, Values]:
        there = self.offsets[1:] > self.offsets[:-1]
        if not len(self.times):
            return np.full(len(there), NEVER, np.int64), np.zeros(len(there))
        at = np.where(there, self.offsets[1:] - 1, 0)
        return np.where(there, self.times[at], NEVER), self.values[at]


class Fetch(Protocol):
    """Looks for the series that all matchers take, and their samples with `start_ms < time <= end_ms`.

    Called once per selector of a query, from the thread that evaluates. Stale markers are included, their bits kept.
    """

    def __call__(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, /) -> Found: ...


class Unsupported(BadQuery):
    """The query asks for something of the language that there is not here; the message names it."""


class Unanswerable(BadQuery):
    """The query can be read, but these samples have no answer to it."""


class Abandoned(QueryLimit):
    """The query was ended because nobody waits for its answer any more."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may touch; past it the query ends with QueryLimit."""

    steps: int = 11_000
    """Steps of a range query."""
    samples: int = 50_000_000
    """Samples read by all selectors of the query together."""
    memory: int = 340 << 20
    """Bytes of all results on the way, series by steps, counted when a selector or a subquery is evaluated."""
    query_length: int = 20_000
    """Characters of the query's text."""
