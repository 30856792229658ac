"""Messages decided but not yet sent. A row is written in the transaction that decided it and claimed by compare-and-set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, and_, exists, func, insert, or_, select, update

from gwanje.keep.state.tables import attempts, outbox, outbox_episodes

WAITING: Final = "waiting"
SENT: Final = "sent"
FAILED: Final = "failed"
LATER: Final = "later"
"""The outcome of an attempt after which the row waits for the next one."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that exactly one worker holds until its claim ends."""

    id: int
    key: str
    message: Any
    tries: int
    """How often it was tried before."""
    deadline: datetime
    episodes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Tried:
    """What one attempt came to: `sent`, `later` or `failed`."""

    at: datetime
    outcome: str
    status: int | None
    latency_ms: float
    error: str
    next_at: datetime
    """When it is tried again; read only where the outcome is `later`."""


def put(
    connection: Connection,
    *,
    key: str,
    receiver: str,
    group_key: str,
    reason: str,
    episodes: Sequence[str],
    message: Any,
    now: datetime,
    deadline: datetime,
) -> None:
    """Write down a message to send. `key` is unique: the same decision cannot be written twice."""
    row = {
        "key": key,
        "receiver": receiver,
        "group_key": group_key,
        "reason": reason,
        "message": message,
        "state": WAITING,
        "created_at": now,
        "next_at": now,
        "deadline_at": deadline,
        "tries": 0,
        "error": "",
    }
    connection.execute(insert(outbox).values(row))
    id_ = connection.execute(select(outbox.c.id).where(outbox.c.key == key)).scalar_one()
    if episodes:
        connection.execute(
            insert(outbox_episodes), [{"outbox_id": id_, "episode": episode} for episode in dict.fromkeys(episodes)]
        )


def is_due(connection: Connection, receiver: str, now: datetime) -> bool:
    """Whether `claim` would look at a row: a cheap question before the database is locked for writing."""
    return bool(connection.execute(select(exists().where(*_claimable(receiver, now)))).scalar())


def claim(connection: Connection, receiver: str, worker: str, now: datetime, until: datetime) -> Claimed | None:
    """Take the oldest message of a receiver that is due; None where there is none, or another worker was faster.

    Within a group the order is kept: as long as an older message waits, a newer one is not due.
    """
    row = connection.execute(select(outbox).where(*_claimable(receiver, now)).order_by(outbox.c.id).limit(1)).mappings().first()
    if row is None:
        return None
    # Two workers may see the same row; the one whose UPDATE hits it sends.
    mine = update(outbox).where(outbox.c.id == row["id"], *_free(now)).values(claimed_by=worker, claimed_until=until)
    if connection.execute(mine).rowcount == 0:
        return None
    told = connection.execute(select(outbox_episodes.c.episode).where(outbox_episodes.c.outbox_id == row["id"])).scalars().all()
    return Claimed(row["id"], row["key"], row["message"], row["tries"], row["deadline_at"], tuple(told))


def attempted(connection: Connection, id_: int, worker: str, tried: Tried) -> None:
    """Record an attempt and what becomes of the message. A worker whose claim was taken over changes only the record."""
    connection.execute(
        insert(attempts).values(
            outbox_id=id_, at=tried.at, outcome=tried.outcome, status=tried.status, latency_ms=tried.latency_ms, error=tried.error
        )
    )
    done = tried.outcome != LATER
    changes = {
        "state": tried.outcome if done else WAITING,
        "tries": outbox.c.tries + 1,
        "error": tried.error,
        "claimed_by": None,
        "claimed_until": None,
        "done_at": tried.at if done else None,
        "next_at": outbox.c.next_at if done else tried.next_at,
    }
    # What was sent is sent, also when the lease ran out on the way; otherwise it would go out once more.
    own = [] if tried.outcome == SENT else [outbox.c.claimed_by == worker]
    connection.execute(update(outbox).where(outbox.c.id == id_, outbox.c.state == WAITING, *own).values(changes))


def release(connection: Connection, worker: str) -> int:
    """Give back what a worker of this name still held when it died; returns how many."""
    held = and_(outbox.c.state == WAITING, outbox.c.claimed_by == worker)
    return connection.execute(update(outbox).where(held).values(claimed_by=None, claimed_until=None)).rowcount


def expire(connection: Connection, now: datetime) -> list[str]:
    """Fail what nobody took until its deadline, such as messages to a receiver that is gone; returns the receivers."""
    over = and_(outbox.c.deadline_at <= now, *_free(now))
    receivers = list(connection.execute(select(outbox.c.receiver).where(over)).scalars())
    if receivers:
        connection.execute(update(outbox).where(over).values(state=FAILED, done_at=now, error="not sent until its deadline"))
    return receivers


def became(connection: Connection, key: str) -> RowMapping | None:
    """What became of a message: `state`, `tries`, `error`; None where there is none of that key."""
    wanted = select(outbox.c.state, outbox.c.tries, outbox.c.error).where(outbox.c.key == key)
    return connection.execute(wanted).mappings().first()


def counts_by_state(connection: Connection) -> dict[str, int]:
    """How many messages there are in each state."""
    counted = select(outbox.c.state, func.count()).group_by(outbox.c.state)
    return {str(state): int(count) for state, count in connection.execute(counted)}


def _free(now: datetime) -> tuple[Any, ...]:
    return (outbox.c.state == WAITING, or_(outbox.c.claimed_until.is_(None), outbox.c.claimed_until <= now))


def _claimable(receiver: str, now: datetime) -> tuple[Any, ...]:
    older = outbox.alias("older")
    behind = exists().where(
        older.c.receiver == outbox.c.receiver,
        older.c.group_key == outbox.c.group_key,
        older.c.state == WAITING,
        older.c.id < outbox.c.id,
    )
    return (outbox.c.receiver == receiver, outbox.c.next_at <= now, *_free(now), ~behind)
