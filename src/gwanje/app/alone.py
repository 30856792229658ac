"""Tools on a folder that no process holds: they open it themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

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
from gwanje.show import departures, pausing, scaling
from gwanje.show.api.collection import ended
from gwanje.show.api.query import prometheus_data
from gwanje.show.departures import DepartureAsked
from gwanje.show.rooms import Rooms
from gwanje.show.saying import By
from gwanje.show.scaling import HoldAsked

Answered = TypeVar("Answered")
_BY: Final = By("this machine")
"""As the gate names those who come over the folder's socket."""


def collect(path: Path, pipeline: str, *, anyway: bool = False) -> dict[str, Any]:
    """Run a pipeline now; its end as `POST /collect` says it."""
    folder = _read(path)
    with lock.hold(path, "gwanje collect"):
        return asyncio.run(_collect(folder, pipeline, anyway=anyway))


def pause(path: Path, pipeline: str, why: str, until: datetime | None) -> None:
    """Pause a pipeline."""
    _say(path, lambda rooms: pausing.pause(rooms, pipeline, why, until, _BY))


def resume(path: Path, pipeline: str) -> None:
    """Have a pipeline go on."""
    _say(path, lambda rooms: pausing.resume(rooms, pipeline, _BY))


def hold(
    path: Path, scaler: str, *, size: int | None, stop: str, span: tuple[datetime | None, datetime], why: str
) -> dict[str, Any]:
    """Hold a size; the answer as the API says it."""
    asked = HoldAsked(scaler, size, stop, *span, why)
    return _say(path, lambda rooms: scaling.hold(rooms, asked, _BY))


def release(path: Path, scaler: str) -> None:
    """End the hold that counts now."""
    _say(path, lambda rooms: scaling.release(rooms, scaler, None, _BY))


def holds(path: Path, scaler: str) -> dict[str, Any]:
    """What is held of a scaler, as the API says it."""
    return _say(path, lambda rooms: scaling.of_scaler(rooms, scaler))


def depart(path: Path, scope: str, name: str, why: str, until: datetime | None) -> None:
    """Say that something goes away on purpose; without `until`, for good."""
    asked = DepartureAsked(scope, name, why, ends_at=until)
    _say(path, lambda rooms: departures.say(rooms, asked, _BY))


def departures_of(path: Path) -> Sequence[dict[str, Any]]:
    """What is away now or will be, as the API says it."""
    return _say(path, departures.listed)


def back(path: Path, departure: str) -> None:
    """End a departure."""
    _say(path, lambda rooms: departures.take_back(rooms, departure, _BY))


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


def _say(path: Path, work: Callable[[Rooms], Answered]) -> Answered:
    """Say something to the rooms of a folder, none of whose loops runs."""
    folder = _read(path)

    async def do() -> Answered:
        async with open_house(folder) as house:
            return await asyncio.to_thread(work, house.rooms())

    with lock.hold(path, "a command of gwanje"):
        return asyncio.run(do())


async def _collect(folder: Folder, pipeline: str, *, anyway: bool) -> dict[str, Any]:
    async with open_house(folder) as house:
        names = [declared.pipeline.name for declared in folder.pipelines]
        chosen = pipeline or (names[0] if len(names) == 1 else "")
        if chosen not in names:
            raise GwanjeError(f"name one of the pipelines: {', '.join(names) or 'none is configured'}")
        off = next(one.source.off_because for one in house.prepared if one.name == chosen)
        if off:
            raise GwanjeError(dict(off)["en"])
        paused = pausing.now_paused(house.rooms(), now()).get(chosen)
        if paused is not None and not anyway:
            raise GwanjeError(f"{pausing.sentence(paused)}; run it all the same with --anyway")
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
