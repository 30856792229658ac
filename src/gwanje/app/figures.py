"""What a process counts of itself as a probe, so that it is kept, judged and drawn like everything else. Light."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from gwanje.collect.probes.base import Reading
from gwanje.model import Sample

_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')

Figures = Callable[[], Mapping[str, float]]
"""Figures of one room by metric name, labels in exposition form."""


class FiguresProbe:
    """Reads what the rooms of a process count."""

    def __init__(self, rooms: Sequence[Figures], *, job: str) -> None:
        self._rooms = rooms
        self.job = job

    async def collect(self, now_ms: int) -> Reading:
        figures: dict[str, float] = {}
        for room in self._rooms:
            figures.update(room())
        return Reading(tuple(_sample(series, value, now_ms) for series, value in figures.items()))

    async def close(self) -> None:
        """Nothing is held here."""


def _sample(series: str, value: float, now_ms: int) -> Sample:
    metric, _, labels = series.partition("{")
    return Sample(metric, {name: _plain(text) for name, text in _LABEL.findall(labels)}, float(value), now_ms)


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], text)
