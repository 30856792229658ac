"""Alerts from outside become episodes like all others: begun, changed and ended in the round's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from gwanje.because import Because
from gwanje.carry.updates.base import Update, Updates
from gwanje.judge import lifecycle
from gwanje.judge.lifecycle import State
from gwanje.judge.outside import Standing, renewed, standing
from gwanje.judge.rules.summary import LANGUAGES
from gwanje.keep.said import OutsideAlert
from gwanje.keep.state import alerts, outside
from gwanje.keep.state.base import State as Database
from gwanje.model import Severity

TOPIC: Final = "outside"
_FIELDS: Final = ("severity", "value", "annotations")


@dataclass(frozen=True, slots=True)
class Lives:
    """What one step came to: the episodes that began, changed or ended, and how many alerts are open."""

    changed: tuple[str, ...]
    open: int


def take(state: Database, updates: Updates | None, told: Sequence[OutsideAlert]) -> None:
    """Keep what another program said. When this returns, it survives a kill; people are told in the next round."""
    newest = {one.fingerprint: one for one in told}
    with state.write() as connection:
        before = {one.fingerprint: one for one in outside.of(connection, newest)}
        outside.put(connection, [renewed(before.get(key), one) for key, one in newest.items()])
    if updates is not None:
        updates.publish(Update(TOPIC))


def kept(state: Database) -> bool:
    """Whether there is an alert from outside at all: then a round has something to look at."""
    with state.read() as connection:
        return outside.any_kept(connection)


def step(connection: Connection, at: datetime) -> Lives:
    """Begin, change and end the episodes of outside alerts."""
    told_of = {one.fingerprint: one for one in outside.every(connection)}
    if not told_of:
        return Lives((), 0)
    lives = {one.fingerprint: one for one in alerts.open_outside(connection)}
    rows: list[alerts.Row] = []
    story: list[alerts.Row] = []
    over: list[str] = []
    for fingerprint, told in told_of.items():
        life, stands = lives.get(fingerprint), standing(told, at)
        if stands is not Standing.FIRING:
            over.append(fingerprint)
            if life is not None:
                alerts.change_episode(connection, life.id, _ending(told, stands, at))
                story.append(_entry(life.id, told, at, Because(stands, f"sender_{stands}"), after=State.OK))
        elif life is None:
            row = _beginning(told, at)
            rows.append(row)
            because = Because(f"told by {told.source}", "told_by", source=told.source)
            story.append(_entry(row["id"], told, at, because, before=State.OK))
        elif _differs(life, told):
            alerts.change_episode(connection, life.id, {**_seen(told), "peak": _higher(life.peak, told.value)})
            if life.severity is not told.severity:
                story.append(_entry(life.id, told, at, _other_severity(life.severity, told)))
    alerts.begin_episodes(connection, rows)
    alerts.add_transitions(connection, story)
    outside.drop(connection, over)
    return Lives(tuple(entry["episode"] for entry in story), len(told_of) - len(over))


def _beginning(told: OutsideAlert, at: datetime) -> alerts.Row:
    return {
        "id": lifecycle.episode_id(told.fingerprint, at),
        "fingerprint": told.fingerprint,
        "rule": told.rule,
        "labels": dict(told.labels),
        "state": State.FIRING,
        "began_at": min(told.starts_at, at),
        "fired_at": at,
        "query": "",
        "unit": "",
        "for_ms": 0,
        "source": told.source,
        **_seen(told),
    }


def _seen(told: OutsideAlert) -> dict[str, Any]:
    """What an episode shows of its sender's last word."""
    operator, number = _condition(told.threshold)
    return {
        "severity": told.severity,
        "value": told.value,
        "peak": told.value,
        "operator": operator,
        "threshold": number,
        "summary": dict.fromkeys(LANGUAGES, _said(told.annotations) or told.rule),
        "annotations": {**told.annotations, **({"source": told.url} if told.url else {})},
    }


def _said(annotations: Mapping[str, str]) -> str:
    """The sentence that people read, under the names by which senders give it."""
    return next((annotations[name] for name in ("summary", "message", "description", "title") if annotations.get(name)), "")


def _condition(threshold: str) -> tuple[str, float]:
    """`>= 0.9` in its two parts; a sender that gave none has one that says nothing."""
    operator, _, number = threshold.partition(" ")
    try:
        return operator[:4], float(number)
    except ValueError:
        return "", 0.0


def _differs(life: alerts.Episode, told: OutsideAlert) -> bool:
    seen = _seen(told)
    return any(getattr(life, name) != seen[name] for name in _FIELDS)


def _ending(told: OutsideAlert, stands: Standing, at: datetime) -> alerts.Row:
    ended_at = told.ends_at if stands is Standing.RESOLVED and told.ends_at is not None else at
    return {"state": alerts.ENDED, "ended_at": ended_at, "ended_because": str(stands)}


def _other_severity(before: Severity, told: OutsideAlert) -> Because:
    sentence = f"{before} → {told.severity}, told by {told.source}"
    what = Because(f"told by {told.source}", "told_by", source=told.source)
    return Because(sentence, "severity_changed", before=str(before), after=str(told.severity), what=what)


def _higher(peak: float | None, value: float | None) -> float | None:
    return max((one for one in (peak, value) if one is not None), default=None)


def _entry(
    episode: str, told: OutsideAlert, at: datetime, because: str, *, before: State = State.FIRING, after: State = State.FIRING
) -> alerts.Row:
    said = {"severity": told.severity, "value": told.value, "because": because}
    return {"episode": episode, "at": at, "before": before, "after": after, **said}
