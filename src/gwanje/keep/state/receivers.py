"""Another name for a receiver, wherever state knows it by its name."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, delete, update

from gwanje.keep.state import outbox
from gwanje.keep.state.tables import groups, storms
from gwanje.keep.state.tables import outbox as messages

_BY_NAME: Final = (groups, storms)


def rename(connection: Connection, before: str, after: str) -> None:
    """What a receiver was told, and what waits for it, goes on under its new name; what it got keeps the old one.

    Whoever decides messages must read groups anew.
    """
    for table in _BY_NAME:
        connection.execute(delete(table).where(table.c.receiver == after))  # of one that had this name and is gone
        connection.execute(update(table).where(table.c.receiver == before).values(receiver=after))
    waiting = update(messages).where(messages.c.receiver == before, messages.c.state == outbox.WAITING)
    connection.execute(waiting.values(receiver=after))
