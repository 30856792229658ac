"""What alerts did: stretches in which a threshold was crossed, changes as they come, and figures about all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, func, or_, select

from gwanje.keep.state.statements import parts
from gwanje.keep.state.tables import audit, episodes, transitions
from gwanje.model import Severity


@dataclass(frozen=True, slots=True)
class Step:
    """One change of an episode's state, with its number: later changes have higher ones."""

    id: int
    episode: str
    at: datetime
    before: str
    after: str
    severity: Severity | None
    value: float | None
    because: str
    reason: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which changes are followed; what is empty takes all."""

    host: str = ""
    rule: str = ""
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Lived:
    """What figures need of one episode that fired."""

    id: str
    rule: str
    host: str | None
    severity: Severity
    began_at: datetime
    fired_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Fired:
    """An alert of some time ago, as far as others were inhibited by it; `severity` is its last."""

    id: str
    rule: str
    labels: Mapping[str, str]
    severity: Severity
    fired_at: datetime
    ended_at: datetime | None


def steps_of(connection: Connection, ids: Iterable[str]) -> Mapping[str, Sequence[Step]]:
    """Every change of these episodes, oldest first."""
    found: dict[str, list[Step]] = {}
    for part in parts(list(ids)):
        wanted = select(transitions).where(transitions.c.episode.in_(part)).order_by(transitions.c.id)
        for row in connection.execute(wanted).mappings():
            found.setdefault(row["episode"], []).append(Step(**{**row, "severity": _severity(row["severity"])}))
    return found


class Open(Protocol):
    """An open alert, as far as a line of its story needs it."""

    @property
    def id(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def value(self) -> float | None: ...


def aside(episode: Open, at: datetime, because: str) -> dict[str, Any]:
    """A line for an alert's story that tells of no change of state, as `alerts.add_transitions` takes it."""
    same = {"before": episode.state, "after": episode.state, "severity": episode.severity, "value": episode.value}
    return {"episode": episode.id, "at": at, **same, "because": because}


def asides(connection: Connection) -> list[Step]:
    """The lines about no change of state in the stories of alerts that fire, oldest first."""
    wanted = (
        select(transitions)
        .join(episodes, episodes.c.id == transitions.c.episode)
        .where(episodes.c.ended_at.is_(None), episodes.c.fired_at.is_not(None), transitions.c.before == transitions.c.after)
        .order_by(transitions.c.id)
    )
    return [Step(**{**row, "severity": _severity(row["severity"])}) for row in connection.execute(wanted).mappings()]


def steps_after(connection: Connection, number: int, chosen: Chosen, limit: int) -> list[Step]:
    """Changes with higher numbers, oldest first."""
    wanted = (
        select(transitions)
        .join(episodes, episodes.c.id == transitions.c.episode)
        .where(transitions.c.id > number)
        .order_by(transitions.c.id)
        .limit(limit)
    )
    for column, value in (
        (episodes.c.host, chosen.host),
        (episodes.c.rule, chosen.rule),
        (transitions.c.severity, chosen.severity),
    ):
        wanted = wanted.where(column == value) if value else wanted
    return [Step(**{**row, "severity": _severity(row["severity"])}) for row in connection.execute(wanted).mappings()]


def newest_step(connection: Connection) -> int:
    """The number of the last change; 0 before the first."""
    return int(connection.execute(select(func.coalesce(func.max(transitions.c.id), 0))).scalar_one())


def lived(connection: Connection, since: datetime, until: datetime) -> list[Lived]:
    """The episodes that fired and were open at some time between."""
    wanted = select(
        episodes.c.id,
        episodes.c.rule,
        episodes.c.host,
        episodes.c.severity,
        episodes.c.began_at,
        episodes.c.fired_at,
        episodes.c.ended_at,
    ).where(
        episodes.c.fired_at.is_not(None),
        episodes.c.fired_at < until,
        or_(episodes.c.ended_at.is_(None), episodes.c.ended_at >= since),
    )
    return [Lived(**{**row, "severity": Severity(row["severity"])}) for row in connection.execute(wanted).mappings()]


def fired(connection: Connection, since: datetime, until: datetime) -> Iterator[Fired]:
    """The alerts that fired at some time between, by when they began."""
    columns = [getattr(episodes.c, name) for name in Fired.__dataclass_fields__]
    fires = (episodes.c.fired_at < until, or_(episodes.c.ended_at.is_(None), episodes.c.ended_at > since))
    for row in connection.execute(select(*columns).where(*fires).order_by(episodes.c.id)).mappings():
        yield Fired(**{**row, "severity": Severity(row["severity"])})


def last_severities(connection: Connection, identities: Iterable[str]) -> Mapping[str, Severity]:
    """The severity of the newest episode of each alert, by its identity."""
    found: dict[str, Severity] = {}
    for part in parts(list(identities)):
        wanted = (
            select(episodes.c.fingerprint, episodes.c.severity).where(episodes.c.fingerprint.in_(part)).order_by(episodes.c.id)
        )
        found |= {row.fingerprint: Severity(row.severity) for row in connection.execute(wanted)}
    return found


def acknowledged_at(connection: Connection, ids: Iterable[str]) -> Mapping[str, datetime]:
    """When each of these episodes was first acknowledged, by the audit trail; nothing of those that never were."""
    found: dict[str, datetime] = {}
    for part in parts(list(ids)):
        wanted = (
            select(audit.c.target, audit.c.at)
            .where(audit.c.what == "alert acknowledged", audit.c.target.in_(part))
            .order_by(audit.c.at.desc())
        )
        found |= {row.target: row.at for row in connection.execute(wanted)}
    return found


def _severity(written: str | None) -> Severity | None:
    return Severity(written) if written else None
