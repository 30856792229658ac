"""What becomes of a pipeline's ticks when its pause ends. Functions of a transaction that somebody else opened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from gwanje.collect.pipelines.spec import Pipeline
from gwanje.collect.pipelines.timetable import Timetable
from gwanje.keep.said import Pause
from gwanje.keep.state import pauses, runs

ITS_TIME: Final = "its time"
"""Who ended a pause that nobody ended before its end."""


def resume(
    connection: Connection, pause: Pause, pipeline: Pipeline | None, now: datetime, who: str, *, address: str = ""
) -> bool:
    """End a pause as it was read; False when somebody ended or changed it since.

    Where the pipeline catches up, the latest tick that passed meanwhile is asked for in the same transaction. None for a
    pipeline that is no longer declared.
    """
    tick = missed(pipeline.timetable, pause, now) if pipeline is not None and pipeline.catch_up else None
    if not pauses.end(connection, pause, now, who, settles_at=_settles_at(pipeline, tick, now), address=address):
        return False
    if pipeline is not None and tick is not None:
        runs.ask_for_tick(connection, pipeline=pipeline.name, tick=tick, now=now)
    return True


def resume_those_over(connection: Connection, pipelines: Mapping[str, Pipeline], now: datetime) -> list[str]:
    """End the pauses whose time is over; the names of their pipelines."""
    over = [pause for pause in pauses.every(connection) if pause.until is not None and pause.until <= now]
    return [one.pipeline for one in over if resume(connection, one, pipelines.get(one.pipeline), one.until or now, ITS_TIME)]


def missed(timetable: Timetable, pause: Pause, now: datetime) -> datetime | None:
    """The latest tick that passed while it was paused; None where none did."""
    tick = timetable.last_before(min(now, pause.until or now))
    return tick if tick is not None and tick >= pause.since else None


def _settles_at(pipeline: Pipeline | None, tick: datetime | None, now: datetime) -> datetime | None:
    """Until when the first run must have ended; None where none is to come by itself."""
    begins = now if tick is not None or pipeline is None else pipeline.timetable.next_after(now)
    return None if pipeline is None or begins is None else begins + pipeline.timeout
