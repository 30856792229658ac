"""What each process on one state says that it changed: a number for each topic, in rows that only that process writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from gwanje.keep.state.tables import changes

Numbers = Mapping[tuple[str, str], int]
"""By process and topic, how often that process said so."""


def say(connection: Connection, process: str, topics: Iterable[str], now: datetime) -> None:
    """Something of each of these topics changed."""
    for topic in sorted(set(topics)):
        own = update(changes).where(changes.c.process == process, changes.c.topic == topic)
        if connection.execute(own.values(number=changes.c.number + 1, at=now)).rowcount == 0:
            connection.execute(insert(changes).values(process=process, topic=topic, number=1, at=now))


def by_others(connection: Connection, process: str) -> Numbers:
    """What every other process said."""
    wanted = select(changes.c.process, changes.c.topic, changes.c.number).where(changes.c.process != process)
    return {(one.process, one.topic): one.number for one in connection.execute(wanted)}


def forget(connection: Connection, before: datetime) -> int:
    """Delete what was said before, such as by processes that are gone; returns how much."""
    return connection.execute(delete(changes).where(changes.c.at < before)).rowcount
