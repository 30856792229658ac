"""Alerts, and groups of them, as telling sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gwanje.model import Severity
from gwanje.tell.escalation import Clock, Escalation
from gwanje.tell.spec import Route


class Reason(StrEnum):
    """Why a message was decided."""

    FIRST = "first"
    NEW = "new alerts"
    ROSE = "severity rose"
    UNMUTED = "was muted"
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"
    REPEAT = "repeat"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as telling sees it: it fires, or it is over."""

    episode: str
    rule: str
    labels: Mapping[str, str]
    severity: Severity
    firing: bool
    muted: str = ""
    """What keeps everybody from being told of it now; empty where nothing does."""
    acknowledged: str = ""
    """Who is on it; empty where nobody is."""

    @property
    def routed_by(self) -> dict[str, str]:
        """What matchers and `group_by` look at."""
        return {**self.labels, "rule": self.rule, "severity": self.severity}


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts told together to one receiver, and what it was told of them."""

    key: str
    receiver: str
    labels: Mapping[str, str]
    began: datetime
    told_at: datetime | None = None
    told: Mapping[str, Severity] = field(default_factory=dict)
    """The episodes that the receiver knows as firing, with the severity it knows."""
    held: Mapping[str, str] = field(default_factory=dict)
    """The episodes that fire but are muted, with what mutes them."""
    acknowledged: frozenset[str] = frozenset()
    """The episodes of which the receiver knows that somebody is on them."""
    clock: Clock | None = None
    """How far its escalation is; None where there is none."""
    step: int = 0
    """The step of an escalation that it belongs to, from 1; 0 for what the routes say."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How telling goes at a moment: the routes, and what holds of calendars and rotas."""

    root: Route | None
    windows_on: frozenset[str] = frozenset()
    """The windows that hold."""
    escalations: Mapping[str, Escalation] = field(default_factory=dict)
    on_duty: Mapping[str, str] = field(default_factory=dict)
    """The receiver of who is on duty, by rota; nothing of those in which nobody is."""
    absent: frozenset[str] = frozenset()
    """Receivers that cannot be told, because they are not set up."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One message that must be sent: about these alerts, for this reason."""

    key: str
    group: Group
    reason: Reason
    alerts: tuple[Alert, ...]
    at: datetime
    unattended: int = 0
    """How many alerts of the group fire, unmuted, that nobody took over."""

    def was_muted(self, episode: str) -> str:
        """What kept this alert from being told until now; empty where nothing did."""
        return self.group.held.get(episode, "")
