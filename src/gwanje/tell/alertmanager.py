"""Alerts as Alertmanager writes them: labels, annotations and times."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gwanje.tell.notifiers.base import AlertInMessage
from gwanje.tell.texts import in_language
from gwanje.tell.words import Language

NOT_YET: Final = "0001-01-01T00:00:00Z"
"""How Alertmanager writes the end of what has none."""


def told(alert: AlertInMessage, language: Language) -> dict[str, dict[str, str]]:
    """An alert's labels, with rule and severity among them, and its annotations, with what people are told."""
    said = {
        "summary": in_language(alert.summary, language, alert.rule),
        "value": alert.value_text,
        "threshold": alert.threshold,
    }
    more = {
        "cause": in_language(alert.cause, language),
        "ended_because": alert.ended_because,
        "acknowledged_by": alert.acknowledged_by,
        "was_muted": alert.was_muted,
    }
    return {
        "labels": {**alert.labels, "alertname": alert.rule, "severity": str(alert.severity)},
        "annotations": {**alert.annotations, **said, **{name: text for name, text in more.items() if text}},
    }


def instant(at: datetime) -> str:
    """A time as RFC 3339 writes it, in UTC."""
    return at.isoformat().replace("+00:00", "Z")
