"""How long a round takes to settle 1,000 rules with 100 alerts each: all begin, stay, and end.

    python benchmarks/rounds.py [--rules 1000] [--series 100] [--for 0s]

Samples come from memory, so that the time is that of judging and of state (SQLite in a temporary folder), not of a store's
queries. One receiver hears one message a group, as it would. CPU time and wall time of each round are shown.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from gwanje import kinds
from gwanje.judge.rules.spec import Rule
from gwanje.keep.samples.base import Answer, Labels, Matrix, Vector
from gwanje.keep.state import sqlite
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import metadata
from gwanje.model import METRIC
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.watch.round import Round

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@dataclass
class Fixed:
    """Answers every query with the same series and the value that is set; every input is as new as the question."""

    labels: list[Labels]
    value: float = 0.1
    made: dict[str, list[Labels]] = field(default_factory=dict)

    async def instant(self, query: str, at_ms: int) -> Answer:
        if query.startswith("timestamp("):
            return Vector(self.labels, np.full(len(self.labels), at_ms / 1000), at_ms)
        noise = np.random.default_rng(at_ms).random(len(self.labels)) / 100
        return Vector(self.labels, self.value + noise, at_ms)

    async def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Matrix:
        raise NotImplementedError

    async def series(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[Labels]:
        raise NotImplementedError

    async def label_names(self, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        raise NotImplementedError

    async def label_values(self, name: str, matchers: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        raise NotImplementedError


def opened(folder: Path) -> State:
    state: State = sqlite.create(sqlite.Settings(), kinds.World(folder))
    metadata.create_all(state.engine)
    return state


async def timed(name: str, round_: Round, second: float) -> None:
    began, used = time.perf_counter(), time.process_time()
    await round_.once(START + timedelta(seconds=second))
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{name:34} wall {wall:7.3f} s   cpu {cpu:7.3f} s   most memory {peak} MiB", flush=True)


async def main() -> None:
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--rules", type=int, default=1000)
    reading.add_argument("--series", type=int, default=100)
    reading.add_argument("--for", dest="for_", default="0s")
    asked = reading.parse_args()
    labels: list[Labels] = [
        tuple(sorted({METRIC: "cpu", "host": f"web-{n}", "job": "node", "zone": f"z{n % 3}"}.items()))
        for n in range(asked.series)
    ]
    samples = Fixed(labels)
    rules = [
        Rule.model_validate(
            {"name": f"rule {n}", "expr": "cpu", "warning": ">= 0.8", "critical": ">= 0.9", "interval": "1s", "for": asked.for_}
        )
        for n in range(asked.rules)
    ]
    with tempfile.TemporaryDirectory() as folder:
        state = opened(Path(folder))
        policy = Policy(Route(receiver="ops", group_by=("rule",)))
        round_ = Round(rules, samples, state, policy, None, clock=lambda: START)
        await timed("all good, for the first time", round_, 0)
        await timed("all good", round_, 1)
        samples.value = 0.95
        await timed("all begin to breach", round_, 2)
        for second in range(3, 10):
            await timed("all breach, values change", round_, second)
        again = Round(rules, samples, state, policy, None, clock=lambda: START)
        await timed("after a restart", again, 10)
        await timed("and then", again, 11)
        samples.value = 0.1
        await timed("all end", again, 12)
        state.close()


if __name__ == "__main__":
    asyncio.run(main())
