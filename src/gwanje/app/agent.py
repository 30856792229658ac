"""`gwanje agent`: look at this host, and send what is seen to a gwanje elsewhere. Loads no server library."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from gwanje import config, kinds
from gwanje.app import lock, log
from gwanje.app.figures import FiguresProbe
from gwanje.app.machine import Agent as Settings
from gwanje.app.machine import Log
from gwanje.collect.agent import Agent
from gwanje.config import MAIN_FILE, Chosen, Reader
from gwanje.errors import GwanjeError
from gwanje.model import Batch, Sample
from gwanje.wire.exposition.encode import of_samples

KEY = "GWANJE_KEY"
"""The variable that holds the key for `--to`."""


def dry_run() -> int:
    """Look once and print what was seen."""
    samples = asyncio.run(_look(Settings()))
    sys.stdout.write(of_samples(samples))
    sys.stdout.flush()
    return 0 if samples else 1


def run(folder: Path, *, to: str = "") -> int:
    """Look and send until Ctrl-C. What cannot be sent waits in the folder. Raises GwanjeError for what keeps it from starting."""
    with lock.hold(folder, "gwanje agent"):
        reader = Reader(folder, config.environment(folder))
        document = reader.document(MAIN_FILE)
        settings = reader.read(Settings, document, ("agent",), document.values.get("agent", {})) or Settings()
        own_log = reader.read(Log, document, ("log",), document.values.get("log", {})) or Log()
        section = {"type": "http", "url": to, "key": os.environ.get(KEY)} if to else document.values.get("transport")
        if section is None:
            raise GwanjeError(f"nowhere to send to: give --to URL (its key in {KEY}), or set `transport` in {folder / MAIN_FILE}")
        transport = reader.chosen("transports", document, ("transport",), section)
        probes = {name: _probe(reader, document, name, given) for name, given in settings.probes.items()}
        reader.finish()
        if transport is None or transport.name == "direct":
            raise GwanjeError("an agent cannot use `transport: {type: direct}`, which ends in its own process; use http")
        log.start(own_log, folder)
        return asyncio.run(_run(folder, settings, transport, probes))


async def _run(folder: Path, settings: Settings, chosen: Chosen, probes: dict[str, Chosen | None]) -> int:
    world = kinds.World(folder)
    transport = chosen.create(world)
    looking: dict[str, Any] = {name: one.create(world) for name, one in probes.items() if one}
    if hasattr(transport, "own_samples"):
        looking["transport"] = FiguresProbe([transport.own_samples], job="agent")
    agent = Agent(looking, transport, host=settings.host, instance=settings.host, interval=settings.interval)
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, agent.stop)
    print(f"gwanje agent looks at {settings.host} every {config.format_duration(settings.interval)}", flush=True)
    try:
        await agent.run()
    finally:
        await transport.close()
    return 0


def _probe(reader: Reader, document: config.Document, name: str, given: dict[str, Any]) -> Chosen | None:
    return reader.chosen("probes", document, ("agent", "probes", name), {"type": name, **given})


async def _look(settings: Settings) -> list[Sample]:
    world = kinds.World(Path.cwd())
    probes = {}
    for name in settings.probes:
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
