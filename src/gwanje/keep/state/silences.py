"""Silences as they are kept. One that is over stays as history until it is forgotten."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from gwanje.keep.said import Silence
from gwanje.keep.state.tables import silences


def put(connection: Connection, silence: Silence) -> None:
    """Keep it; one of the same id is changed."""
    row = asdict(silence)
    if connection.execute(update(silences).where(silences.c.id == silence.id).values(row)).rowcount == 0:
        connection.execute(insert(silences).values(row))


def one(connection: Connection, id_: str) -> Silence | None:
    row = connection.execute(select(silences).where(silences.c.id == id_)).mappings().first()
    return Silence(**row) if row else None


def between(connection: Connection, start: datetime, end: datetime) -> list[Silence]:
    """Those that hold at some time between, by their beginning."""
    wanted = select(silences).where(silences.c.starts_at < end, silences.c.ends_at > start).order_by(silences.c.starts_at)
    return [Silence(**row) for row in connection.execute(wanted).mappings()]


def not_over(connection: Connection, now: datetime) -> list[Silence]:
    """Those that hold now or will."""
    wanted = select(silences).where(silences.c.ends_at > now).order_by(silences.c.starts_at, silences.c.id)
    return [Silence(**row) for row in connection.execute(wanted).mappings()]


def every(connection: Connection) -> list[Silence]:
    wanted = select(silences).order_by(silences.c.ends_at.desc(), silences.c.id)
    return [Silence(**row) for row in connection.execute(wanted).mappings()]


def forget(connection: Connection, before: datetime) -> int:
    """Delete those that ended before; returns how many."""
    return connection.execute(delete(silences).where(silences.c.ends_at < before)).rowcount
