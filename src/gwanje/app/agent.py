"""`gwanje agent`: look at this host. Loads no server library."""

from __future__ import annotations

import asyncio
import platform
import sys
from datetime import timedelta
from pathlib import Path

from gwanje import kinds
from gwanje.collect.agent import Agent
from gwanje.errors import GwanjeError
from gwanje.model import Batch, Sample
from gwanje.wire.exposition.encode import of_samples

PROBES = ("host", "container")


def run(*, dry_run: bool) -> int:
    """Look once and print what was seen."""
    if not dry_run:
        raise GwanjeError("sending to a gwanje elsewhere is not there yet; `gwanje agent --dry-run` shows what this host says")
    samples = asyncio.run(_look())
    sys.stdout.write(of_samples(samples))
    sys.stdout.flush()
    return 0 if samples else 1


async def _look() -> list[Sample]:
    world = kinds.World(Path.cwd())
    probes = {}
    for name in PROBES:
        kind = kinds.find("probes", name)
        probes[name] = kind.create(kind.Settings(), world)
    host = platform.node()
    return await Agent(probes, _Nowhere(), host=host, instance=host, interval=timedelta(seconds=5)).collect_once()


class _Nowhere:
    """A dry run sends nothing."""

    async def send(self, batch: Batch) -> None:
        raise AssertionError("a dry run sends nothing")

    async def close(self) -> None:
        """Nothing is held here."""
