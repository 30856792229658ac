"""Messages decided but not yet sent. A row is written in the transaction that decided it and claimed by compare-and-set."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Update,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from gwanje.keep.state import accepted
from gwanje.keep.state.bulk import insert_all
from gwanje.keep.state.tables import LONGEST_REFERENCE, attempts, outbox, outbox_episodes

WAITING: Final = "waiting"
SENT: Final = "sent"
FAILED: Final = "failed"
LATE_AFTER: Final = timedelta(minutes=1)
"""A message that waited longer than this, or was tried before, is late."""
MOST_TOGETHER: Final = 100
LATER: Final = "later"
"""The outcome of an attempt after which the row waits for the next one."""

Moment = datetime | BindParameter[datetime]
"""A time, or the place of one in a statement that is put together once."""


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
    reference: str = ""
    """What the receiver named the message that was sent before this one about the same group; empty where it named none."""
    reason: str = ""
    before: Sequence[Any] = ()
    """Older messages about the same group that are as late, oldest first: what becomes of this one becomes of them."""
    older: Sequence[int] = ()
    """The ids of those."""


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
    reference: str = ""
    """What the receiver named the message; read only where the outcome is `sent`."""


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
    (id_,) = connection.execute(insert(outbox), row).inserted_primary_key or (None,)
    insert_all(connection, outbox_episodes, [{"outbox_id": id_, "episode": episode} for episode in dict.fromkeys(episodes)])


def is_due(connection: Connection, receiver: str, now: datetime) -> bool:
    """Whether `claim` would look at a row: a cheap question before the database is locked for writing."""
    return bool(connection.execute(_is_due(), {"to": receiver, "now": now}).scalar())


def claim(
    connection: Connection, receiver: str, worker: str, now: datetime, until: datetime, *, alone: Collection[str] = ()
) -> Claimed | None:
    """Take the oldest message of a receiver that is due; None where there is none, or another worker was faster.

    Order is kept within a group and for each episode: as long as an older message waits, a newer one is not due. When the
    oldest is late, the newer ones of its group come with it, to be told as one; never those whose reason stands in `alone`.
    """
    # What another worker is taking just now is left to it; its group is not passed by, because it still waits.
    row = connection.execute(_oldest_due(), {"to": receiver, "now": now}).mappings().first()
    if row is None:
        return None
    # Two workers may see the same row; the one whose UPDATE hits it sends.
    if connection.execute(_mine(), {"this": row["id"], "now": now, "worker": worker, "until": until}).rowcount == 0:
        return None
    late = row["tries"] > 0 or now - row["created_at"] >= LATE_AFTER
    rows = [row, *(_following(connection, row, alone) if late and row["reason"] not in alone else ())]
    ids = [one["id"] for one in rows]
    if len(ids) > 1:
        connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(claimed_by=worker, claimed_until=until))
    episodes = select(outbox_episodes.c.episode).where(outbox_episodes.c.outbox_id.in_(ids))
    told = dict.fromkeys(connection.execute(episodes.order_by(outbox_episodes.c.outbox_id)).scalars())
    newest = rows[-1]
    return Claimed(
        newest["id"],
        newest["key"],
        newest["message"],
        row["tries"],
        newest["deadline_at"],
        tuple(told),
        _reference(connection, receiver, row["group_key"]),
        newest["reason"],
        before=tuple(one["message"] for one in rows[:-1]),
        older=tuple(ids[:-1]),
    )


def attempted(connection: Connection, claimed: Claimed, worker: str, tried: Tried) -> None:
    """Record an attempt and what becomes of the message. A worker whose claim was taken over changes only the record."""
    row = {name: getattr(tried, name) for name in ("at", "outcome", "status", "latency_ms", "error")}
    connection.execute(insert(attempts).values({**row, "outbox_id": claimed.id}))
    done = tried.outcome != LATER
    changes = {
        "state": tried.outcome if done else WAITING,
        "tries": outbox.c.tries + 1,
        "error": tried.error,
        "claimed_by": None,
        "claimed_until": None,
        "done_at": tried.at if done else None,
        "next_at": outbox.c.next_at if done else tried.next_at,
        "reference": tried.reference[:LONGEST_REFERENCE] or None,
    }
    # What was sent is sent, also when the lease ran out on the way; otherwise it would go out once more.
    own = [] if tried.outcome == SENT else [outbox.c.claimed_by == worker]
    ids = (*claimed.older, claimed.id)
    connection.execute(update(outbox).where(outbox.c.id.in_(ids), outbox.c.state == WAITING, *own).values(changes))
    if done:
        accepted.forget(connection, ids)
    if claimed.older:
        _join(connection, claimed)


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


def hasten(connection: Connection, now: datetime, longest: timedelta, lease: timedelta) -> None:
    """Let go of times that no clock of now gave: it was ahead, and was set right.

    A message that nobody tried is due from its beginning, a pause is at most `longest`, and no claim lasts for a `lease`, which
    leaves room for the clock of another process.
    """
    mine = update(outbox).where(outbox.c.state == WAITING)
    connection.execute(mine.where(outbox.c.claimed_until > now + lease).values(claimed_by=None, claimed_until=None))
    waits = or_(and_(outbox.c.tries == 0, outbox.c.next_at > now), outbox.c.next_at > now + longest)
    connection.execute(mine.where(outbox.c.claimed_until.is_(None), waits).values(next_at=now))


def became(connection: Connection, key: str) -> RowMapping | None:
    """What became of a message: `state`, `tries`, `error`; None where there is none of that key."""
    wanted = select(outbox.c.state, outbox.c.tries, outbox.c.error).where(outbox.c.key == key)
    return connection.execute(wanted).mappings().first()


def forget_group(connection: Connection, group_key: str, before: datetime) -> int:
    """Delete what was done before of one group, with its attempts; returns how many."""
    old = select(outbox.c.id).where(outbox.c.group_key == group_key, outbox.c.done_at < before)
    ids = list(connection.execute(old).scalars())
    if ids:
        connection.execute(delete(outbox_episodes).where(outbox_episodes.c.outbox_id.in_(ids)))
        connection.execute(delete(attempts).where(attempts.c.outbox_id.in_(ids)))
        accepted.forget(connection, ids)
        connection.execute(delete(outbox).where(outbox.c.id.in_(ids)))
    return len(ids)


def counts_by_state(connection: Connection) -> dict[str, int]:
    """How many messages there are in each state."""
    counted = select(outbox.c.state, func.count()).group_by(outbox.c.state)
    return {str(state): int(count) for state, count in connection.execute(counted)}


def _following(connection: Connection, first: RowMapping, alone: Collection[str]) -> list[RowMapping]:
    """The messages of a group that wait behind its first, up to one that has to wait for another group or be told by itself."""
    wanted = select(outbox, _behind_an_episode(other_group=True).label("waits")).where(
        outbox.c.receiver == first["receiver"],
        outbox.c.group_key == first["group_key"],
        outbox.c.state == WAITING,
        outbox.c.id > first["id"],
    )
    found: list[RowMapping] = []
    for row in connection.execute(wanted.order_by(outbox.c.id).limit(MOST_TOGETHER)).mappings():
        if row["waits"] or row["reason"] in alone:
            break
        found.append(row)
    return found


def _join(connection: Connection, claimed: Claimed) -> None:
    """A message that is told in the place of older ones is about their episodes, too, and so is each attempt to tell it."""
    own = select(outbox_episodes.c.episode).where(outbox_episodes.c.outbox_id == claimed.id)
    known = set(connection.execute(own).scalars())
    more = [{"outbox_id": claimed.id, "episode": episode} for episode in claimed.episodes if episode not in known]
    if more:
        connection.execute(insert(outbox_episodes), more)


def _reference(connection: Connection, receiver: str, group_key: str) -> str:
    """What the receiver named the last message that it accepted about a group."""
    sent = (outbox.c.receiver == receiver, outbox.c.group_key == group_key, outbox.c.state == SENT)
    last = select(outbox.c.reference).where(*sent).order_by(outbox.c.id.desc()).limit(1)
    return connection.execute(last).scalar() or ""


# --- questions asked for each message: put together once, because that costs more than their answers ------------------------


@cache
def _is_due() -> Select[tuple[bool]]:
    return select(exists().where(*_claimable(bindparam("to"), bindparam("now"))))


@cache
def _oldest_due() -> Select[Any]:
    due = select(outbox).where(*_claimable(bindparam("to"), bindparam("now"))).order_by(outbox.c.id).limit(1)
    return due.with_for_update(skip_locked=True)


@cache
def _mine() -> Update:
    free = update(outbox).where(outbox.c.id == bindparam("this"), *_free(bindparam("now")))
    return free.values(claimed_by=bindparam("worker"), claimed_until=bindparam("until"))


def _free(now: Moment) -> tuple[Any, ...]:
    return (outbox.c.state == WAITING, or_(outbox.c.claimed_until.is_(None), outbox.c.claimed_until <= now))


def _claimable(receiver: BindParameter[str], now: Moment) -> tuple[Any, ...]:
    # Scalar questions, which no planner turns into joins: of rows that are too fresh to have statistics it expects one, finds
    # that any order of joins will do, and reads all that waits once for each of them.
    older = outbox.alias("older")
    same_group = (older.c.receiver == outbox.c.receiver, older.c.group_key == outbox.c.group_key, older.c.state == WAITING)
    oldest = select(older.c.id).where(*same_group).order_by(older.c.id).limit(1).correlate(outbox).scalar_subquery()
    return (outbox.c.receiver == receiver, outbox.c.next_at <= now, *_free(now), outbox.c.id == oldest, ~_behind_an_episode())


def _behind_an_episode(*, other_group: bool = False) -> ColumnElement[bool]:
    """An older message tells the same receiver of one of its episodes, in whatever group: a digest, or a changed route."""
    older, theirs, own = outbox.alias("earlier"), outbox_episodes.alias("theirs"), outbox_episodes.alias("own")
    waiting = [older.c.id == theirs.c.outbox_id, older.c.state == WAITING]
    if other_group:
        waiting.append(older.c.group_key != outbox.c.group_key)
    its_receiver = select(older.c.receiver).where(*waiting).correlate(theirs, outbox).scalar_subquery()
    shares = (own.c.outbox_id == outbox.c.id, theirs.c.episode == own.c.episode, theirs.c.outbox_id < outbox.c.id)
    first = select(theirs.c.outbox_id).where(*shares, its_receiver == outbox.c.receiver).limit(1).correlate(outbox)
    return first.scalar_subquery().is_not(None)
