"""Holds of sizes. Each is kept until it is forgotten; that one began and ended stands in the audit trail.

None is ever undone silently: it ends when its time comes or by somebody's word, and both are written down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, delete, exists, insert, select, update

from gwanje.keep.said import Hold
from gwanje.keep.state import people
from gwanje.keep.state.tables import holds
from gwanje.model import to_ms

LONGEST_NAME: Final = 200
"""How long a scaler's name may be."""
ITS_TIME: Final = "its time"
"""Who ended a hold that nobody ended before its end."""


def put(connection: Connection, hold: Hold, *, address: str = "") -> Hold:
    """Keep a new hold; as it is kept, with its id. Others stay as they are."""
    row = {name: value for name, value in asdict(hold).items() if name != "id"}
    made: Any = connection.execute(insert(holds).values(row)).inserted_primary_key
    kept = replace(hold, id=int(made[0]))
    people.note(connection, hold.said_at, hold.who, "size held", hold.scaler, after=_plain(kept), address=address)
    return kept


def end(connection: Connection, hold: Hold, now: datetime, who: str, *, address: str = "") -> bool:
    """End it now; False, with nothing changed, when it was over before."""
    still = (holds.c.id == hold.id, holds.c.ended_at.is_(None))
    if not connection.execute(update(holds).where(*still).values(ended_at=now, ended_by=who[:120])).rowcount:
        return False
    people.note(connection, now, who, "size no longer held", hold.scaler, before=_plain(hold), address=address)
    return True


def end_those_over(connection: Connection, now: datetime) -> list[Hold]:
    """End the holds whose time is over, and return them."""
    wanted = select(holds).where(holds.c.ended_at.is_(None), holds.c.ends_at <= now).order_by(holds.c.ends_at, holds.c.id)
    over = [_hold(row) for row in connection.execute(wanted).mappings()]
    return [hold for hold in over if end(connection, hold, hold.ends_at, ITS_TIME)]


def any_over(connection: Connection, now: datetime) -> bool:
    """Whether the time of a hold is over: a cheap question before the database is locked for writing."""
    return bool(connection.execute(select(exists().where(holds.c.ended_at.is_(None), holds.c.ends_at <= now))).scalar())


def of_scaler(connection: Connection, scaler: str) -> Sequence[Hold]:
    """The holds of a scaler that nobody ended, by their beginning."""
    return [hold for hold in not_ended(connection) if hold.scaler == scaler]


def not_ended(connection: Connection) -> Sequence[Hold]:
    """Those that hold now or will, of every scaler, by their beginning."""
    wanted = select(holds).where(holds.c.ended_at.is_(None)).order_by(holds.c.scaler, holds.c.starts_at, holds.c.id)
    return [_hold(row) for row in connection.execute(wanted).mappings()]


def forget(connection: Connection, before: datetime) -> int:
    """Delete those that ended before; returns how many."""
    return connection.execute(delete(holds).where(holds.c.ended_at < before)).rowcount


def _hold(row: RowMapping) -> Hold:
    return Hold(**row)


def _plain(hold: Hold) -> dict[str, Any]:
    return {name: to_ms(value) if isinstance(value, datetime) else value for name, value in asdict(hold).items()}
