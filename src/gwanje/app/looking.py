"""The agent inside `gwanje up`: what this process sees of its host, and what it counts of itself."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

from gwanje.app.figures import FiguresProbe
from gwanje.app.house import WAITING, WAITING_BYTES, House
from gwanje.carry.spool import Spool
from gwanje.collect.agent import Agent
from gwanje.collect.probes.base import Probe


async def look(house: House) -> None:
    """Look until cancelled.

    Where several processes write to one store of samples, one of those with the same host looks at it; each tells its own
    figures, under an instance of its own: `HOST/FOLDER`.
    """
    host = house.folder.main.agent.host
    if not house.shares_samples:
        await _run(house, {**_probes(house), **_own(house)}, instance=host, spool="agent")
        return
    turn = f"agent {hashlib.sha256(host.encode()).hexdigest()[:32]}"
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_run(house, _own(house), instance=f"{host}/{house.place}", spool="own"))
        tasks.create_task(house.in_turns(turn, partial(_look_at_host, house, host)))


async def _look_at_host(house: House, host: str) -> None:
    await _run(house, _probes(house), instance=host, spool="agent")


def _probes(house: House) -> dict[str, Probe]:
    return {name: chosen.create(house.world) for name, chosen in house.folder.probes.items()}


def _own(house: House) -> dict[str, Probe]:
    return {"own": FiguresProbe([*house.own, house.process_figures], job="gwanje")}


async def _run(house: House, probes: Mapping[str, Any], *, instance: str, spool: str) -> None:
    settings = house.folder.main.agent
    agent = Agent(
        probes,
        house.transport,
        host=settings.host,
        instance=instance,
        interval=settings.interval,
        spool=Spool(house.folder.path / WAITING / spool, WAITING_BYTES),
    )
    thread = _AgentThread(agent)
    thread.start()
    try:
        await asyncio.Event().wait()
    finally:
        await thread.stop()


class _AgentThread:
    """An agent in a thread with a loop of its own, so that a slow look never holds up the API."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="agent", daemon=True)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(self._agent.run())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    async def stop(self) -> None:
        """Ends after the look that is under way, within two seconds."""
        if self._task and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
        await asyncio.to_thread(self._thread.join, 2)
