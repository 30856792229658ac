"""Alerts that come to stand in another group, as routes were edited or alerts changed: what was told comes along. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gwanje.tell.routes import Target
from gwanje.tell.told import Alert, Group


@dataclass(frozen=True, slots=True)
class Place:
    """A group as the routes want it now. The alerts in it carry what mutes them for this receiver."""

    key: str
    target: Target
    labels: Mapping[str, str]
    step: int
    alerts: tuple[Alert, ...]


def settled(groups: Sequence[Group], places: Mapping[str, Place]) -> tuple[dict[str, Group], dict[tuple[str, str], Group]]:
    """Each told episode stands in one group of its receiver: the one the routes want now, else the one it was told in.

    So an edited grouping moves what was told along with the alert, and nobody is told it all again. Returns the groups, and
    by new group and episode the group that an alert stood in before.
    """
    wanted = {(place.target.receiver, place.step, alert.episode): key for key, place in places.items() for alert in place.alerts}
    kept: dict[str, Group] = {}
    moved: dict[tuple[str, str], Group] = {}
    for group in groups:
        away: set[str] = set()
        for episode in group.told.keys() | group.held.keys():
            place = wanted.get((group.receiver, group.step, episode), group.key)
            if place != group.key:
                moved[place, episode] = group
                away.add(episode)
        here = {episode: severity for episode, severity in group.told.items() if episode not in away}
        kept[group.key] = group if len(here) == len(group.told) else replace(group, told=here)
    return kept, moved


def current(
    key: str, kept: Mapping[str, Group], places: Mapping[str, Place], moved: Mapping[tuple[str, str], Group], now: datetime
) -> Group:
    """The group of this key with what came along to it; a new one where the routes want it first now."""
    place = places.get(key)
    if place is None:
        return kept[key]
    group = kept.get(key) or Group(key, place.target.receiver, place.labels, now, step=place.step)
    for alert in place.alerts if moved else ():
        if before := moved.get((key, alert.episode)):
            group = _joined(group, before, alert.episode)
    return group


def _joined(group: Group, before: Group, episode: str) -> Group:
    """The group with what its receiver knew of an alert in the group that this one stood in before."""
    held = {**group.held, episode: before.held[episode]} if episode in before.held else group.held
    if episode not in before.told:
        return replace(group, held=held)
    return replace(
        group,
        held=held,
        told={**group.told, episode: before.told[episode]},
        told_at=max(filter(None, (group.told_at, before.told_at)), default=None),
        acknowledged=group.acknowledged | before.acknowledged & {episode},
        clock=min(filter(None, (group.clock, before.clock)), key=lambda clock: clock.since, default=None),
    )
