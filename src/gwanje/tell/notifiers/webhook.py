"""Any HTTP address, with Alertmanager's payload, so that whatever understands Alertmanager understands this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from gwanje import config, kinds
from gwanje.tell.alertmanager import NOT_YET, instant, told
from gwanje.tell.notifiers.base import Accepted, AlertInMessage, Notification
from gwanje.tell.post import post
from gwanje.tell.texts import Speech
from gwanje.tell.words import Language

_SHOWN: Final = 1000
_PLAIN: Final = ":+@ "
"""What a key may hold, beside letters and digits of ASCII, without being written as `%…`."""


class Settings(Speech):
    """An HTTP address that takes Alertmanager's webhook payload (version 4)."""

    url: config.Secret
    """Where to POST. It may hold a token, so it is never shown."""
    authorization: config.Secret | None = None
    """Value of the `Authorization` header: `Bearer …`."""


def create(settings: Settings, world: kinds.World) -> Webhook:
    return Webhook(settings, world.http)


class Webhook:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http

    async def send(self, notification: Notification) -> Accepted:
        secret = self._settings.authorization.get_secret_value() if self._settings.authorization else ""
        headers = {"Idempotency-Key": quote(notification.key, safe=_PLAIN), **({"Authorization": secret} if secret else {})}
        body = payload(notification, self._settings)
        answer = await post(
            self._http,
            self._settings.url,
            what="the webhook",
            body=body,
            headers=headers,
            secrets=secret.split()[-1:],
            pages=True,
        )
        return Accepted(answer.status)


def payload(notification: Notification, speech: Speech) -> dict[str, Any]:
    """Alertmanager's body, version 4."""
    alerts = [_alert(alert, speech.language) for alert in notification.alerts[:_SHOWN]]
    counted = sum(notification.counts.get(name, 0) for name in ("firing", "resolved")) or len(notification.alerts)
    return {
        "version": "4",
        "groupKey": notification.group_key,
        "truncatedAlerts": max(counted - len(alerts), 0),
        "status": "resolved" if notification.resolved else "firing",
        "receiver": notification.receiver,
        "groupLabels": dict(notification.group),
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]) | _notice(notification, speech.language),
        "externalURL": "",
        "alerts": alerts,
    }


def _alert(alert: AlertInMessage, language: Language) -> dict[str, Any]:
    return {
        "status": alert.state,
        **told(alert, language),
        "startsAt": instant(alert.since),
        "endsAt": instant(alert.ended) if alert.ended else NOT_YET,
        "generatorURL": alert.link,
        "fingerprint": alert.fingerprint,
    }


def _notice(notification: Notification, language: Language) -> dict[str, str]:
    """A notice has no alerts: what it says stands in the annotations."""
    said = {"title": notification.title.get(language, ""), "text": notification.text.get(language, "")}
    return {name: text for name, text in said.items() if text}


def _common(all_of: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What every one of them says alike."""
    first, *others = all_of or [{}]
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}
