"""Runs of pipelines: asked for, claimed by exactly one worker, ended. Functions of a transaction that somebody else opened."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from gwanje.keep.state.tables import runs

ASKED: Final = "asked"
RUNNING: Final = "running"
ENDED: Final = "ended"

SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
"""Outcomes that say how a pipeline does; that of a run that was broken off says nothing of it."""

BY_SCHEDULE: Final = "schedule"
MOST_TRIES: Final = 5
"""A run whose worker died this often is given up: it would go on killing workers."""


@dataclass(frozen=True, slots=True)
class Run:
    """One row: a run from its asking to its end. What is not known yet is None."""

    id: int
    pipeline: str
    partition: str
    trigger: str
    asked_by: str
    asked_at: datetime
    state: str
    claimed_by: str | None
    claimed_until: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    tries: int
    status: int | None
    rows: int | None
    bytes: int | None
    latency_ms: float | None
    error: str | None

    @property
    def ended(self) -> bool:
        return self.state == ENDED


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended. `error` is a sentence where the outcome is failed."""

    outcome: str
    status: int | None = None
    rows: int = 0
    bytes: int = 0
    latency_ms: float | None = None
    error: str = ""


def ask(connection: Connection, *, pipeline: str, partition: str, trigger: str, asked_by: str, now: datetime) -> int:
    """Ask for a run; its id. Asking again for the same partition of a pipeline gives the run that is already there."""
    found = _of_partition(connection, pipeline, partition)
    if found is not None:
        return found
    row = {
        "pipeline": pipeline,
        "partition": partition,
        "trigger": trigger,
        "asked_by": asked_by,
        "asked_at": now,
        "state": ASKED,
        "tries": 0,
    }
    try:
        with connection.begin_nested():
            made: Any = connection.execute(insert(runs).values(row)).inserted_primary_key
            return int(made[0])
    except IntegrityError:  # another process asked between our look and our insert
        found = _of_partition(connection, pipeline, partition)
        if found is None:
            raise
        return found


def ask_for_tick(connection: Connection, *, pipeline: str, tick: datetime, now: datetime) -> int | None:
    """Ask for the run of a scheduled tick; None when it was asked for before, or while another run has not ended.

    Two processes with one schedule ask for the same tick, and one run comes of it.
    """
    if has_open(connection, pipeline) or _of_partition(connection, pipeline, tick_partition(tick)) is not None:
        return None
    return ask(connection, pipeline=pipeline, partition=tick_partition(tick), trigger=BY_SCHEDULE, asked_by=BY_SCHEDULE, now=now)


def tick_partition(tick: datetime) -> str:
    """The partition of a scheduled tick: its time in UTC."""
    return tick.isoformat().replace("+00:00", "Z")


def has_open(connection: Connection, pipeline: str) -> bool:
    """Whether a run of the pipeline is asked for or running."""
    found = connection.execute(select(runs.c.id).where(runs.c.pipeline == pipeline, runs.c.state != ENDED).limit(1))
    return found.first() is not None


def waiting(connection: Connection, pipelines: Collection[str], now: datetime) -> bool:
    """Whether there may be something to claim. Reads only, so that looking often costs little."""
    return connection.execute(select(runs.c.id).where(_claimable(pipelines, now)).limit(1)).first() is not None


def claim(connection: Connection, *, pipelines: Collection[str], worker: str, now: datetime, lease: timedelta) -> Run | None:
    """Take the run that has waited longest; None when there is none. Exactly one worker gets it.

    The worker must `renew` before the lease ends, or another takes the run again: that is how the run of a killed process
    goes on, until it is one to `give_up`. A run of a pipeline waits while another of it is running.
    """
    busy: set[str] = set()
    hopeful = and_(_claimable(pipelines, now), runs.c.tries < MOST_TRIES)
    waited = select(runs).where(hopeful).order_by(runs.c.asked_at, runs.c.id)
    for row in connection.execute(waited).all():
        run = _run(row)
        if run.pipeline in busy or _runs_elsewhere(connection, run, now):
            busy.add(run.pipeline)
        elif _take(connection, run, worker, now, lease):
            return get(connection, run.id)
    return None


def renew(connection: Connection, run: Run, *, now: datetime, lease: timedelta) -> bool:
    """Keep a claim for another lease; False when the run is no longer ours."""
    return _changes_one(connection, update(runs).where(_ours(run)).values(claimed_until=now + lease))


