"""What is told: groups stepped and messages written to the outbox, in the transaction in which alerts changed.

Groups and open alerts are remembered between two steps and read again only where they changed. What is remembered is
taken over when the transaction was committed, and forgotten when it was not; another process may have had the lease then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from gwanje.judge.rules import summary
from gwanje.judge.rules.evaluate import written
from gwanje.judge.rules.spec import Threshold
from gwanje.keep.said import Acknowledgement
from gwanje.keep.state import acknowledgements, alerts, outbox, silences
from gwanje.keep.state.alerts import Episode
from gwanje.model import Severity, from_ms, to_ms
from gwanje.tell import groups, storm
from gwanje.tell.escalation import Clock
from gwanje.tell.groups import Alert, Decided, Group
from gwanje.tell.message import to_plain
from gwanje.tell.muting import Muting, over
from gwanje.tell.notifiers.base import FIRING, RESOLVED, AlertInMessage, Notification
from gwanje.tell.policy import Policy
from gwanje.tell.storm import Digest, Weather

DEADLINE: Final = timedelta(hours=24)
"""How long a message is tried."""
_NAMED: Final = 10
"""How many alerts a digest names."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one step of telling came to: how many groups are left, and how many messages were decided."""

    groups: int
    messages: int
    changed: tuple[str, ...] = ()
    """Episodes of which something else changed: what mutes them, or who is on them."""


@dataclass(slots=True)
class _Memory:
    """What was true after the last step."""

    groups: dict[str, Group]
    episodes: dict[str, Episode]
    """Those that fire, and those of which somebody was told."""
    weather: dict[str, Weather] = field(default_factory=dict)


