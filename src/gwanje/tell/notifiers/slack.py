"""Slack, by an incoming webhook."""

from __future__ import annotations

from typing import Any, Final

import aiohttp

from gwanje import config, kinds
from gwanje.model import Severity
from gwanje.tell.notifiers.base import RESOLVED, AlertInMessage, Notification
from gwanje.tell.post import post
from gwanje.tell.words import Language, spoken, word

_COLOURS: Final = {Severity.CRITICAL: "#d93026", Severity.WARNING: "#e8a33d", Severity.INFO: "#3d7de8"}
_GREEN: Final = "#2e9e5b"
_GREY: Final = "#8a8f98"
_SHOWN: Final = 20
"""Slack takes at most 100 attachments and reads badly long before."""


class Settings(config.Settings):
    """A Slack channel, by an incoming webhook."""

    url: config.Secret
    """Address of the incoming webhook, from Slack's app page. Whoever has it can write to the channel."""
    language: Language = "ko"
    """Language of the messages: `ko` or `en`."""


def create(settings: Settings, world: kinds.World) -> Slack:
    return Slack(settings, world.http)


class Slack:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http

    async def send(self, notification: Notification) -> int:
        body = payload(notification, self._settings.language)
        return await post(self._http, self._settings.url, what="Slack", body=body, headers={})


def payload(notification: Notification, language: Language) -> dict[str, Any]:
    """The message: one line that a phone shows, and one attachment for each alert."""
    shown = notification.alerts[:_SHOWN]
    attachments = [_attachment(alert, notification, language) for alert in shown]
    more = len(notification.alerts) - len(shown)
    if more:
        attachments.append({"color": _GREY, "text": word("more", language).format(count=more)})
    return {"text": _headline(notification, language), "attachments": attachments}


def _headline(notification: Notification, language: Language) -> str:
    first = notification.alerts[0]
    state = _state(first, language)
    reason = "" if notification.reason in {"first", "resolved"} else f" ({word(notification.reason, language)})"
    rest = len(notification.alerts) - 1
    more = f" {word('more', language).format(count=rest)}" if rest else ""
    return _escaped(f"[{state}] {first.rule}{_at(first)}{more}{reason}: {_summary(first, language)}")


def _state(alert: AlertInMessage, language: Language) -> str:
    if alert.state != RESOLVED:
        return word(alert.severity, language)
    return word("resolved" if alert.ended_because == "resolved" else "ended", language)


def _at(alert: AlertInMessage) -> str:
    host = alert.labels.get("host")
    return f" · {host}" if host else ""


def _attachment(alert: AlertInMessage, notification: Notification, language: Language) -> dict[str, Any]:
    over = alert.state == RESOLVED
    until = alert.ended or notification.decided
    fields = [
        ("what", _summary(alert, language), False),
        ("where", ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items())) or "-", True),
        ("value", alert.value_text, True),
        ("threshold", alert.threshold, True),
        ("since", alert.since.strftime("%Y-%m-%d %H:%M:%S UTC"), True),
        ("duration", spoken(until - alert.since, language), True),
    ]
    runbook = alert.annotations.get("runbook")
    if runbook:
        fields.append(("runbook", runbook, False))
    title = f"{_state(alert, language)} · {alert.rule}"
    if over and alert.ended_because != "resolved":
        title += f" ({word(alert.ended_because, language)})"
    return {
        "color": (_GREEN if alert.ended_because == "resolved" else _GREY) if over else _COLOURS[alert.severity],
        "title": _escaped(title),
        **({"title_link": alert.link} if alert.link else {}),
        "fallback": _escaped(f"{title}: {_summary(alert, language)}"),
        "fields": [{"title": word(name, language), "value": _escaped(text), "short": short} for name, text, short in fields],
        "ts": int(until.timestamp()) if over else int(notification.decided.timestamp()),
    }


def _summary(alert: AlertInMessage, language: Language) -> str:
    return alert.summary.get(language) or next(iter(alert.summary.values()), alert.rule)


def _escaped(text: str) -> str:
    """Slack reads these three characters as its own marks: a label could otherwise call everybody in the channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
