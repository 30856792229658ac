"""Departures as they are kept. One that is over stays until it is forgotten; the audit trail says who said and who took back."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from gwanje.keep.said import Departure
from gwanje.keep.state import people
from gwanje.keep.state.tables import departures
from gwanje.model import to_ms


def put(connection: Connection, said: Departure, *, address: str = "") -> None:
    """Keep a new one."""
    connection.execute(insert(departures).values(asdict(said)))
    people.note(connection, said.said_at, said.who, "departure said", said.name, after=_plain(said), address=address)


def take_back(connection: Connection, id_: str, now: datetime, who: str, *, address: str = "") -> bool:
    """Drop one that is not over; False when there is none."""
    wanted = (departures.c.id == id_, departures.c.ends_at > now)
    row = connection.execute(select(departures).where(*wanted)).mappings().first()
    if row is None or not connection.execute(delete(departures).where(*wanted)).rowcount:
        return False
    people.note(connection, now, who, "departure taken back", row["name"], before=_plain(Departure(**row)), address=address)
    return True


def not_over(connection: Connection, now: datetime) -> list[Departure]:
    """Those that hold now or will, by their beginning."""
    wanted = select(departures).where(departures.c.ends_at > now).order_by(departures.c.starts_at, departures.c.id)
    return [Departure(**row) for row in connection.execute(wanted).mappings()]


def forget(connection: Connection, before: datetime) -> int:
    """Delete those that ended before; returns how many."""
    return connection.execute(delete(departures).where(departures.c.ends_at < before)).rowcount


def _plain(said: Departure) -> dict[str, Any]:
    return {name: to_ms(value) if isinstance(value, datetime) else value for name, value in asdict(said).items()}
