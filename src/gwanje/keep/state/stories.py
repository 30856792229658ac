"""Alerts as people read them: episodes, what was told of them, and their stories. `alerts.py` writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, case, func, or_, select

from gwanje.keep.said import Acknowledgement
from gwanje.keep.state import acknowledgements
from gwanje.keep.state.statements import parts
from gwanje.keep.state.tables import attempts, episodes, outbox, outbox_episodes, transitions
from gwanje.model import Severity

_AT_ONE_GO: Final = 1000
"""How many rows are taken from the driver at a time, where a hundred thousand may come."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one message about an episode: `waiting`, `sent` or `failed`."""

    receiver: str
    reason: str
    state: str
    tries: int
    at: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode, with everything that a view of it needs."""

    id: str
    fingerprint: str
    rule: str
    labels: Mapping[str, str]
    host: str | None
    annotations: Mapping[str, str]
    summary: Mapping[str, str]
    state: str
    severity: Severity
    began_at: datetime
    fired_at: datetime | None
    ended_at: datetime | None
    ended_because: str | None
    value: float | None
    peak: float | None
    operator: str
    threshold: float
    query: str
    unit: str
    for_: timedelta
    source: str = "rule"
    """`rule`, or the door by which another program told it."""
    cause: Mapping[str, str] = field(default_factory=dict)
    """The condition in a sentence, by language."""
    muted: Sequence[str] = ()
    """What keeps it from being told now: `silenced`, `inhibited`, `mute window`, `maintenance`, `flapping`."""
    was_muted: str = ""
    """What kept it from being told, once nothing does any more."""
    threshold_from: str = ""
    """Where its threshold comes from, when that is not the rule itself: `host web-1`."""
    acknowledged: Acknowledgement | None = None
    told: Sequence[Told] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A change of state in an episode's story."""

    at: datetime
    before: str
    after: str
    severity: Severity | None
    value: float | None
    because: str
    reason: Mapping[str, Any] | None = None
    """What the sentence says, as `code` and `values`; None where it says what people wrote, or is of before there were codes."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to tell a receiver in an episode's story: `sent`, `later` or `failed`."""

    at: datetime
    receiver: str
    reason: str
    outcome: str
    status: int | None
    latency_ms: float
    error: str


@dataclass(frozen=True, slots=True)
class Story:
    """One episode from its first breach on, newest first."""

    episode: Episode
    entries: Sequence[Change | Attempt]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which episodes, newest first. `since` and `until` bound when they were open; `before` is the `next` of the page before."""

    state: str = "all"
    """`open`, `ended` or `all`."""
    since: datetime | None = None
    until: datetime | None = None
    rule: str = ""
    host: str = ""
    severity: str = ""
    fired_only: bool = False
    """Leave out what passed before it fired."""
    before: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Page:
    """One page of episodes. `next` asks for the page after it; empty at the end."""

    episodes: Sequence[Episode]
    next: str = field(default="")


def fired_or_named(connection: Connection, ids: Iterable[str], *, fired: bool = True) -> list[Episode]:
    """The episodes that fire now (unless `fired` is False) and those of these ids, without what was told of them."""
    wanted = list(ids)
    found: dict[str, Episode] = {}
    if fired:
        firing = select(episodes).where(episodes.c.ended_at.is_(None), episodes.c.fired_at.is_not(None))
        for some in connection.execute(firing).mappings().partitions(_AT_ONE_GO):
            found |= {row["id"]: _episode(row, ()) for row in some}
    for part in parts([id_ for id_ in wanted if id_ not in found]):
        named = select(episodes).where(episodes.c.id.in_(part))
        found |= {row["id"]: _episode(row, ()) for row in connection.execute(named).mappings().all()}
    return list(found.values())


def open_outside(connection: Connection) -> list[Episode]:
    """Every episode of another program's alert that is not over, without what was told of it."""
    wanted = select(episodes).where(episodes.c.ended_at.is_(None), episodes.c.source != "rule")
    return [_episode(row, ()) for row in connection.execute(wanted).mappings()]


def open_episodes(connection: Connection) -> list[Episode]:
    """Every episode that is not over: the worst first, what fires before what is pending, then the newest."""
    worst = case({str(severity): severity.rank for severity in Severity}, value=episodes.c.severity, else_=len(Severity))
    waiting = case((episodes.c.fired_at.is_(None), 1), else_=0)
    wanted = select(episodes).where(episodes.c.ended_at.is_(None)).order_by(waiting, worst, episodes.c.id.desc())
    return _episodes(connection, wanted)


def episode_page(connection: Connection, wanted: Wanted) -> Page:
    """One page of episodes by filters."""
    limit = max(1, min(wanted.limit, 1000))
    found = _episodes(connection, _filtered(wanted).order_by(episodes.c.id.desc()).limit(limit + 1))
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else "")


