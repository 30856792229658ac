"""What people and other programs say about alerts, as state keeps it. Nouns only: thinking rooms look at them, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gwanje.model import Severity


@dataclass(frozen=True, slots=True)
class Silence:
    """From `starts_at` until `ends_at`, nobody is told of alerts whose labels all matchers match (`host="web-1"`)."""

    id: str
    matchers: str
    starts_at: datetime
    ends_at: datetime
    comment: str
    created_by: str
    created_at: datetime
    updated_at: datetime

    def holds(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody's word that they are on it. `severity` is what the alert had then: a higher one ends it, and so does `until`."""

    episode: str
    who: str
    at: datetime
    why: str
    until: datetime | None
    severity: Severity


@dataclass(frozen=True, slots=True)
class Override:
    """One rule's thresholds for one place. None leaves what the wider place says; texts are written as in rules: `>= 0.9`."""

    rule: str
    scope: str
    """`group`, `host` or `container`."""
    name: str
    """The group's or host's name; a container as `host/name`, or its name alone on every host."""
    warning: str | None
    critical: str | None
    clear: str | None
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class OutsideAlert:
    """One alert of another program. It fires until `ends_at` (its word that it is over) or `expires_at` (not renewed)."""

    fingerprint: str
    source: str
    """By which door it came: `api`, `alertmanager`, `cloudwatch`, `eventbridge`."""
    rule: str
    labels: Mapping[str, str]
    severity: Severity
    starts_at: datetime
    renewed_at: datetime
    ends_at: datetime | None = None
    expires_at: datetime | None = None
    value: float | None = None
    threshold: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
