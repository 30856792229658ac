"""Prometheus's Alertmanager, by its API (version 2), for who keeps telling by it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import aiohttp

from gwanje import config, kinds
from gwanje.config import Duration, Secret
from gwanje.tell.alertmanager import instant, told
from gwanje.tell.notifiers.base import RESOLVED, Accepted, AlertInMessage, Notification
from gwanje.tell.post import post
from gwanje.tell.texts import Speech, in_language, write


class Settings(Speech):
    """An Alertmanager: it gets every alert and tells people by its own routes."""

    url: config.Secret
    """Where it is: `http://alertmanager:9093`."""
    authorization: config.Secret = Secret("")
    """Value of the `Authorization` header: `Bearer …`."""
    lasts: Duration = timedelta(hours=5)
    """How long it takes an alert for firing that is not told again. Longer than the `repeat_interval` of the route."""


def create(settings: Settings, world: kinds.World) -> Alertmanager:
    return Alertmanager(settings, world.http)


class Alertmanager:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http
        address = settings.url.get_secret_value().rstrip("/")
        self._url = Secret(f"{address}/api/v2/alerts" if address else "")

    async def send(self, notification: Notification) -> Accepted:
        secret = self._settings.authorization.get_secret_value()
        headers = {"Authorization": secret} if secret else {}
        body = payload(notification, self._settings)
        answer = await post(self._http, self._url, what="Alertmanager", body=body, headers=headers, secrets=secret.split()[-1:])
        return Accepted(answer.status)


def payload(notification: Notification, settings: Settings) -> list[dict[str, Any]]:
    """The alerts. Alertmanager ends what is not told again in time, so each firing one carries an end ahead."""
    if not notification.alerts:
        return [_notice(notification, settings)]
    return [_alert(alert, notification, settings) for alert in notification.alerts]


def _alert(alert: AlertInMessage, notification: Notification, settings: Settings) -> dict[str, Any]:
    over = (alert.ended or notification.decided) if alert.state == RESOLVED else None
    return {
        **told(alert, settings.language),
        "startsAt": instant(alert.since),
        "endsAt": instant(over or notification.decided + settings.lasts),
        **({"generatorURL": alert.link} if alert.link else {}),
    }


def _notice(notification: Notification, settings: Settings) -> dict[str, Any]:
    """What has no alert of its own is one that ends by itself."""
    title = write(notification, settings).title
    said = {"summary": title, "description": in_language(notification.text, settings.language)}
    return {
        "labels": {"alertname": title, "severity": "info"},
        "annotations": {name: text for name, text in said.items() if text},
        "startsAt": instant(notification.decided),
        "endsAt": instant(notification.decided + timedelta(minutes=5)),
    }
