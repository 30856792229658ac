"""Which routes take an alert: from the tree of routes to targets with everything filled in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from gwanje.model import Severity
from gwanje.tell.matchers import matches
from gwanje.tell.spec import Route

_WAIT: Final = timedelta(seconds=30)
_NOBODY: Final[Mapping[str, str]] = {}
_INHERITED: Final = (
    "receiver",
    "group_by",
    "group_wait",
    "group_interval",
    "repeat_interval",
    "mute",
    "active",
    "escalate",
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where an alert goes, and when groups of it are told."""

    receiver: str
    group_by: tuple[str, ...] = ("rule", "host")
    group_wait: timedelta | None = None
    group_interval: timedelta = timedelta(minutes=1)
    repeat_interval: timedelta = timedelta(hours=4)
    mute: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    escalate: str = ""

    def muted(self, windows_on: frozenset[str]) -> str:
        """What of the calendar keeps this target from being told; empty where nothing does."""
        if (self.mute and windows_on.intersection(self.mute)) or (self.active and not windows_on.intersection(self.active)):
            return "mute window"
        return ""

    def wait(self, worst: Severity) -> timedelta:
        """How long a new group waits: a critical alert does not, unless the route says so."""
        if self.group_wait is not None:
            return self.group_wait
        return timedelta() if worst is Severity.CRITICAL else _WAIT


def targets(root: Route, labels: Mapping[str, str], on_duty: Mapping[str, str] = _NOBODY) -> list[Target]:
    """Every target of an alert. `labels` hold `rule` and `severity` beside its own; `on_duty` the receivers of rotas now."""
    return _taken(root, labels, Target(receiver=""), on_duty)


def _taken(route: Route, labels: Mapping[str, str], around: Target, on_duty: Mapping[str, str]) -> list[Target]:
    if not matches(route.match, labels):
        return []
    here = _filled(route, around, on_duty)
    found: list[Target] = []
    for inner in route.routes:
        taken = _taken(inner, labels, here, on_duty)
        found += taken
        if taken and not inner.continue_:
            break
    return found or [here]


def _filled(route: Route, around: Target, on_duty: Mapping[str, str]) -> Target:
    written = {name: value for name in _INHERITED if (value := getattr(route, name)) is not None}
    if route.duty and on_duty.get(route.duty):
        written["receiver"] = on_duty[route.duty]
    return replace(around, **written)
