"""Who of several already has a message that is still under way: kept beside it in the outbox, and gone when it is done."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, insert, select

from gwanje.keep.state.tables import accepted, outbox


def by(connection: Connection, key: str) -> set[str]:
    """The digests of those who have the message of this key."""
    kept = select(accepted.c.addressee).join(outbox, outbox.c.id == accepted.c.outbox_id).where(outbox.c.key == key)
    return set(connection.execute(kept).scalars())


def note(connection: Connection, key: str, addressees: Collection[str]) -> None:
    """Take note that these have it; each a digest of 64 characters. Of a message that is not in the outbox nothing is kept."""
    id_ = connection.execute(select(outbox.c.id).where(outbox.c.key == key).with_for_update()).scalar()
    if id_ is None:
        return
    new = sorted(set(addressees) - by(connection, key))
    if new:
        connection.execute(insert(accepted), [{"outbox_id": id_, "addressee": one} for one in new])


def forget(connection: Connection, outbox_ids: Collection[int]) -> None:
    """What was noted of these messages is needed no more."""
    connection.execute(delete(accepted).where(accepted.c.outbox_id.in_(outbox_ids)))
