"""What is told when: alerts that go to one receiver together, and the moments at which something is said. Pure.

First after `group_wait`, changes each `group_interval`, what stays unchanged each `repeat_interval`. What is over before it
was told is never told, and "resolved" goes only where "firing" was told.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from gwanje.model import Severity
from gwanje.tell.routes import Target, targets
from gwanje.tell.spec import Route


class Reason(StrEnum):
    """Why a message was decided."""

    FIRST = "first"
    NEW = "new alerts"
    ROSE = "severity rose"
    RESOLVED = "resolved"
    REPEAT = "repeat"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as telling sees it: it fires, or it is over."""

    episode: str
    rule: str
    labels: Mapping[str, str]
    severity: Severity
    firing: bool

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


@dataclass(frozen=True, slots=True)
class Decided:
    """One message that must be sent: about these alerts, for this reason."""

    key: str
    group: Group
    reason: Reason
    alerts: tuple[Alert, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class _Place:
    """A group as the routes want it now."""

    key: str
    target: Target
    labels: Mapping[str, str]
    alerts: tuple[Alert, ...]


def step(
    groups: Sequence[Group], alerts: Iterable[Alert], root: Route | None, now: datetime
) -> tuple[list[Group], list[Decided]]:
    """The groups after this moment, and what is told.

    `alerts` are all that fire, and those that are over but stand in some group's `told`.
    """
    known = {alert.episode: alert for alert in alerts}
    places = _places([alert for alert in known.values() if alert.firing], root)
    kept, moved = _settled(groups, places)
    after: list[Group] = []
    decided: list[Decided] = []
    for key in sorted(kept.keys() | places.keys()):
        group, message = _told(_current(key, kept, places, moved, now), places.get(key), known, root, now)
        after += [group] if group.told or key in places else []
        decided += [message] if message else []
    return after, decided


def _places(firing: Sequence[Alert], root: Route | None) -> dict[str, _Place]:
    places: dict[str, _Place] = {}
    for alert in firing:
        for target in _targets(root, alert):
            labels = {name: alert.routed_by[name] for name in target.group_by if alert.routed_by.get(name)}
            key = _key(target, labels)
            place = places.get(key, _Place(key, target, labels, ()))
            if alert not in place.alerts:
                places[key] = replace(place, alerts=(*place.alerts, alert))
    return places


def _settled(
    groups: Sequence[Group], places: Mapping[str, _Place]
) -> tuple[dict[str, Group], dict[tuple[str, str], tuple[Group, Severity]]]:
    """Each told episode stands in one group of its receiver: the one the routes want now, else the one it was told in.

    So an edited grouping moves what was told along with the alert, and nobody is told it all again.
    """
    wanted = {(place.target.receiver, alert.episode): key for key, place in places.items() for alert in place.alerts}
    kept: dict[str, Group] = {}
    moved: dict[tuple[str, str], tuple[Group, Severity]] = {}
    for group in groups:
        here = {
            episode: severity
            for episode, severity in group.told.items()
            if wanted.get((group.receiver, episode), group.key) == group.key
        }
        moved |= {
            (wanted[group.receiver, episode], episode): (group, severity)
            for episode, severity in group.told.items()
            if episode not in here
        }
        kept[group.key] = replace(group, told=here)
    return kept, moved


def _current(
    key: str,
    kept: Mapping[str, Group],
    places: Mapping[str, _Place],
    moved: Mapping[tuple[str, str], tuple[Group, Severity]],
    now: datetime,
) -> Group:
    place = places.get(key)
    if place is None:
        return kept[key]
    group = kept.get(key) or Group(key, place.target.receiver, place.labels, now)
    for alert in place.alerts:
        if (key, alert.episode) in moved:
            before, severity = moved[key, alert.episode]
            told_at = max(filter(None, (group.told_at, before.told_at)), default=None)
            group = replace(group, told={**group.told, alert.episode: severity}, told_at=told_at)
    return group


def _told(
    group: Group, place: _Place | None, known: Mapping[str, Alert], root: Route | None, now: datetime
) -> tuple[Group, Decided | None]:
    """What is said to this group now, and the group after it."""
    firing = place.alerts if place else ()
    over = tuple(known[episode] for episode in group.told if episode in known and not known[episode].firing)
    target = place.target if place else _target_of(over, group.receiver, root)
    reason = _reason(group, firing, over, target, now)
    if reason is None:
        return group, None
    elsewhere = {
        episode: severity for episode, severity in group.told.items() if episode not in {alert.episode for alert in over}
    }
    after = replace(group, told={**elsewhere, **{alert.episode: alert.severity for alert in firing}}, told_at=now)
    key = hashlib.sha256(json.dumps([group.key, reason, now.isoformat()]).encode()).hexdigest()[:32]
    return after, Decided(key, group, reason, (*firing, *over), now)


def _reason(group: Group, firing: Sequence[Alert], over: Sequence[Alert], target: Target, now: datetime) -> Reason | None:
    """Why something is said now; None when nothing is."""
    new = [alert for alert in firing if alert.episode not in group.told]
    rose = [alert for alert in firing if alert.episode in group.told and alert.severity.rank < group.told[alert.episode].rank]
    if group.told_at is None or not group.told:
        if not new:
            return None
        worst = min((alert.severity for alert in new), key=lambda severity: severity.rank)
        return Reason.FIRST if now >= group.began + target.wait(worst) else None
    changed = Reason.ROSE if rose else Reason.NEW if new else Reason.RESOLVED if over else None
    if changed:
        at_once = any(alert.severity is Severity.CRITICAL for alert in (*new, *rose)) and not target.wait(Severity.CRITICAL)
        return changed if at_once or now >= group.told_at + target.group_interval else None
    return Reason.REPEAT if firing and now >= group.told_at + target.repeat_interval else None


def _targets(root: Route | None, alert: Alert) -> list[Target]:
    return targets(root, alert.routed_by) if root else []


def _target_of(over: Iterable[Alert], receiver: str, root: Route | None) -> Target:
    """The times by which the end of alerts is told, when nothing of their group fires any more."""
    routed = (target for alert in over for target in _targets(root, alert) if target.receiver == receiver)
    return next(routed, Target(receiver))


def _key(target: Target, labels: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps([target.receiver, sorted(labels.items())], ensure_ascii=False).encode()).hexdigest()[:32]
