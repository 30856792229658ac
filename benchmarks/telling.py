"""What it costs to decide who is told what while 10,000 alerts fire at once, each in a group of its own.

    python benchmarks/telling.py [--alerts 10000] [--steady 10]

Alerts stand in state (SQLite in a temporary folder) as a round leaves them; only `watch/telling.py` is measured, in the
transaction that a round would give it. CPU time is said beside wall time, because a machine is seldom alone.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select, update

from gwanje import kinds
from gwanje.judge import lifecycle
from gwanje.keep.state import alerts, sqlite
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import episodes, outbox
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.watch.telling import Telling

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
POLICY = Policy(Route.model_validate({"receiver": "ops", "routes": [{"match": 'team="shop"', "receiver": "shop"}]}))


def opened(folder: Path) -> State:
    state: State = sqlite.create(sqlite.Settings(), kinds.World(folder))
    state.migrate()
    return state


def firing(number: int) -> alerts.Row:
    """An alert as a round leaves it that has just found it."""
    labels = {"host": f"web-{number:05d}", "zone": f"z{number % 3}", "team": "shop" if number % 2 else "search"}
    times = {"began_at": START, "fired_at": START, "state": "firing", "severity": "critical" if number % 3 else "warning"}
    condition = {"operator": ">=", "threshold": 0.9, "query": "disk", "unit": "ratio", "for_ms": 0, "value": 0.95}
    fingerprint = lifecycle.fingerprint("disk full", labels)
    texts = {"annotations": {}, "summary": {"en": "0.95 >= 0.9"}}
    return {
        "id": f"{number:032d}",
        "fingerprint": fingerprint,
        "rule": "disk full",
        "labels": labels,
        **times,
        **condition,
        **texts,
    }


def step(name: str, state: State, telling: Telling, second: float, changed: Iterable[str] = ()) -> None:
    """One step, and what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    with state.write() as connection:
        said = telling.step(connection, START + timedelta(seconds=second), changed)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{name:28} wall {wall:7.3f} s  cpu {cpu:7.3f} s  messages {said.messages:4}  most memory {peak} MiB", flush=True)


def main() -> None:
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--alerts", type=int, default=10_000)
    reading.add_argument("--steady", type=int, default=10)
    asked = reading.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = opened(Path(folder))
        rows = [firing(number) for number in range(asked.alerts)]
        every = [row["id"] for row in rows]
        telling = Telling(POLICY, "https://watch.example")
        step("nothing fires", state, telling, -1)
        with state.write() as connection:
            alerts.begin_episodes(connection, rows)
        step("all begin", state, telling, 0, every)
        for second in range(1, asked.steady + 1):
            step("nothing changes", state, telling, second)
        step("one host's alert ends", state, telling, asked.steady + 1, ended(state, every[:1], START))
        step("the digests are due", state, telling, 61)
        telling = Telling(POLICY, "https://watch.example")
        step("after a restart", state, telling, 62)
        step("and then", state, telling, 63)
        step("all end", state, telling, 200, ended(state, every[1:], START + timedelta(seconds=200)))
        step("the digests are due", state, telling, 261)
        with state.read() as connection:
            count = connection.execute(select(func.count()).select_from(outbox)).scalar_one()
        print(f"{asked.alerts} alerts were told in {count} messages")
        state.close()


def ended(state: State, ids: list[str], at: datetime) -> list[str]:
    """End these alerts as a round would; their ids."""
    with state.write() as connection:
        connection.execute(
            update(episodes).where(episodes.c.id.in_(ids)).values(ended_at=at, state="ok", ended_because="resolved")
        )
    return ids


if __name__ == "__main__":
    main()
