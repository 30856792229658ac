"""Which routes take an alert: from the tree of routes to targets with everything filled in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from gwanje.model import Severity
from gwanje.tell.spec import Route

_WAIT: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Target:
    """Where an alert goes, and when groups of it are told."""

    receiver: str
    group_by: tuple[str, ...] = ("rule", "host")
    group_wait: timedelta | None = None
    group_interval: timedelta = timedelta(minutes=1)
    repeat_interval: timedelta = timedelta(hours=4)

    def wait(self, worst: Severity) -> timedelta:
        """How long a new group waits: a critical alert does not, unless the route says so."""
        if self.group_wait is not None:
            return self.group_wait
        return timedelta() if worst is Severity.CRITICAL else _WAIT


def targets(root: Route, labels: Mapping[str, str]) -> list[Target]:
    """Every target of an alert. `labels` hold `rule` and `severity` beside its own."""
    return _taken(root, labels, Target(receiver=""))


def _taken(route: Route, labels: Mapping[str, str], around: Target) -> list[Target]:
    if not all(matcher.matches(labels) for matcher in route.match):
        return []
    here = _filled(route, around)
    found: list[Target] = []
    for inner in route.routes:
        taken = _taken(inner, labels, here)
        found += taken
        if taken and not inner.continue_:
            break
    return found or [here]


def _filled(route: Route, around: Target) -> Target:
    written = {
        name: value
        for name in ("receiver", "group_by", "group_wait", "group_interval", "repeat_interval")
        if (value := getattr(route, name)) is not None
    }
    return replace(around, **written)
