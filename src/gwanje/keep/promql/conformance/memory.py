"""A store in memory, for cases: what was loaded, and `fetch` over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.selection import Matcher, Selected
from gwanje.keep.promql.table import label
from gwanje.wire.columns import Labels


class Memory:
    """Samples by series and time. A time that is already there keeps its first value."""

    def __init__(self) -> None:
        self._series: dict[Labels, dict[int, float]] = {}

    def append(self, series: Mapping[Labels, Mapping[int, float]]) -> None:
        for labels, samples in series.items():
            held = self._series.setdefault(labels, {})
            self._series[labels] = dict(samples) | held

    def matching(self, matchers: Sequence[Matcher], among: Sequence[Labels] | None = None) -> list[Labels]:
        """The series that all matchers take."""
        series = list(self._series) if among is None else list(among)
        taken = np.ones(len(series), np.bool_)
        for matcher in matchers:
            taken &= matcher.select([label(labels, matcher.name) for labels in series])
        return [labels for labels, held in zip(series, taken.tolist(), strict=True) if held]

    def fetch(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Selected:
        """The promise `Fetch`."""
        found: list[Labels] = []
        times: list[NDArray[np.int64]] = []
        values: list[NDArray[np.float64]] = []
        for labels in self.matching(matchers):
            samples = sorted((at, value) for at, value in self._series[labels].items() if start_ms < at <= end_ms)
            if samples:
                found.append(labels)
                times.append(np.array([at for at, _ in samples], np.int64))
                values.append(np.array([value for _, value in samples], np.float64))
        offsets = np.concatenate(([0], np.cumsum([len(own) for own in times]))).astype(np.int64)
        if not found:
            return Selected([], offsets[:1], np.empty(0, np.int64), np.empty(0))
        return Selected(found, offsets, np.concatenate(times), np.concatenate(values))
