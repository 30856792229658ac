"""Alerts as the page and the API show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from gwanje.judge.lifecycle import unknown as unknown_since
from gwanje.keep.said import Acknowledgement
from gwanje.keep.state import alerts as kept
from gwanje.keep.state import deeds, stories
from gwanje.keep.state.stories import Attempt, Change, Episode, Wanted
from gwanje.model import to_ms
from gwanje.show.rooms import Rooms
from gwanje.tell.muted import Muted, Muter, mutings

UNKNOWN: Final = "unknown"
"""How an open alert stands while its evaluator is down."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one message: `state` is waiting, sent or failed."""

    receiver: str
    reason: str
    state: str
    tries: int
    at: int | None
    error: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Who is on it, since when and why; `until` is when that ends by itself, None where it does not."""

    who: str
    at: int
    why: str
    until: int | None


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert from its first breach on. `query` is the PromQL of its curve, empty where it has none."""

    id: str
    rule: str
    labels: Mapping[str, str]
    host: str | None
    severity: str
    state: str
    since: int
    fired_at: int | None
    ended_at: int | None
    ended_because: str | None
    value: float | None
    peak: float | None
    operator: str
    threshold: float | None
    """None where another program told it without one."""
    unit: str
    summary: Mapping[str, str]
    query: str
    source: str
    cause: Mapping[str, str]
    muted: Sequence[str]
    was_muted: str
    threshold_from: str
    acknowledged: Acknowledged | None
    told: Sequence[Told]


def one_alert(rooms: Rooms, id_: str) -> Alert | None:
    with rooms.state.read() as connection:
        found = stories.episode(connection, id_)
        lost = evaluator_is_lost(rooms, connection)
    return shown(found, unknown=lost) if found else None


def page(rooms: Rooms, wanted: Wanted) -> dict[str, Any]:
    """One page of alerts, newest first."""
    with rooms.state.read() as connection:
        found = stories.episode_page(connection, wanted)
        lost = evaluator_is_lost(rooms, connection)
    return {"episodes": [shown(episode, unknown=lost) for episode in found.episodes], "next": found.next}


def story(rooms: Rooms, id_: str) -> dict[str, Any] | None:
    """One alert with everything that happened to it, newest first."""
    with rooms.state.read() as connection:
        found = stories.story(connection, id_)
        done = deeds.of_episode(connection, id_)
        lost = evaluator_is_lost(rooms, connection)
    if found is None:
        return None
    told = [entry for entry in reversed(found.entries) if isinstance(entry, Change)]
    return {
        **asdict(shown(found.episode, unknown=lost)),
        "mutings": [muted(one) for one in mutings(told, found.episode.ended_at)],
        "annotations": found.episode.annotations,
        "for_seconds": found.episode.for_.total_seconds(),
        "story": [_entry(entry) for entry in found.entries],
        "deeds": [_deed(deed) for deed in done],
    }


def shown(episode: Episode, *, unknown: bool = False) -> Alert:
    """An episode as people see it. `unknown` when nobody evaluates rules: then nobody knows how open alerts stand."""
    lost = unknown and episode.ended_at is None and episode.source == "rule"
    return Alert(
        id=episode.id,
        rule=episode.rule,
        labels=episode.labels,
        host=episode.host,
        severity=episode.severity.value,
        state=UNKNOWN if lost else episode.state,
        since=to_ms(episode.began_at),
        fired_at=_ms(episode.fired_at),
        ended_at=_ms(episode.ended_at),
        ended_because=episode.ended_because,
        value=episode.value,
        peak=episode.peak,
        operator=episode.operator,
        threshold=episode.threshold if episode.operator else None,
        unit=episode.unit,
        summary=episode.summary,
        query=episode.query,
        source=episode.source,
        cause=episode.cause,
        muted=episode.muted,
        was_muted=episode.was_muted,
        threshold_from=episode.threshold_from,
        acknowledged=_acknowledged(episode.acknowledged),
        told=[Told(one.receiver, one.reason, one.state, one.tries, _ms(one.at), one.error) for one in episode.told],
    )


def muted(one: Muted) -> dict[str, Any]:
    """A stretch in which nobody was told, or one receiver was not; times in milliseconds, `to` null while it lasts."""
    return {**muter_plain(one.muter), "from": to_ms(one.begins), "to": _ms(one.ends)}


def muter_plain(muter: Muter) -> dict[str, Any]:
    """What mutes, by whose word and until when, in milliseconds; null where that is not known."""
    said = {name: getattr(muter, name) for name in ("what", "name", "who", "why", "receiver")}
    return {**said, "until": _ms(muter.until)}


def evaluator_is_lost(rooms: Rooms, connection: Connection) -> bool:
    """Whether rules are not evaluated now. Right after a start they were not yet, which is no reason to say so."""
    now = rooms.now()
    judged_at = max(filter(None, (kept.judged_at(connection), rooms.started)))
    return unknown_since(judged_at, now)


def _acknowledged(taken: Acknowledgement | None) -> Acknowledged | None:
    return Acknowledged(taken.who, to_ms(taken.at), taken.why, _ms(taken.until)) if taken else None


def _entry(entry: Change | Attempt) -> dict[str, Any]:
    kind = "transition" if isinstance(entry, Change) else "attempt"
    return {"kind": kind, **asdict(entry), "at": to_ms(entry.at)}


def _deed(deed: deeds.Kept) -> dict[str, Any]:
    """What was done about it without asking anybody."""
    said = {name: getattr(deed, name) for name in ("id", "action", "target", "because", "reason", "dry", "state")}
    came = {"result": deed.result, "result_reason": deed.result_reason}
    return {**said, **came, "decided_at": to_ms(deed.decided_at), "ended_at": _ms(deed.ended_at)}


def _ms(instant: datetime | None) -> int | None:
    return to_ms(instant) if instant else None
