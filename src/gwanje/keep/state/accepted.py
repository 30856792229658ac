"""What is noted of a message that is still under way, beside it in the outbox, and gone when it is done.

Who of several already has it, each by a digest; and what was asked for its group that nobody answered.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, insert, select

from gwanje.keep.state.tables import accepted, outbox


def by(connection: Connection, key: str) -> set[str]:
    """The digests of those who have the message of this key."""
    kept = select(accepted.c.addressee).join(outbox, outbox.c.id == accepted.c.outbox_id).where(outbox.c.key == key)
    return set(connection.execute(kept).scalars())


def note(connection: Connection, key: str, addressees: Collection[str]) -> None:
    """Take note that these have it; each of at most 64 characters. Of a message that is not in the outbox nothing is kept."""
    id_ = connection.execute(select(outbox.c.id).where(outbox.c.key == key).with_for_update()).scalar()
    if id_ is None:
        return
    new = sorted(set(addressees) - by(connection, key))
    if new:
        connection.execute(insert(accepted), [{"outbox_id": id_, "addressee": one} for one in new])


def of_group(connection: Connection, group_key: str) -> set[str]:
    """Everything that is noted of the messages of a group."""
    kept = select(accepted.c.addressee).join(outbox, outbox.c.id == accepted.c.outbox_id)
    return set(connection.execute(kept.where(outbox.c.group_key == group_key)).scalars())


def drop(connection: Connection, group_key: str, *, beginning: str) -> None:
    """Forget the notes of a group's messages that begin so."""
    of_it = select(outbox.c.id).where(outbox.c.group_key == group_key)
    so = accepted.c.addressee.startswith(beginning, autoescape=True)
    connection.execute(delete(accepted).where(accepted.c.outbox_id.in_(of_it), so))


def forget(connection: Connection, outbox_ids: Collection[int]) -> None:
    """What was noted of these messages is needed no more."""
    connection.execute(delete(accepted).where(accepted.c.outbox_id.in_(outbox_ids)))
