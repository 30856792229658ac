"""Instant queries answered from longer ones: whoever asks the same at a thousand instants in a row costs one question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from gwanje.config import parse_duration
from gwanje.errors import QueryLimit
from gwanje.keep.samples.base import Answer, Labels, Matrix, Queryable, Vector

PIECE: Final = 1000
"""How many instants one question answers."""
_RANGE: Final = re.compile(r"(?P<what>.*)\[(?P<over>[0-9a-z]+)(?P<every>:[0-9a-z]*)?\]", re.DOTALL)


class _Piece(Protocol):
    """The answers to one query from `start_ms` to `end_ms`, both inside."""

    start_ms: int
    end_ms: int

    def at(self, at_ms: int) -> Answer: ...


class Ahead:
    """The promise `Queryable`, for instants that go forward by `step_ms`, none after `end_ms`."""

    def __init__(self, samples: Queryable, step_ms: int, end_ms: int) -> None:
        self._samples = samples
        self._step_ms = step_ms
        self._end_ms = end_ms
        self._pieces: dict[str, _Piece] = {}
        self._too_much: set[str] = set()

    async def instant(self, query: str, at_ms: int) -> Answer:
        if query in self._too_much or at_ms > self._end_ms:
            return await self._samples.instant(query, at_ms)
        piece = self._pieces.get(query)
        if piece is None or not piece.start_ms <= at_ms <= piece.end_ms or (at_ms - piece.start_ms) % self._step_ms:
            try:
                piece = self._pieces[query] = await self._piece(query, at_ms)
            except QueryLimit:
                self._too_much.add(query)
                return await self._samples.instant(query, at_ms)
        return piece.at(at_ms)

    async def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Matrix:
        return await self._samples.range(query, start_ms, end_ms, step_ms)

    async def series(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[Labels]:
        return await self._samples.series(matchers, start_ms, end_ms)

    async def label_names(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        return await self._samples.label_names(matchers, start_ms, end_ms)

    async def label_values(self, name: str, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        return await self._samples.label_values(name, matchers, start_ms, end_ms)

    async def _piece(self, query: str, at_ms: int) -> _Piece:
        steps = min(PIECE - 1, (self._end_ms - at_ms) // self._step_ms)
        end_ms = at_ms + steps * self._step_ms
        ranged = _RANGE.fullmatch(query)
        if ranged is None:
            matrix = await self._samples.range(query, at_ms, end_ms, self._step_ms)
            return _Values.of(matrix, at_ms, end_ms, self._step_ms)
        over_ms = round(parse_duration(ranged["over"]).total_seconds() * 1000)
        longer = f"{ranged['what']}[{over_ms + end_ms - at_ms}ms{ranged['every'] or ''}]"
        answer = await self._samples.instant(longer, end_ms)
        if not isinstance(answer, Matrix):
            raise QueryLimit(f"{query}: no samples of a longer range")
        return _Samples(answer, over_ms, at_ms, end_ms)


@dataclass(slots=True)
class _Values:
    """One value a series at each step; a row a series."""

    labels: Sequence[Labels]
    values: NDArray[np.float64]
    there: NDArray[np.bool_]
    start_ms: int
    end_ms: int
    step_ms: int
    _chosen: dict[bytes, Sequence[Labels]] = field(default_factory=dict)

    @classmethod
    def of(cls, matrix: Matrix, start_ms: int, end_ms: int, step_ms: int) -> _Values:
        shape = len(matrix.labels), (end_ms - start_ms) // step_ms + 1
        values, there = np.zeros(shape), np.zeros(shape, np.bool_)
        rows = np.repeat(np.arange(shape[0]), np.diff(matrix.offsets))
        columns = (matrix.times - start_ms) // step_ms
        values[rows, columns], there[rows, columns] = matrix.values, True
        return cls(matrix.labels, values, there, start_ms, end_ms, step_ms)

    def at(self, at_ms: int) -> Answer:
        column = (at_ms - self.start_ms) // self.step_ms
        there = self.there[:, column]
        return Vector(self._labels(there), self.values[there, column], at_ms)

    def _labels(self, there: NDArray[np.bool_]) -> Sequence[Labels]:
        """The same list for the same series, so that whoever knows it need not compare."""
        key = there.tobytes()
        if key not in self._chosen:
            self._chosen[key] = [self.labels[row] for row in np.flatnonzero(there).tolist()]
        return self._chosen[key]


@dataclass(slots=True)
class _Samples:
    """The samples of a range, which each instant looks at for `over_ms` back."""

    matrix: Matrix
    over_ms: int
    start_ms: int
    end_ms: int

    def at(self, at_ms: int) -> Answer:
        labels: list[Labels] = []
        parts: list[slice] = []
        for row, one in enumerate(self.matrix.labels):
            first, last = int(self.matrix.offsets[row]), int(self.matrix.offsets[row + 1])
            ends = np.searchsorted(self.matrix.times[first:last], (at_ms - self.over_ms, at_ms), side="right")
            if ends[0] < ends[1]:
                labels.append(one)
                parts.append(slice(first + int(ends[0]), first + int(ends[1])))
        return Matrix(
            labels,
            np.cumsum([0, *(part.stop - part.start for part in parts)]).astype(np.int64),
            np.concatenate([self.matrix.times[:0], *(self.matrix.times[part] for part in parts)]),
            np.concatenate([self.matrix.values[:0], *(self.matrix.values[part] for part in parts)]),
        )