def give_up(connection: Connection, *, pipelines: Collection[str], now: datetime) -> list[Run]:
    """End as failed what its workers left behind too often; the runs as they ended. Each is given up by one worker."""
    hopeless = and_(_claimable(pipelines, now), runs.c.tries >= MOST_TRIES)
    given_up: list[Run] = []
    for row in connection.execute(select(runs).where(hopeless).order_by(runs.c.id)).all():
        run = _run(row)
        error = f"was begun {run.tries} times and its process never came to its end"
        ended = _end(connection, run, _as_read(run), now, {"outcome": FAILED, "error": error})
        given_up += [ended] if ended else []
    return given_up


def finish(connection: Connection, run: Run, ending: Ending, *, now: datetime) -> Run | None:
    """End a run that we claimed; the run as it ended. None, with nothing changed, when somebody else has taken it since."""
    return _end(connection, run, _ours(run), now, asdict(ending))


def get(connection: Connection, run: int) -> Run | None:
    """One run by its id."""
    row = connection.execute(select(runs).where(runs.c.id == run)).first()
    return None if row is None else _run(row)


def before(connection: Connection, run: Run) -> Run | None:
    """The run of the same pipeline before this one that succeeded or failed; None where none is known."""
    # Of an expression there is no index: the way back from this run meets the one before it at once, and nothing is sorted.
    same = runs.c.pipeline.concat("") == run.pipeline
    told = and_(same, runs.c.id < run.id, runs.c.outcome.in_((SUCCEEDED, FAILED)))
    row = connection.execute(select(runs).where(told).order_by(runs.c.id.desc()).limit(1)).first()
    return None if row is None else _run(row)


def last(connection: Connection, pipeline: str, limit: int = 20) -> Sequence[Run]:
    """The newest runs of a pipeline, the newest first."""
    found = select(runs).where(runs.c.pipeline == pipeline).order_by(runs.c.id.desc()).limit(limit)
    return [_run(row) for row in connection.execute(found)]


def running(connection: Connection, now: datetime) -> set[str]:
    """The pipelines of which a run is going on, in whichever process."""
    found = select(runs.c.pipeline).where(runs.c.state == RUNNING, runs.c.claimed_until >= now)
    return set(connection.execute(found).scalars())


def forget(connection: Connection, before: datetime) -> int:
    """Delete the runs that ended before; returns how many."""
    return connection.execute(delete(runs).where(runs.c.state == ENDED, runs.c.ended_at < before)).rowcount


def _of_partition(connection: Connection, pipeline: str, partition: str) -> int | None:
    found = select(runs.c.id).where(runs.c.pipeline == pipeline, runs.c.partition == partition)
    return connection.execute(found).scalar()


def _claimable(pipelines: Collection[str], now: datetime) -> ColumnElement[bool]:
    left_behind = and_(runs.c.state == RUNNING, runs.c.claimed_until < now)
    return and_(runs.c.pipeline.in_(pipelines), or_(runs.c.state == ASKED, left_behind))


def _runs_elsewhere(connection: Connection, run: Run, now: datetime) -> bool:
    others = select(func.count()).where(
        runs.c.pipeline == run.pipeline, runs.c.id != run.id, runs.c.state == RUNNING, runs.c.claimed_until >= now
    )
    return bool(connection.execute(others).scalar())


def _take(connection: Connection, run: Run, worker: str, now: datetime, lease: timedelta) -> bool:
    # Two workers may have read the same row; the one whose UPDATE still finds it as it was has it.
    values = {"state": RUNNING, "claimed_by": worker, "claimed_until": now + lease, "started_at": now, "tries": run.tries + 1}
    return _changes_one(connection, update(runs).where(_as_read(run)).values(values))


def _end(connection: Connection, run: Run, still: ColumnElement[bool], now: datetime, ending: Mapping[str, Any]) -> Run | None:
    values = {"state": ENDED, "ended_at": now, "claimed_until": None, **ending}
    return replace(run, **values) if _changes_one(connection, update(runs).where(still).values(values)) else None


def _as_read(run: Run) -> ColumnElement[bool]:
    return and_(runs.c.id == run.id, runs.c.state == run.state, runs.c.tries == run.tries)


def _ours(run: Run) -> ColumnElement[bool]:
    # `tries` is part of it: the same worker may have lost the run and taken it again.
    return and_(runs.c.id == run.id, runs.c.state == RUNNING, runs.c.claimed_by == run.claimed_by, runs.c.tries == run.tries)


def _changes_one(connection: Connection, statement: Any) -> bool:
    return int(connection.execute(statement).rowcount) == 1


def _run(row: Row[Any]) -> Run:
    return Run(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way to a row's names
