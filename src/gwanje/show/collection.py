"""Pipelines as the page shows them: is it on, when is it next, how did the last fetches go."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gwanje.collect.pipelines import fetch as fetches
from gwanje.collect.pipelines import summary
from gwanje.collect.pipelines.fetch import Fetch
from gwanje.collect.pipelines.spec import Prepared, Told
from gwanje.collect.pipelines.summary import FailRate
from gwanje.keep.events.base import Search
from gwanje.keep.said import Pause
from gwanje.keep.state import runs
from gwanje.model import to_ms
from gwanje.show import pausing
from gwanje.show.rooms import Rooms

_ENOUGH = 5000
"""How many fetches of the window are looked at, at most: the newest."""
_INSTANT = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Tick:
    """One fetch in the strip."""

    at: int
    outcome: str
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Paused:
    """Why no tick becomes a run for now; `until` is null where it is paused until somebody has it go on."""

    by: str
    why: str
    since: int
    until: int | None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One pipeline now. `off_because` says, by language, why it does not run; null where it does.

    `next_at` is the next tick that becomes a run: while it is paused, the first one after that. `on_success` and `on_failure`
    are the receivers that are told how a run ended; null where nobody is.
    """

    name: str
    title: dict[str, str]
    on: bool
    off_because: dict[str, str] | None
    paused: Paused | None
    schedule: str
    next_at: int | None
    url: str
    running: bool
    last: dict[str, object] | None
    fail_rate: FailRate
    latency_p95_ms: float | None
    per_minute: float
    recent: list[Tick]
    on_success: str | None
    on_failure: str | None


async def pipelines(rooms: Rooms, now: datetime) -> list[Pipeline]:
    """Every pipeline of this process."""
    running = await asyncio.to_thread(_running, rooms, now)
    paused = await asyncio.to_thread(pausing.now_paused, rooms, now)
    return [await _pipeline(rooms, prepared, running, paused.get(prepared.name), now) for prepared in rooms.pipelines]


async def _pipeline(rooms: Rooms, prepared: Prepared, running: Collection[str], pause: Pause | None, now: datetime) -> Pipeline:
    window = await _since(rooms, prepared.name, now - summary.WINDOW)
    newest = await _newest(rooms, prepared.name) if len(window) < summary.STRIP else window
    off = prepared.source.off_because
    next_at = _next_at(rooms, prepared, pause)
    now_ms = to_ms(now)
    return Pipeline(
        name=prepared.name,
        title=prepared.pipeline.titles(),
        on=off is None,
        off_because=dict(off) if off else None,
        paused=shown(pause) if pause else None,
        schedule=prepared.pipeline.schedule,
        next_at=to_ms(next_at) if next_at else None,
        url=prepared.source.url,
        running=prepared.name in running,
        last=newest[0].as_json() if newest else None,
        fail_rate=summary.fail_rate(window, now_ms),
        latency_p95_ms=summary.latency_ms(window, now_ms),
        per_minute=summary.per_minute(window, now_ms),
        recent=[Tick(one.at_ms, one.outcome.value, one.latency_ms) for one in summary.strip(newest)],
        on_success=_receiver(prepared.pipeline.on_success),
        on_failure=_receiver(prepared.pipeline.on_failure),
    )


def _receiver(told: Told | None) -> str | None:
    return told.receiver if told else None


def shown(pause: Pause) -> Paused:
    """A pause as the page reads it."""
    return Paused(pause.who, pause.why, to_ms(pause.since), to_ms(pause.until) if pause.until else None)


def _next_at(rooms: Rooms, prepared: Prepared, pause: Pause | None) -> datetime | None:
    next_at = rooms.schedule.next_at(prepared.name)
    if pause is None or next_at is None or (pause.until is not None and pause.until <= next_at):
        return next_at
    return prepared.pipeline.timetable.next_after(pause.until - _INSTANT) if pause.until else None


async def _since(rooms: Rooms, pipeline: str, since: datetime) -> Sequence[Fetch]:
    search = Search(fetches.NAME, since_ms=to_ms(since), where={"pipeline": pipeline}, limit=_ENOUGH)
    return [Fetch.of(event) for event in (await rooms.events.search(search)).events]


async def _newest(rooms: Rooms, pipeline: str) -> Sequence[Fetch]:
    search = Search(fetches.NAME, where={"pipeline": pipeline}, limit=summary.STRIP)
    return [Fetch.of(event) for event in (await rooms.events.search(search)).events]


def _running(rooms: Rooms, now: datetime) -> set[str]:
    with rooms.state.read() as connection:
        return runs.running(connection, now)


async def fetch_log(rooms: Rooms, where: dict[str, str], text: str, before: str, limit: int) -> dict[str, Any]:
    """One page of fetches, newest first."""
    chosen = {name: value for name, value in where.items() if value}
    found = await rooms.events.search(Search(fetches.NAME, where=chosen, text=text, limit=limit, before=before))
    return {"fetches": [Fetch.of(event).as_json() for event in found.events], "next": found.next}
