"""What people and other programs say about alerts, pipelines and sizes, as state keeps it.

Nouns only: thinking rooms look at them, too.
"""

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
class PageRule:
    """A rule that somebody wrote on the page: its YAML, as a rule of a file stands in its list."""

    name: str
    text: str
    enabled: bool
    """Whether it is evaluated, as far as people said; its text may switch it off, too."""
    revision: int
    """Grows with each change, and never comes again: who changes a rule names the one that was read."""
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class PageSetting:
    """A receiver, window, rota, escalation or route that people wrote on the page: YAML, in which secrets stand as `***`."""

    kind: str
    """`receiver`, `window`, `rota`, `escalation` or `route`."""
    name: str
    text: str
    sealed: Mapping[str, str]
    """Its secrets by the place in the text where each belongs, such as `url`; encrypted."""
    revision: int
    """As that of a rule."""
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


@dataclass(frozen=True, slots=True)
class Pause:
    """Somebody's word that no tick of a pipeline becomes a run, until a time; without one, until it is taken back."""

    pipeline: str
    who: str
    why: str
    since: datetime
    until: datetime | None

    def holds(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Departure:
    """Somebody's word that a host, a group of hosts or a container is away on purpose from `starts_at` until `ends_at`.

    What was `removed` does not come back: its alerts end with `host removed`. Should it speak again, it is judged.
    """

    id: str
    scope: str
    """`host`, `group` or `container`."""
    name: str
    """The host's or group's name; a container as `host/name`, or its name alone on every host."""
    starts_at: datetime
    ends_at: datetime
    removed: bool
    who: str
    why: str
    said_at: datetime

    def holds(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at


@dataclass(frozen=True, slots=True)
class Hold:
    """Somebody's word on the size of what a scaler scales, from `starts_at` until `ends_at`. Kept after its end as history.

    Either a `size` to stay at, or the direction in which nothing is scaled meanwhile: `in` (never smaller) or `out`.
    """

    scaler: str
    size: int | None
    stopped: str
    """`in`, `out`, or empty where there is a size."""
    starts_at: datetime
    ends_at: datetime
    who: str
    why: str
    said_at: datetime
    id: int = 0
    """Given by state."""
    ended_at: datetime | None = None
    """When it ended indeed: at its time, or before by somebody's word."""
    ended_by: str = ""

    def holds(self, at: datetime) -> bool:
        return self.starts_at <= at < min(self.ends_at, self.ended_at or self.ends_at)
