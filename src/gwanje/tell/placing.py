"""The groups that an alert belongs to, by the routes; remembered, because 10,000 alerts may be asked about each second."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from gwanje.model import Severity
from gwanje.tell.routes import Target, targets
from gwanje.tell.spec import Route

_REMEMBERED: Final = 100_000
"""So many alerts that are over have their targets remembered."""


class Routed(Protocol):
    """An alert, as far as routes look at it. Of one episode only the severity ever changes."""

    @property
    def episode(self) -> str: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def routed_by(self) -> Mapping[str, str]: ...


Of = TypeVar("Of", bound=Routed)


@dataclass(frozen=True, slots=True)
class Placed:
    """One group that an alert belongs to."""

    key: str
    target: Target
    labels: Mapping[str, str]
    """Those that make the group."""


class Placing:
    """Where alerts go. What it remembers is that of the alerts asked about last, under the same routes and people on duty.

    Alerts that are the same to the routes, in the labels that some matcher or `group_by` names, share what was worked out once.
    """

    def __init__(self) -> None:
        self._under: tuple[Route | None, Mapping[str, str], frozenset[str]] = (None, {}, frozenset())
        self._known: dict[str, tuple[Severity, Sequence[Placed]]] = {}
        self._targets: tuple[Route | None, Mapping[str, str], dict[str, Sequence[Target]]] = (None, {}, {})

    def of(
        self, alerts: Iterable[Of], root: Route | None, on_duty: Mapping[str, str], absent: frozenset[str]
    ) -> list[tuple[Of, Sequence[Placed]]]:
        """The groups of each alert; none of receivers that are absent."""
        known = self._known if self._under == (root, on_duty, absent) else {}
        found = []
        after: dict[str, tuple[Severity, Sequence[Placed]]] = {}
        looked_at = sorted(_looked_at(root, Target("").group_by)) if root else []
        alike: dict[tuple[str, ...], Sequence[Placed]] = {}
        for alert in alerts:
            before = known.get(alert.episode)
            if before is not None and before[0] is alert.severity:
                after[alert.episode], placed = before, before[1]
            else:
                labels = alert.routed_by
                seen = tuple([labels.get(name, "") for name in looked_at])
                if seen not in alike:
                    alike[seen] = _placed(labels, root, on_duty, absent)
                placed = alike[seen]
                after[alert.episode] = alert.severity, placed
            found.append((alert, placed))
        self._under, self._known = (root, on_duty, absent), after
        return found

    def targets(self, alert: Routed, root: Route, on_duty: Mapping[str, str]) -> Sequence[Target]:
        """Where the routes send an alert that is over, whether or not its receivers are absent."""
        if self._targets[:2] != (root, on_duty) or len(self._targets[2]) >= _REMEMBERED:
            self._targets = root, on_duty, {}
        known = self._targets[2]
        place = f"{alert.severity}/{alert.episode}"
        if place not in known:
            known[place] = targets(root, alert.routed_by, on_duty)
        return known[place]


def group_key(target: Target, labels: Mapping[str, str]) -> str:
    """The name of a group for ever: its receiver and the labels that make it."""
    return hashlib.sha256(json.dumps([target.receiver, sorted(labels.items())], ensure_ascii=False).encode()).hexdigest()[:32]


def _looked_at(route: Route, group_by: Iterable[str]) -> set[str]:
    """The labels that decide where alerts go: those of every matcher, and those that make groups."""
    here = {matcher.label for matcher in route.match} | set(route.group_by or group_by)
    return here.union(*(_looked_at(inner, ()) for inner in route.routes))


def _placed(
    labels: Mapping[str, str], root: Route | None, on_duty: Mapping[str, str], absent: frozenset[str]
) -> Sequence[Placed]:
    found = []
    for target in targets(root, labels, on_duty) if root else ():
        if target.receiver not in absent:
            shared = {name: labels[name] for name in target.group_by if labels.get(name)}
            found.append(Placed(group_key(target, shared), target, shared))
    return found
