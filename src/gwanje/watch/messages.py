"""Messages about alerts, written to the outbox in the transaction in which they were decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from gwanje.judge.rules import summary
from gwanje.judge.rules.found import written
from gwanje.judge.rules.spec import Threshold
from gwanje.keep.said import Acknowledgement
from gwanje.keep.state import outbox
from gwanje.keep.state.stories import Episode
from gwanje.model import to_ms
from gwanje.tell import storm
from gwanje.tell.message import to_plain
from gwanje.tell.notifiers.base import FIRING, RESOLVED, AlertInMessage, Notification
from gwanje.tell.storm import Digest
from gwanje.tell.told import Alert, Decided

DEADLINE: Final = timedelta(hours=24)
"""How long a message is tried."""
_NAMED: Final = 10
"""How many alerts a digest names."""


class Messages:
    """Turns decisions into messages, with links to the page."""

    def __init__(self, page_url: str) -> None:
        self._page_url = page_url.rstrip("/")

    def put(
        self,
        connection: Connection,
        decided: Decided,
        known: Mapping[str, Episode],
        taken: Mapping[str, Acknowledgement],
    ) -> None:
        """Write one message to the outbox."""
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
            unattended=decided.unattended,
        )
        _send(connection, notification, [alert.episode for alert in decided.alerts])

    def put_digest(
        self, connection: Connection, digest: Digest, known: Mapping[str, Episode], taken: Mapping[str, Acknowledgement]
    ) -> None:
        """One message in the place of many: counts, and the worst of them by name."""
        held = [known[id_] for id_ in (*digest.firing, *digest.over) if id_ in known]
        shown = storm.worst([alert_of(one) for one in held], _NAMED)
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


def alert_of(episode: Episode, taken: Acknowledgement | None = None) -> Alert:
    """An episode as telling sees it."""
    return Alert(
        episode.id,
        episode.rule,
        episode.labels,
        episode.severity,
        firing=episode.ended_at is None,
        acknowledged=taken.who if taken else "",
    )


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
