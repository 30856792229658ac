"""The promise of a sample store: append what came, answer PromQL. Writers get `Appendable`, readers get `Queryable`."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.values import Answer, Matrix, Scalar, Text, Vector
from gwanje.wire.columns import Columns, Labels, Times, Values

__all__ = [
    "Answer",
    "Appendable",
    "Appended",
    "Asked",
    "Brisk",
    "Columns",
    "Labels",
    "Layout",
    "Matrix",
    "Queryable",
    "Remembering",
    "Samples",
    "Scalar",
    "Sweeping",
    "Swept",
    "Text",
    "Times",
    "Values",
    "Vector",
]


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch. `refused` counts by reason (`too_old`, `too_far_ahead`, `series_limit`, `bad_labels`, …)."""

    accepted: int
    duplicates: int = 0
    conflicts: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""
    """The first refusal in words: which series, which time, what to do."""


class Appendable(Protocol):
    """Keeps samples.

    `append` returns when the batch is durable (in the log); the samples are then visible to queries. A sample that the store
    already holds changes nothing. One bad series never loses its good neighbours. Raises StoreFull when nothing can be
    written; then nothing of the batch was kept. May be called from several threads' loops at once.
    """

    async def append(self, batch: Columns, now_ms: int) -> Appended: ...


class Queryable(Protocol):
    """Answers questions in PromQL.

    All times are milliseconds. `instant` of a range selector gives its raw samples as a Matrix. Raises BadQuery for what does
    not parse or is not supported, QueryLimit for what touched too much. Reads see everything that `append` has answered.
    """

    async def instant(self, query: str, at_ms: int) -> Answer: ...

    async def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Matrix: ...

    async def series(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[Labels]: ...

    async def label_names(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]: ...

    async def label_values(self, name: str, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]: ...


@dataclass(slots=True, eq=False)
class Asked:
    """An instant query that waits for its answer."""

    query: str
    at_ms: int
    wanted: bool = True
    """Whether anybody still waits; whoever asked says so at any time."""


@runtime_checkable
class Brisk(Protocol):
    """A store in this process, whose answers take less time than the way to them: it answers several questions at one go.

    `some` takes questions from the front of the queue until some milliseconds have passed or none is left, and returns those it
    took with their answers, or with what `instant` would have raised; those that nobody wants any more are left out. It may run
    several times at once on one queue, so that a long question holds up none but itself.
    """

    async def some(self, asked: deque[Asked]) -> list[tuple[Asked, Answer | Exception]]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the series of several selectors stand side by side: those of selector `i` in the rows `offsets[i]:offsets[i+1]`."""

    names: Sequence[Sequence[Labels]]
    """The series of each selector, in order of their labels."""
    offsets: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Swept:
    """The answers to several selectors at one instant, as one column; the same `Layout` again as long as series stay the same."""

    at_ms: int
    layout: Layout
    seconds: NDArray[np.float64]
    """When the sample of each series was taken."""
    values: Values
    there: NDArray[np.bool_]
    """Of which series there is a sample; of the others time and value mean nothing."""

    def answer(self, place: int) -> Vector:
        """What `instant` would have answered to one of the selectors."""
        return self._vector(place, self.values)

    def ages(self, place: int) -> Vector:
        """What `instant` would have answered to `timestamp(…)` of it; the metric's name stands among the labels."""
        return self._vector(place, self.seconds)

    def _vector(self, place: int, column: Values) -> Vector:
        rows = slice(int(self.layout.offsets[place]), int(self.layout.offsets[place + 1]))
        names, there = self.layout.names[place], self.there[rows]
        if there.all():
            return Vector(names, column[rows], self.at_ms)
        return Vector([names[row] for row in np.flatnonzero(there).tolist()], column[rows][there], self.at_ms)


@runtime_checkable
class Sweeping(Protocol):
    """A store in this process that answers a thousand selectors at one go, as one column and not as a thousand answers.

    Each selector is plain: without a range, an offset or `@`. Raises as `instant` does, for all of them.
    """

    async def sweep(self, selectors: tuple[str, ...], at_ms: int) -> Swept: ...


@runtime_checkable
class Remembering(Protocol):
    """A store in this process that has the newest sample of every series at hand; others are asked by `recalled.py`.

    `newest` gives the time, in milliseconds, and the value of the newest sample of each series, or None where there is none. It
    answers at once, from any thread, and sees everything that `append` has answered.
    """

    def newest(self, series: Sequence[Labels]) -> Sequence[tuple[int, float] | None]: ...


class Samples(Appendable, Queryable, Protocol):
    """Both sides, for whoever wires them. `close` writes down what is left to write; nothing is called after it."""

    def own_samples(self) -> Mapping[str, float]:
        """The store's own figures by metric name (`gwanje_store_series`, …), cheap enough for every scrape."""
        ...

    async def close(self) -> None: ...
