"""What this process counts of itself as a probe, so that it is kept, judged and drawn like everything else."""

from __future__ import annotations

import re
from collections.abc import Sequence

import psutil

from gwanje.collect.probes.base import Reading
from gwanje.model import Sample
from gwanje.show.rooms import OwnSamples

_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class OwnProbe:
    """Reads what the rooms count of themselves, and what the process takes."""

    job = "gwanje"

    def __init__(self, own: Sequence[OwnSamples]) -> None:
        self._own = own
        self._process = psutil.Process()

    async def collect(self, now_ms: int) -> Reading:
        figures = {**process_figures(self._process)}
        for one in self._own:
            figures.update(one())
        return Reading(tuple(_sample(series, value, now_ms) for series, value in figures.items()))

    async def close(self) -> None:
        """Nothing is held here."""


def process_figures(process: psutil.Process) -> dict[str, float]:
    """What the process takes of its machine, in the names of Prometheus's client libraries."""
    with process.oneshot():
        cpu, memory = process.cpu_times(), process.memory_info()
        return {
            "process_cpu_seconds_total": cpu.user + cpu.system,
            "process_resident_memory_bytes": float(memory.rss),
            "process_open_fds": float(process.num_fds()),
            "process_start_time_seconds": process.create_time(),
        }


def _sample(series: str, value: float, now_ms: int) -> Sample:
    metric, _, labels = series.partition("{")
    return Sample(metric, {name: _plain(text) for name, text in _LABEL.findall(labels)}, float(value), now_ms)


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], text)