class Telling:
    """Decides what is said about the alerts of one state."""

    def __init__(self, policy: Policy, page_url: str, *, most_a_minute: int = storm.MOST) -> None:
        self._policy = policy
        self._page_url = page_url.rstrip("/")
        self._most = most_a_minute
        self._memory: _Memory | None = None

    def forget(self) -> None:
        """Read everything anew in the next step: what was remembered may not be true."""
        self._memory = None

    def step(self, connection: Connection, at: datetime, changed: Iterable[str] = ()) -> Said:
        """Step the groups and write down what is to be sent. `changed` names the episodes that changed since the last step.

        When the transaction fails, `forget` must be called.
        """
        memory = self._memory or _recalled(connection)
        _refresh(connection, memory, changed)
        taken, ended = self._acknowledgements(connection, memory, at)
        standing = [_alert(one, taken.get(one.id)) for one in memory.episodes.values()]
        muting = Muting(silences.not_over(connection, at), self._policy.windows, self._policy.inhibitions)
        muted = muting.of(standing, at)
        heard = [replace(one, muted=muted[one.episode][0]) if one.episode in muted else one for one in standing]
        after, decided = groups.step(list(memory.groups.values()), heard, self._policy.ways(at), at)
        alone, digests, weather = storm.limit(decided, memory.weather, at, self._most)
        flagged = self._flag(connection, memory, muted, decided)
        for message in alone:
            self._put(connection, message, memory.episodes, taken)
        for digest in digests:
            self._put_digest(connection, digest, memory.episodes, taken)
        self._memory = self._kept(connection, memory, after, weather)
        return Said(len(after) + len(weather), len(alone) + len(digests), (*ended, *flagged))

    # --- what is known ---

    def _acknowledgements(
        self, connection: Connection, memory: _Memory, at: datetime
    ) -> tuple[Mapping[str, Acknowledgement], list[str]]:
        """The acknowledgements that hold; those that ended are dropped and told in the story."""
        every = acknowledgements.every(connection)
        ended: dict[str, str] = {}
        for episode, taken in every.items():
            known = memory.episodes.get(episode) or alerts.episode(connection, episode)
            severity = None if known is None or known.ended_at is not None else known.severity
            why = over(taken, severity, at)
            if why:
                ended[episode] = why
                if known is not None and severity is not None:
                    alerts.add_transitions(connection, [_line(known, at, f"acknowledgement ended: {why}")])
        acknowledgements.drop(connection, ended)
        return {episode: taken for episode, taken in every.items() if episode not in ended}, list(ended)

    def _flag(
        self, connection: Connection, memory: _Memory, muted: Mapping[str, Sequence[str]], decided: Iterable[Decided]
    ) -> list[str]:
        """Write down what mutes each alert now, and what muted those that are told late."""
        late = {
            alert.episode: why for message in decided for alert in message.alerts if (why := message.was_muted(alert.episode))
        }
        changed = []
        for id_, episode in memory.episodes.items():
            now, was = tuple(muted.get(id_, ())), late.get(id_, episode.was_muted)
            if episode.ended_at is None and (now != tuple(episode.muted) or was != episode.was_muted):
                alerts.change_episode(connection, id_, {"muted": list(now), "was_muted": was})
                memory.episodes[id_] = replace(episode, muted=now, was_muted=was)
                changed.append(id_)
        return changed

    def _kept(self, connection: Connection, memory: _Memory, after: Sequence[Group], weather: dict[str, Weather]) -> _Memory:
        """Write down the groups and the weather where they changed; what is remembered from now on."""
        kept = {group.key: group for group in after}
        for group in after:
            if memory.groups.get(group.key) != group:
                alerts.put_group(connection, _group_row(group))
        for key in memory.groups.keys() - kept.keys():
            alerts.drop_group(connection, key)
        for receiver in memory.weather.keys() | weather.keys():
            if memory.weather.get(receiver) != weather.get(receiver):
                alerts.put_storm(connection, receiver, _weather_row(weather[receiver]) if receiver in weather else None)
        told = {episode for group in after for episode in group.told}
        told |= {episode for one in weather.values() for episode in one.held}
        episodes = {id_: one for id_, one in memory.episodes.items() if one.ended_at is None or id_ in told}
        return _Memory(kept, episodes, weather)

    # --- what is written down ---

    def _put(
        self,
        connection: Connection,
        decided: Decided,
        known: Mapping[str, Episode],
        taken: Mapping[str, Acknowledgement],
    ) -> None:
        told = [
            self._in_message(
                known[alert.episode],
                taken.get(alert.episode),
                firing=alert.firing,
                was_muted=decided.was_muted(alert.episode),
            )
            for alert in decided.alerts
        ]
        notification = Notification(
            key=decided.key,
            group_key=decided.group.key,
            receiver=decided.group.receiver,
            group=decided.group.labels,
            reason=decided.reason,
            alerts=told,
            decided=decided.at,
        )
        _send(connection, notification, [alert.episode for alert in decided.alerts])

    def _put_digest(
        self, connection: Connection, digest: Digest, known: Mapping[str, Episode], taken: Mapping[str, Acknowledgement]
    ) -> None:
        """One message in the place of many: counts, and the worst of them by name."""
        held = [known[id_] for id_ in (*digest.firing, *digest.over) if id_ in known]
        shown = storm.worst([_alert(one, None) for one in held], _NAMED)
        severities = [str(one.severity) for one in held if one.ended_at is None]
        counts = {"firing": len(digest.firing), "resolved": len(digest.over)}
        counts |= {name: severities.count(name) for name in sorted(set(severities))}
        notification = Notification(
            key=f"digest:{digest.receiver}:{to_ms(digest.at)}",
            group_key=f"digest:{digest.receiver}"[:64],
            receiver=digest.receiver,
            group={},
            reason="digest",
            alerts=[
                self._in_message(known[one.episode], taken.get(one.episode), firing=one.firing, was_muted="") for one in shown
            ],
            decided=digest.at,
            counts=counts,
        )
        _send(connection, notification, [one.id for one in held])

    def _in_message(self, episode: Episode, taken: Acknowledgement | None, *, firing: bool, was_muted: str) -> AlertInMessage:
        link = f"{self._page_url}/alerts/{episode.id}" if self._page_url else ""
        threshold = written(Threshold(episode.operator, episode.threshold), episode.unit) if episode.operator else ""
        return AlertInMessage(
            episode=episode.id,
            fingerprint=episode.fingerprint,
            rule=episode.rule,
            labels=episode.labels,
            severity=episode.severity,
            state=FIRING if firing else RESOLVED,
            summary=episode.summary,
            value=episode.value,
            value_text=summary.readable(episode.value, episode.unit),
            threshold=threshold,
            since=episode.began_at,
            ended=episode.ended_at,
            ended_because=episode.ended_because or "",
            annotations=episode.annotations,
            link=link,
            acknowledge_link=f"{link}?do=acknowledge" if link and firing else "",
            silence_link=f"{link}?do=silence" if link and firing else "",
            cause=episode.cause,
            was_muted=was_muted,
            acknowledged_by=taken.who if taken else "",
            acknowledged_because=taken.why if taken else "",
        )


