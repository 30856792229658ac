"""Alerts from outside become episodes like all others: begun, changed and ended in the round's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from gwanje.because import Because
from gwanje.carry.updates.base import Update, Updates
from gwanje.judge import lifecycle
from gwanje.judge.lifecycle import State
from gwanje.judge.outside import Standing, renewed, stale, standing
from gwanje.judge.rules.summary import LANGUAGES
from gwanje.keep.said import OutsideAlert
from gwanje.keep.state import alerts, outside, stories
from gwanje.keep.state.base import State as Database
from gwanje.keep.state.written import Wrote
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
        ended = outside.ended(connection, newest.keys() - before.keys())
        fresh = {key: one for key, one in newest.items() if not stale(before.get(key), ended.get(key), one)}
        outside.put(connection, [renewed(before.get(key), one) for key, one in fresh.items()])
    if updates is not None:
        updates.publish(Update(TOPIC))


def kept(state: Database) -> bool:
    """Whether there is an alert from outside at all: then a round has something to look at."""
    with state.read() as connection:
        return outside.any_kept(connection)


@dataclass(slots=True)
class _Memory:
    """What was true after the last transaction, by the identity of the alert."""

    renewed: dict[str, datetime]
    told: dict[str, OutsideAlert]
    lives: dict[str, stories.Episode]

    def note(self, wrote: Wrote, over: Iterable[str]) -> None:
        """Take over what was written, and forget what is over."""
        known = {one.id: one for one in self.lives.values()}
        for id_ in (*wrote.begun, *wrote.changed):
            if life := wrote.read(id_, known.get(id_)):
                self.lives[life.fingerprint] = life
        for fingerprint in over:
            del self.renewed[fingerprint], self.told[fingerprint]
            self.lives.pop(fingerprint, None)


class Outside:
    """The alerts of other programs, remembered between rounds: of thousands that stand open few are told anew each second.

    What is remembered is true as long as this process alone evaluates and every transaction was committed; otherwise `forget`.
    """

    def __init__(self) -> None:
        self._memory: _Memory | None = None

    def forget(self) -> None:
        """Read everything anew in the next step."""
        self._memory = None

    def step(self, connection: Connection, at: datetime) -> Lives:
        """Begin, change and end the episodes of outside alerts. When the transaction fails, `forget` must be called."""
        memory = self._memory or _Memory({}, {}, {one.fingerprint: one for one in stories.open_outside(connection)})
        changed = _refresh(connection, memory)
        rows: list[alerts.Row] = []
        story: list[alerts.Row] = []
        changes: dict[str, alerts.Row] = {}
        over: list[str] = []
        for fingerprint, told in memory.told.items():
            stands = standing(told, at)
            if stands is Standing.FIRING and fingerprint not in changed:
                continue
            life = memory.lives.get(fingerprint)
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
                now = {**_seen(told), "peak": _further(told, life.peak)}
                changes[life.id] = now
                if life.severity is not told.severity:
                    story.append(_entry(life.id, told, at, _other_severity(life.severity, told)))
        alerts.begin_episodes(connection, rows)
        alerts.change_episodes(connection, changes)
        alerts.add_transitions(connection, story)
        outside.drop(connection, over)
        memory.note(Wrote({row["id"]: row for row in rows}, changes), over)
        self._memory = memory
        return Lives(tuple(dict.fromkeys([*(entry["episode"] for entry in story), *changes])), len(memory.told))


def _refresh(connection: Connection, memory: _Memory) -> set[str]:
    """Take over what was told since; returns of which alerts."""
    renewed_at = outside.renewed_at(connection)
    changed = {fingerprint for fingerprint, at in renewed_at.items() if memory.renewed.get(fingerprint) != at}
    told = {one.fingerprint: one for one in outside.of(connection, changed)}
    memory.told = {fingerprint: told.get(fingerprint) or memory.told[fingerprint] for fingerprint in renewed_at}
    memory.renewed = renewed_at
    return changed


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


def _differs(life: stories.Episode, told: OutsideAlert) -> bool:
    seen = _seen(told)
    return any(getattr(life, name) != seen[name] for name in _FIELDS)


def _ending(told: OutsideAlert, stands: Standing, at: datetime) -> alerts.Row:
    ended_at = told.ends_at if stands is Standing.RESOLVED and told.ends_at is not None else at
    return {"state": alerts.ENDED, "ended_at": ended_at, "ended_because": str(stands)}


def _other_severity(before: Severity, told: OutsideAlert) -> Because:
    sentence = f"{before} → {told.severity}, told by {told.source}"
    what = Because(f"told by {told.source}", "told_by", source=told.source)
    return Because(sentence, "severity_changed", before=str(before), after=str(told.severity), what=what)


def _further(told: OutsideAlert, peak: float | None) -> float | None:
    """The value furthest beyond the threshold: the lowest where the sender's is a floor."""
    furthest = min if told.threshold.startswith("<") else max
    return furthest((one for one in (peak, told.value) if one is not None), default=None)


def _entry(
    episode: str, told: OutsideAlert, at: datetime, because: str, *, before: State = State.FIRING, after: State = State.FIRING
) -> alerts.Row:
    said = {"severity": told.severity, "value": told.value, "because": because}
    return {"episode": episode, "at": at, "before": before, "after": after, **said}
