"""Pauses of pipelines, one a pipeline at most. That one began and ended stands in the audit trail.

One that ended stays until the pipeline's first run after it: before that, what rules find of the pipeline is of before.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, insert, select, update

from gwanje.because import Because
from gwanje.keep.said import Pause
from gwanje.keep.state import people
from gwanje.keep.state.tables import pauses
from gwanje.model import to_ms

_NOT_RUN: Final = Because("not run yet since its pause", "not_run_since_pause")


def put(connection: Connection, pause: Pause, *, address: str = "") -> None:
    """Begin a pause, in the place of an earlier one of the same pipeline."""
    before = one(connection, pause.pipeline)
    connection.execute(delete(pauses).where(pauses.c.pipeline == pause.pipeline))
    connection.execute(insert(pauses).values(asdict(pause)))
    people.note(
        connection,
        pause.since,
        pause.who,
        "pipeline paused",
        pause.pipeline,
        before=_plain(before),
        after=_plain(pause),
        address=address,
    )


def end(
    connection: Connection, pause: Pause, now: datetime, who: str, *, settles_at: datetime | None = None, address: str = ""
) -> bool:
    """End it as it was read; False, with nothing changed, when somebody ended or changed it since.

    Until `settles_at`, unless `settle` comes before, rules do not judge what they find of the pipeline.
    """
    ended = delete(pauses) if settles_at is None else update(pauses).values(settles_at=settles_at)
    if not connection.execute(ended.where(_same(pause))).rowcount:
        return False
    people.note(connection, now, who, "pipeline resumed", pause.pipeline, before=_plain(pause), address=address)
    return True


def settle(connection: Connection, pipeline: str) -> None:
    """A run has ended: what rules find of the pipeline is of now again. A pause that holds is left alone."""
    connection.execute(delete(pauses).where(pauses.c.pipeline == pipeline, pauses.c.settles_at.is_not(None)))


def one(connection: Connection, pipeline: str) -> Pause | None:
    """The pipeline's pause, also one whose time is over and that nobody ended yet."""
    return next((pause for pause in every(connection) if pause.pipeline == pipeline), None)


def every(connection: Connection) -> list[Pause]:
    """Those that nobody ended."""
    columns = [column for column in pauses.c if column.name != "settles_at"]
    wanted = select(*columns).where(pauses.c.settles_at.is_(None)).order_by(pauses.c.pipeline)
    return [Pause(**row) for row in connection.execute(wanted).mappings()]


def any_over(connection: Connection, now: datetime) -> bool:
    """Whether the time of a pause is over: a cheap question before the database is locked for writing."""
    over = and_(pauses.c.settles_at.is_(None), pauses.c.until <= now)
    return bool(connection.execute(select(exists().where(over))).scalar())


def unjudged(connection: Connection, now: datetime) -> dict[str, str]:
    """The pipelines of which rules find what is of before a pause, and why: paused, or not run since."""
    rows = connection.execute(select(pauses)).mappings().all()
    return {
        row["pipeline"]: _paused_by(row["who"]) if row["settles_at"] is None else _NOT_RUN
        for row in rows
        if (row["since"] <= now if row["settles_at"] is None else now < row["settles_at"])
    }


def _paused_by(who: str) -> Because:
    return Because(f"paused by {who}", "paused_by", who=who)


def _same(pause: Pause) -> ColumnElement[bool]:
    until = pauses.c.until.is_(None) if pause.until is None else pauses.c.until == pause.until
    return and_(pauses.c.pipeline == pause.pipeline, pauses.c.since == pause.since, until, pauses.c.settles_at.is_(None))


def _plain(pause: Pause | None) -> dict[str, Any] | None:
    if pause is None:
        return None
    return {name: to_ms(value) if isinstance(value, datetime) else value for name, value in asdict(pause).items()}
