"""What is told: groups stepped and messages written to the outbox, in the transaction in which alerts changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from gwanje.judge.rules import summary
from gwanje.judge.rules.evaluate import written
from gwanje.judge.rules.spec import Threshold
from gwanje.keep.state import alerts, outbox
from gwanje.model import Severity
from gwanje.tell import groups
from gwanje.tell.message import to_plain
from gwanje.tell.notifiers.base import FIRING, RESOLVED, AlertInMessage, Notification
from gwanje.tell.spec import Route

DEADLINE: Final = timedelta(hours=24)
"""How long a message is tried."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one step of telling came to: how many groups are left, and how many messages were decided."""

    groups: int
    messages: int


class Telling:
    """Decides what is said about the alerts of one state."""

    def __init__(self, routes: Route | None, page_url: str) -> None:
        self._routes = routes
        self._page_url = page_url.rstrip("/")

    def step(self, connection: Connection, at: datetime) -> Said:
        """Step the groups and write down what is to be sent."""
        before = {row["key"]: _group(row) for row in alerts.all_groups(connection)}
        told = {episode for group in before.values() for episode in group.told}
        known = {one.id: one for one in alerts.fired_or_named(connection, told)}
        after, decided = groups.step(list(before.values()), [_alert(one) for one in known.values()], self._routes, at)
        for group in after:
            if before.get(group.key) != group:
                alerts.put_group(connection, _group_row(group))
        for key in before.keys() - {group.key for group in after}:
            alerts.drop_group(connection, key)
        for message in decided:
            self._put(connection, message, known)
        return Said(len(after), len(decided))

    def _put(self, connection: Connection, decided: groups.Decided, known: Mapping[str, alerts.Episode]) -> None:
        told = [self._in_message(known[alert.episode], firing=alert.firing) for alert in decided.alerts]
        notification = Notification(
            key=decided.key,
            group_key=decided.group.key,
            receiver=decided.group.receiver,
            group=decided.group.labels,
            reason=decided.reason,
            alerts=told,
            decided=decided.at,
        )
        outbox.put(
            connection,
            key=decided.key,
            receiver=decided.group.receiver,
            group_key=decided.group.key,
            reason=decided.reason,
            episodes=[alert.episode for alert in decided.alerts],
            message=to_plain(notification),
            now=decided.at,
            deadline=decided.at + DEADLINE,
        )

    def _in_message(self, episode: alerts.Episode, *, firing: bool) -> AlertInMessage:
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
            threshold=written(Threshold(episode.operator, episode.threshold), episode.unit),
            since=episode.began_at,
            ended=episode.ended_at,
            ended_because=episode.ended_because or "",
            annotations=episode.annotations,
            link=f"{self._page_url}/alerts/{episode.id}" if self._page_url else "",
        )


def _alert(episode: alerts.Episode) -> groups.Alert:
    return groups.Alert(episode.id, episode.rule, episode.labels, episode.severity, firing=episode.ended_at is None)


def _group(row: alerts.Row) -> groups.Group:
    told = {episode: Severity(severity) for episode, severity in row["told"].items()}
    return groups.Group(row["key"], row["receiver"], row["labels"], row["began_at"], row["told_at"], told)


def _group_row(group: groups.Group) -> alerts.Row:
    return {
        "key": group.key,
        "receiver": group.receiver,
        "labels": dict(group.labels),
        "began_at": group.began,
        "told_at": group.told_at,
        "told": {episode: str(severity) for episode, severity in group.told.items()},
    }