def episode(connection: Connection, id_: str) -> Episode | None:
    """One episode; None where there is none of that id."""
    return next(iter(_episodes(connection, select(episodes).where(episodes.c.id == id_))), None)


def story(connection: Connection, id_: str) -> Story | None:
    """One episode with each change and each attempt to tell of it; None where there is none of that id."""
    found = episode(connection, id_)
    if found is None:
        return None
    changes = connection.execute(select(transitions).where(transitions.c.episode == id_).order_by(transitions.c.id)).mappings()
    tries = connection.execute(
        select(attempts, outbox.c.receiver, outbox.c.reason)
        .join(outbox, outbox.c.id == attempts.c.outbox_id)
        .join(outbox_episodes, outbox_episodes.c.outbox_id == outbox.c.id)
        .where(outbox_episodes.c.episode == id_)
        .order_by(attempts.c.id)
    ).mappings()
    entries: list[Change | Attempt] = [*map(_change, changes), *map(_attempt, tries)]
    # In one millisecond a change comes before what was told of it.
    return Story(found, sorted(entries, key=lambda entry: entry.at)[::-1])


def counts_by_state(connection: Connection) -> dict[str, int]:
    """How many episodes are open in each state."""
    counted = select(episodes.c.state, func.count()).where(episodes.c.ended_at.is_(None)).group_by(episodes.c.state)
    return {str(state): int(count) for state, count in connection.execute(counted)}


def deliveries(connection: Connection, ids: Iterable[str]) -> dict[str, list[Told]]:
    """What became of the messages about these episodes, oldest first."""
    found: dict[str, list[Told]] = {}
    for part in parts(list(ids)):
        query = (
            select(outbox_episodes.c.episode, outbox)
            .join(outbox, outbox.c.id == outbox_episodes.c.outbox_id)
            .where(outbox_episodes.c.episode.in_(part))
            .order_by(outbox.c.id)
        )
        for row in connection.execute(query).mappings():
            told = Told(row["receiver"], row["reason"], row["state"], row["tries"], row["done_at"], row["error"])
            found.setdefault(row["episode"], []).append(told)
    return found


def _filtered(wanted: Wanted) -> Select[Any]:
    query = select(episodes)
    if wanted.state == "open":
        query = query.where(episodes.c.ended_at.is_(None))
    elif wanted.state == "ended":
        query = query.where(episodes.c.ended_at.is_not(None))
    if wanted.until is not None:
        query = query.where(episodes.c.began_at < wanted.until)
    if wanted.since is not None:
        query = query.where(or_(episodes.c.ended_at.is_(None), episodes.c.ended_at >= wanted.since))
    if wanted.fired_only:
        query = query.where(episodes.c.fired_at.is_not(None))
    for column, value in ((episodes.c.rule, wanted.rule), (episodes.c.host, wanted.host), (episodes.c.severity, wanted.severity)):
        query = query.where(column == value) if value else query
    return query.where(episodes.c.id < wanted.before) if wanted.before else query


def episodes_of(connection: Connection, rows: Sequence[Mapping[Any, Any]]) -> list[Episode]:
    """Rows of the table as people read them: with who has it, and what was told of it."""
    ids = [row["id"] for row in rows]
    told = deliveries(connection, ids)
    taken = acknowledgements.of(connection, ids)
    return [_episode(row, told.get(row["id"], []), taken.get(row["id"])) for row in rows]


def _episodes(connection: Connection, query: Select[Any]) -> list[Episode]:
    return episodes_of(connection, connection.execute(query).mappings().all())


def _episode(row: Mapping[Any, Any], told: Sequence[Told], taken: Acknowledgement | None = None) -> Episode:
    return Episode(
        id=row["id"],
        fingerprint=row["fingerprint"],
        rule=row["rule"],
        labels=row["labels"],
        host=row["host"],
        annotations=row["annotations"],
        summary=row["summary"],
        state=row["state"],
        severity=Severity(row["severity"]),
        began_at=row["began_at"],
        fired_at=row["fired_at"],
        ended_at=row["ended_at"],
        ended_because=row["ended_because"],
        value=row["value"],
        peak=row["peak"],
        operator=row["operator"],
        threshold=row["threshold"],
        query=row["query"],
        unit=row["unit"],
        for_=timedelta(milliseconds=row["for_ms"]),
        source=row["source"],
        cause=row["cause"] or {},
        muted=tuple(row["muted"] or ()),
        was_muted=row["was_muted"] or "",
        threshold_from=row["threshold_from"] or "",
        acknowledged=taken,
        told=tuple(told),
    )


def _change(row: RowMapping) -> Change:
    severity = Severity(row["severity"]) if row["severity"] else None
    return Change(row["at"], row["before"], row["after"], severity, row["value"], row["because"], row["reason"])


def _attempt(row: RowMapping) -> Attempt:
    return Attempt(row["at"], row["receiver"], row["reason"], row["outcome"], row["status"], row["latency_ms"], row["error"])
