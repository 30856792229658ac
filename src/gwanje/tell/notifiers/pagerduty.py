"""PagerDuty, by events (version 2): a group of alerts is one incident.

It is acknowledged when somebody is on every alert of the group that fires. One that joins later stands in the incident's log;
PagerDuty itself pages for it only where the incident is not acknowledged.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import aiohttp

from gwanje import config, kinds
from gwanje.config import Secret
from gwanje.tell.notifiers.base import Accepted, Notification
from gwanje.tell.post import post
from gwanje.tell.texts import Speech, cut, plain_part, where, write

_LONGEST_SUMMARY: Final = 1024
_LONGEST_DETAILS: Final = 20_000
_SHOWN: Final = 50
_OF_KNOWN_ALERTS: Final = ("acknowledged", "resolved")
"""The reasons of messages that bring no alert of which the incident does not know."""
_SEVERITIES: Final = {"critical": "critical", "warning": "warning"}


class Settings(Speech):
    """A service of PagerDuty, by its Events API v2. A group of alerts is one incident, acknowledged when somebody is on
    all of them and resolved at their end; notices become change events.
    """

    routing_key: config.Secret
    """The service's integration key."""
    api_url: str = "https://events.pagerduty.com/v2"
    """Where events go; in Europe `https://events.eu.pagerduty.com/v2`."""

    needs: ClassVar = ("routing_key",)


def create(settings: Settings, world: kinds.World) -> PagerDuty:
    return PagerDuty(settings, world.http)


class PagerDuty:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http

    async def send(self, notification: Notification) -> Accepted:
        key = self._settings.routing_key.get_secret_value()
        path = "change/enqueue" if notification.reason == "notice" else "enqueue"
        body = {"routing_key": key, **payload(notification, self._settings)}
        url = Secret(f"{self._settings.api_url}/{path}")
        answer = await post(self._http, url, what="PagerDuty", body=body, headers={}, secrets=[key])
        return Accepted(answer.status)


def payload(notification: Notification, speech: Speech) -> dict[str, Any]:
    """The event, without the key. All events of a group carry the same `dedup_key`, so that a repeated one changes nothing."""
    text = write(notification, speech, most=_SHOWN)
    first = notification.alerts[0] if notification.alerts else None
    about: dict[str, Any] = {
        "summary": cut(text.title, _LONGEST_SUMMARY),
        "timestamp": notification.decided.isoformat(),
        "source": (first and first.labels.get("host")) or "gwanje",
        "custom_details": {
            "text": cut("\n\n".join(filter(None, [text.body, *map(plain_part, text.parts), text.more])), _LONGEST_DETAILS)
        },
    }
    links = [{"href": link.url, "text": link.name} for link in text.links]
    if notification.reason == "notice":
        return {"payload": about, "links": links}
    about |= {
        "severity": _SEVERITIES.get(text.tone, "info"),
        "class": first.rule if first else "",
        "group": where(notification.group),
    }
    return {
        "event_action": _action(notification),
        "dedup_key": notification.group_key,
        "payload": about,
        "links": links,
        "client": "gwanje",
    }


def _action(notification: Notification) -> str:
    over = notification.resolved or (notification.reason == "digest" and not notification.counts.get("firing"))
    if over:
        return "resolve"
    # An incident that is acknowledged pages nobody any more, so it is only when somebody is on every alert of the group.
    attended = notification.reason in _OF_KNOWN_ALERTS and not notification.unattended
    return "acknowledge" if attended else "trigger"
