"""What was decided to be done about alerts, and what came of it. A row is written in the transaction that decided it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, and_, exists, insert, or_, select, update

from gwanje.because import Because, plain
from gwanje.keep.state.statements import parts
from gwanje.keep.state.tables import audit, deeds

WAITING: Final = "waiting"
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"
DRY: Final = "dry"
_LONGEST_RESULT: Final = 1000


@dataclass(frozen=True, slots=True)
class Kept:
    """One deed, from its decision to its end."""

    id: int
    action: str
    target: str
    rule: str
    episode: str
    labels: Mapping[str, str]
    because: str
    reason: Mapping[str, Any] | None
    """What `because` says by code and values, where it has them."""
    dry: bool
    state: str
    decided_at: datetime
    ended_at: datetime | None
    result: str
    result_reason: Mapping[str, Any] | None
    """What `result` says by code and values, where it has them."""


def put(connection: Connection, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Keep deeds to do; each is in the audit trail, too."""
    if rows:
        new = {"state": WAITING, "decided_at": now, "result": ""}
        said = [{"because": str(row["because"]), "reason": plain(row["because"])} for row in rows]
        connection.execute(insert(deeds), [{**row, **why, **new} for row, why in zip(rows, said, strict=True)])


def recent(connection: Connection, since: datetime) -> list[Kept]:
    """What was decided since then, and what is not over, oldest first."""
    wanted = select(deeds).where(or_(deeds.c.decided_at >= since, deeds.c.ended_at.is_(None))).order_by(deeds.c.id)
    return [_kept(row) for row in connection.execute(wanted).mappings()]


def of_episode(connection: Connection, episode: str) -> list[Kept]:
    return of_episodes(connection, [episode])


def of_episodes(connection: Connection, episodes: Iterable[str]) -> list[Kept]:
    """Everything that was decided about these alerts, however long ago."""
    found: list[Kept] = []
    for part in parts(list(episodes)):
        wanted = select(deeds).where(deeds.c.episode.in_(part)).order_by(deeds.c.id)
        found += [_kept(row) for row in connection.execute(wanted).mappings()]
    return found


def any_waits(connection: Connection) -> bool:
    """Whether there is something to do: a cheap question before the database is locked for writing."""
    return bool(connection.execute(select(exists().where(deeds.c.state == WAITING))).scalar())


def claim(connection: Connection, worker: str) -> Kept | None:
    """Take the oldest deed that waits; None where there is none, or another worker was faster."""
    wanted = select(deeds).where(deeds.c.state == WAITING).order_by(deeds.c.id).limit(1)
    row = connection.execute(wanted).mappings().first()
    if row is None:
        return None
    mine = update(deeds).where(deeds.c.id == row["id"], deeds.c.state == WAITING).values(state=RUNNING, claimed_by=worker)
    return _kept(row) if connection.execute(mine).rowcount else None


def end(connection: Connection, id_: int, state: str, result: str, now: datetime) -> None:
    """Write down what came of a deed, in the audit trail as well."""
    row = connection.execute(select(deeds).where(deeds.c.id == id_)).mappings().one()
    connection.execute(update(deeds).where(deeds.c.id == id_).values(state=state, ended_at=now, **_came(result)))
    line = {"at": now, "who": f"action {row['action']}"[:120], "what": f"action {state}", "target": row["target"][:255]}
    after = {"episode": row["episode"], "because": row["because"], "result": result[:_LONGEST_RESULT]}
    connection.execute(insert(audit).values(**line, before=None, after=after, address=""))


def give_up(connection: Connection, worker: str, now: datetime, *, before: datetime | None = None) -> int:
    """What this worker was doing when it died has failed: nobody knows how far it came. Returns how many.

    With `before`, what the other workers have been at since then: they do not come back.
    """
    whose = deeds.c.claimed_by == worker
    if before is not None:
        whose = and_(deeds.c.claimed_by != worker, deeds.c.decided_at < before)
    under_way = (deeds.c.state == RUNNING, whose)
    died = Because("the process ended while it was done; nobody knows how far it came", "process_ended")
    return connection.execute(update(deeds).where(*under_way).values(state=FAILED, ended_at=now, **_came(died))).rowcount


def forget(connection: Connection, before: datetime) -> int:
    """Delete those that ended before; returns how many."""
    return connection.execute(deeds.delete().where(deeds.c.ended_at < before)).rowcount


def _came(result: str) -> dict[str, Any]:
    return {"result": result[:_LONGEST_RESULT], "result_reason": plain(result)}


def _kept(row: RowMapping) -> Kept:
    return Kept(**{name: value for name, value in row.items() if name != "claimed_by"})
