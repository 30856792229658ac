"""Any HTTP address, with Alertmanager's payload, so that whatever understands Alertmanager understands this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import aiohttp

from gwanje import config, kinds
from gwanje.tell.notifiers.base import AlertInMessage, Notification
from gwanje.tell.post import post
from gwanje.tell.words import Language

_NOT_YET: Final = "0001-01-01T00:00:00Z"
"""How Alertmanager writes the end of what has none."""


class Settings(config.Settings):
    """An HTTP address that takes Alertmanager's webhook payload (version 4)."""

    url: config.Secret
    """Where to POST. It may hold a token, so it is never shown."""
    authorization: config.Secret | None = None
    """Value of the `Authorization` header: `Bearer …`."""
    language: Language = "ko"
    """Language of the annotation `summary`: `ko` or `en`."""


def create(settings: Settings, world: kinds.World) -> Webhook:
    return Webhook(settings, world.http)


class Webhook:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http

    async def send(self, notification: Notification) -> int:
        headers = {"Idempotency-Key": notification.key}
        if self._settings.authorization is not None:
            headers["Authorization"] = self._settings.authorization.get_secret_value()
        body = payload(notification, self._settings.language)
        return await post(self._http, self._settings.url, what="the webhook", body=body, headers=headers)


def payload(notification: Notification, language: Language) -> dict[str, Any]:
    """Alertmanager's body, version 4."""
    alerts = [_alert(alert, language) for alert in notification.alerts]
    return {
        "version": "4",
        "groupKey": notification.group_key,
        "truncatedAlerts": 0,
        "status": "resolved" if notification.resolved else "firing",
        "receiver": notification.receiver,
        "groupLabels": dict(notification.group),
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": "",
        "alerts": alerts,
    }


def _alert(alert: AlertInMessage, language: Language) -> dict[str, Any]:
    summary = alert.summary.get(language) or next(iter(alert.summary.values()), alert.rule)
    told = {"summary": summary, "value": alert.value_text, "threshold": alert.threshold}
    if alert.ended_because:
        told["ended_because"] = alert.ended_because
    return {
        "status": alert.state,
        "labels": {**alert.labels, "alertname": alert.rule, "severity": str(alert.severity)},
        "annotations": {**alert.annotations, **told},
        "startsAt": alert.since.isoformat().replace("+00:00", "Z"),
        "endsAt": alert.ended.isoformat().replace("+00:00", "Z") if alert.ended else _NOT_YET,
        "generatorURL": alert.link,
        "fingerprint": alert.fingerprint,
    }


def _common(all_of: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What every one of them says alike."""
    first, *others = all_of
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}
