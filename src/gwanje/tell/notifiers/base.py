"""The promise of a notifier: it tells people about a group of alerts, in its own way of speaking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gwanje.model import Severity

FIRING = "firing"
RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class AlertInMessage:
    """One alert as a message tells it; everything a template needs and nothing to look up."""

    episode: str
    fingerprint: str
    rule: str
    labels: Mapping[str, str]
    severity: Severity
    state: str
    """`firing` or `resolved`."""
    summary: Mapping[str, str]
    """What is wrong in one sentence, by language (`ko`, `en`), value and threshold in it."""
    value: float | None
    value_text: str
    """The value as people read it: `20.0 %`."""
    threshold: str
    """As people read it: `>= 20.0 %`."""
    since: datetime
    """When the threshold was first crossed."""
    ended: datetime | None = None
    ended_because: str = ""
    """`resolved` when a good value was seen; otherwise what ended it, such as `rule removed`."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    link: str = ""
    acknowledge_link: str = ""
    silence_link: str = ""
    cause: Mapping[str, str] = field(default_factory=dict)
    """The condition in a sentence, by language: `60분 동안 1회 disk_used_percent >= 85`."""
    was_muted: str = ""
    """What kept it from being told until now: `silenced`, `inhibited`, `mute window`, `maintenance`, `flapping`."""
    acknowledged_by: str = ""
    acknowledged_because: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """One message about one group for one receiver. `key` is the same each time the same message is tried."""

    key: str
    group_key: str
    """The same for every message about one group and receiver."""
    receiver: str
    group: Mapping[str, str]
    reason: str
    """Why it was decided: `first`, `new alerts`, `severity rose`, `was muted`, `resolved`, `acknowledged`, `repeat`, `digest`,
    `notice`, `test`."""
    alerts: Sequence[AlertInMessage]
    """What it is about; a digest tells the worst, a notice none."""
    decided: datetime
    title: Mapping[str, str] = field(default_factory=dict)
    """What a notice says in short, by language; empty for messages about alerts."""
    text: Mapping[str, str] = field(default_factory=dict)
    """What a notice says, by language."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What a digest stands for: how many alerts fire (`firing`), are over (`resolved`), and of each severity."""
    unattended: int = 0
    """How many alerts of the group fire that nobody took over, also those that this message does not name."""
    reference: str = ""
    """What the other side named an earlier message of this group, while the group lives: where a thread goes on."""

    @property
    def resolved(self) -> bool:
        """True when nothing in the group fires any more."""
        return bool(self.alerts) and all(alert.state == RESOLVED for alert in self.alerts)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The other side has the message."""

    status: int | None = None
    """Its status code; None where its way of speaking has none."""
    reference: str = ""
    """How it named the message, at most 200 characters, where later messages of the group need that name."""


class Notifier(Protocol):
    """Tells people about a group of alerts.

    `send` is called once per notification from one task at a time, and again later after RetryLater. It returns only when
    the other side has accepted the message. It raises RetryLater (with `after` where the other side named a pause) when trying
    again may help and Rejected when it cannot; what stands in secrets never stands in an error.
    """

    async def send(self, notification: Notification) -> Accepted: ...
