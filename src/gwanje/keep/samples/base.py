"""The promise of a sample store: append what came, answer PromQL. Writers get `Appendable`, readers get `Queryable`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gwanje.keep.promql.values import Answer, Matrix, Scalar, Text, Vector
from gwanje.wire.columns import Columns, Labels, Times, Values

__all__ = [
    "Answer",
    "Appendable",
    "Appended",
    "Columns",
    "Labels",
    "Matrix",
    "Queryable",
    "Samples",
    "Scalar",
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


class Samples(Appendable, Queryable, Protocol):
    """Both sides, for whoever wires them. `close` writes down what is left to write; nothing is called after it."""

    def own_samples(self) -> Mapping[str, float]:
        """The store's own figures by metric name (`gwanje_store_series`, …), cheap enough for every scrape."""
        ...

    async def close(self) -> None: ...