def _recalled(connection: Connection) -> _Memory:
    """Everything as state keeps it."""
    kept = {row["key"]: _group(row) for row in alerts.all_groups(connection)}
    weather = {row["receiver"]: _weather(row) for row in alerts.all_storms(connection)}
    named = {episode for group in kept.values() for episode in group.told}
    named |= {episode for one in weather.values() for episode in one.held}
    return _Memory(kept, {one.id: one for one in alerts.fired_or_named(connection, named)}, weather)


def _refresh(connection: Connection, memory: _Memory, changed: Iterable[str]) -> None:
    """Read again what changed. What did not fire yet is not looked at."""
    told = {episode for group in memory.groups.values() for episode in group.told}
    for one in alerts.fired_or_named(connection, changed, fired=False):
        if (one.fired_at is not None and one.ended_at is None) or one.id in told or one.id in memory.episodes:
            memory.episodes[one.id] = one


def _send(connection: Connection, notification: Notification, episodes: Sequence[str]) -> None:
    outbox.put(
        connection,
        key=notification.key,
        receiver=notification.receiver,
        group_key=notification.group_key,
        reason=notification.reason,
        episodes=episodes,
        message=to_plain(notification),
        now=notification.decided,
        deadline=notification.decided + DEADLINE,
    )


def _alert(episode: Episode, taken: Acknowledgement | None) -> Alert:
    return Alert(
        episode.id,
        episode.rule,
        episode.labels,
        episode.severity,
        firing=episode.ended_at is None,
        acknowledged=taken.who if taken else "",
    )


def _line(episode: Episode, at: datetime, because: str) -> alerts.Row:
    same = {"before": episode.state, "after": episode.state, "severity": episode.severity, "value": episode.value}
    return {"episode": episode.id, "at": at, **same, "because": because}


def _group(row: alerts.Row) -> Group:
    told = {episode: Severity(severity) for episode, severity in row["told"].items()}
    more: Mapping[str, Any] = row["more"] or {}
    return Group(
        row["key"],
        row["receiver"],
        row["labels"],
        row["began_at"],
        row["told_at"],
        told,
        held=more.get("held", {}),
        acknowledged=frozenset(more.get("acknowledged", ())),
        clock=_clock(more["clock"]) if more.get("clock") else None,
        step=more.get("step", 0),
    )


def _group_row(group: Group) -> alerts.Row:
    more = {
        "held": dict(group.held),
        "acknowledged": sorted(group.acknowledged),
        "clock": _clock_plain(group.clock) if group.clock else None,
        "step": group.step,
    }
    return {
        "key": group.key,
        "receiver": group.receiver,
        "labels": dict(group.labels),
        "began_at": group.began,
        "told_at": group.told_at,
        "told": {episode: str(severity) for episode, severity in group.told.items()},
        "more": {name: value for name, value in more.items() if value},
    }


def _clock(plain: Mapping[str, Any]) -> Clock:
    stopped = plain["stopped"]
    return Clock(
        since=from_ms(plain["since"]),
        paused=timedelta(milliseconds=plain["paused"]),
        stopped=None if stopped is None else from_ms(stopped),
        taken=plain["taken"],
    )


def _clock_plain(clock: Clock) -> dict[str, Any]:
    return {
        "since": to_ms(clock.since),
        "paused": clock.paused // timedelta(milliseconds=1),
        "stopped": None if clock.stopped is None else to_ms(clock.stopped),
        "taken": clock.taken,
    }


def _weather(row: alerts.Row) -> Weather:
    return Weather(row["receiver"], tuple(map(from_ms, row["sent"])), row["held"], row["since"])


def _weather_row(weather: Weather) -> alerts.Row:
    return {
        "receiver": weather.receiver,
        "sent": [to_ms(at) for at in weather.sent],
        "held": dict(weather.held),
        "since": weather.since,
    }
