"""The promise of a probe: it looks at one thing on this host, once, and says what it saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gwanje.model import Event, Sample


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look saw: samples in the exporters' names, and what happened since the last look as events."""

    samples: tuple[Sample, ...]
    events: tuple[Event, ...] = ()


class Probe(Protocol):
    """Looks at one thing. The agent adds `host`, `instance` and `job` to every series.

    `collect` is called from one task, once an interval. It may block for tens of milliseconds (the agent's loop is its own) and
    raises GwanjeError when the thing cannot be looked at: the agent counts it, says so once, and asks again next time.
    After `close` it is not called again.
    """

    job: str
    """The `job` label of its series, as the exporter of the same names would carry it: `node`, `cadvisor`."""

    async def collect(self, now_ms: int) -> Reading: ...

    async def close(self) -> None: ...
