"""Tools on a folder that no process holds: they open it themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from gwanje.app import folder as folders
from gwanje.app import lock
from gwanje.app.clock import now
from gwanje.app.folder import Folder
from gwanje.app.house import open_house
from gwanje.collect.schedule import run_now
from gwanje.config import MAIN_FILE
from gwanje.errors import GwanjeError
from gwanje.keep.samples.base import Answer
from gwanje.model import to_ms
from gwanje.show.api.collection import ended
from gwanje.show.api.query import prometheus_data


def collect(path: Path, pipeline: str) -> dict[str, Any]:
    """Run a pipeline now; its end as `POST /collect` says it."""
    folder = _read(path)
    with lock.hold(path, "gwanje collect"):
        return asyncio.run(_collect(folder, pipeline))


def query(path: Path, expression: str, time: str) -> dict[str, Any]:
    """The answer to a query, as the API says it."""
    folder = _read(path)
    at_ms = _instant(time) if time else to_ms(now())
    with lock.hold(path, "gwanje query"):
        return prometheus_data(asyncio.run(_query(folder, expression, at_ms)))


def backup(path: Path, to: Path) -> Sequence[str]:
    """Copy the folder and its stores; what is in the copy."""
    folder = _read(path)
    with lock.hold(path, "gwanje backup"):
        return asyncio.run(_backup(folder, to))


async def _collect(folder: Folder, pipeline: str) -> dict[str, Any]:
    async with open_house(folder) as house:
        names = [declared.pipeline.name for declared in folder.pipelines]
        chosen = pipeline or (names[0] if len(names) == 1 else "")
        if chosen not in names:
            raise GwanjeError(f"name one of the pipelines: {', '.join(names) or 'none is configured'}")
        off = next(one.source.off_because for one in house.prepared if one.name == chosen)
        if off:
            raise GwanjeError(dict(off)["en"])
        loop = asyncio.create_task(house.schedule.run())
        try:
            return ended(await run_now(house.state, house.updates, chosen, trigger="command", asked_by="command", clock=now))
        finally:
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)


async def _backup(folder: Folder, to: Path) -> Sequence[str]:
    async with open_house(folder) as house:
        return await house.backup(to)


async def _query(folder: Folder, expression: str, at_ms: int) -> Answer:
    async with open_house(folder) as house:
        return await house.samples.instant(expression, at_ms)


def _read(path: Path) -> Folder:
    if not (path / MAIN_FILE).is_file():
        raise GwanjeError(f"there is no {MAIN_FILE} in {path}; make one with: gwanje init {path}")
    return folders.read(path)


def _instant(text: str) -> int:
    """Unix seconds or RFC 3339 → milliseconds."""
    if text.replace(".", "", 1).isdigit():
        return round(float(text) * 1000)
    try:
        return to_ms(datetime.fromisoformat(text))
    except ValueError as error:
        raise GwanjeError(f"{text!r} is not a time; give Unix seconds or 2026-11-21T02:25:00+09:00") from error
