"""What is told when: alerts that go to one receiver together, and the moments at which something is said. Pure.

First after `group_wait`, changes each `group_interval`, what stays unchanged each `repeat_interval`. What is over before it
was told is never told, and "resolved" goes only where "firing" was told. What is muted is held back; what outlasts that is
told once. What nobody takes over goes on to the receivers of an escalation, which are groups like all others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

from gwanje.model import Severity
from gwanje.tell import escalation
from gwanje.tell.placing import Placed, Placing, group_key
from gwanje.tell.routes import Target
from gwanje.tell.told import Alert, Decided, Group, Reason, Ways


@dataclass(frozen=True, slots=True)
class _Place:
    """A group as the routes want it now. The alerts in it carry what mutes them for this receiver."""

    key: str
    target: Target
    labels: Mapping[str, str]
    step: int
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class _Look:
    """What every group is looked at with."""

    known: Mapping[str, Alert]
    ways: Ways
    now: datetime
    placing: Placing

    def target_of(self, over: Iterable[Alert], receiver: str) -> Target:
        """The times by which the end of alerts is told, when nothing of their group fires any more."""
        root = self.ways.root
        if root is None:
            return Target(receiver)
        routed = (target for alert in over for target in self.placing.targets(alert, root, self.ways.on_duty))
        return next((target for target in routed if target.receiver == receiver), Target(receiver))


@dataclass(frozen=True, slots=True)
class _News:
    """What there is to say to a group."""

    loud: tuple[Alert, ...]
    """Those that fire and are not muted."""
    new: tuple[Alert, ...]
    rose: tuple[Alert, ...]
    freed: tuple[Alert, ...]
    """Those that were muted until now."""
    taken: tuple[Alert, ...]
    """Those that somebody took over since the last word."""
    over: tuple[Alert, ...]


class Stepped(NamedTuple):
    """What a step came to."""

    groups: list[Group]
    decided: list[Decided]
    wakes: Callable[[], datetime]
    """Until when the next one says nothing, if nothing but the time changes. Asked where this one said and changed nothing."""


def step(groups: Sequence[Group], alerts: Iterable[Alert], ways: Ways, now: datetime, placing: Placing | None = None) -> Stepped:
    """The groups after this moment, and what is told.

    `alerts` are all that fire, and those that are over but stand in some group's `told`. `placing` remembers where they go.
    """
    placing = placing or Placing()
    known = {alert.episode: alert for alert in alerts}
    look = _Look(known, ways, now, placing)
    places = _places([alert for alert in known.values() if alert.firing], ways, placing)
    after, decided = _layer([group for group in groups if not group.step], places, look)
    after = [_escalated(group, places.get(group.key), ways, now) for group in after]
    further = _further(after, places, known, ways)
    added, escalated = _layer([group for group in groups if group.step], further, look)
    every = [*after, *added]
    return Stepped(every, [*decided, *escalated], partial(_wakes, every, {**places, **further}, look))


def _wakes(groups: Sequence[Group], places: Mapping[str, _Place], look: _Look) -> datetime:
    moments = (
        moment for group in groups for moment in _moments(group, places[group.key].target if group.key in places else None, look)
    )
    return min((moment for moment in moments if moment > look.now), default=datetime.max.replace(tzinfo=UTC))


def _moments(group: Group, target: Target | None, look: _Look) -> Iterable[datetime]:
    """When something may become due for a group."""
    if target is None:
        told = (look.known[episode] for episode in group.told if episode in look.known)
        target = look.target_of(told, group.receiver)
    yield group.began + target.wait(Severity.CRITICAL)
    yield group.began + target.wait(Severity.WARNING)
    if group.told_at is not None:
        yield group.told_at + target.group_interval
        yield group.told_at + target.repeat_interval
    policy = look.ways.escalations.get(target.escalate)
    if group.clock is not None and policy is not None:
        yield from (group.clock.since + group.clock.paused + one.after for one in policy.steps)


def _layer(groups: Sequence[Group], places: Mapping[str, _Place], look: _Look) -> tuple[list[Group], list[Decided]]:
    kept, moved = _settled(groups, places)
    after: list[Group] = []
    decided: list[Decided] = []
    for key in sorted(kept.keys() | places.keys()):
        group, message = _told(_current(key, kept, places, moved, look.now), places.get(key), look)
        after += [group] if group.told or key in places else []
        decided += [message] if message else []
    return after, decided


# --- which groups there are ----------------------------------------------------------------------------------------------


def _places(firing: Sequence[Alert], ways: Ways, placing: Placing) -> dict[str, _Place]:
    """The groups that the routes want."""
    found: dict[str, dict[str, Alert]] = {}
    shapes: dict[str, _Place] = {}
    for alert, placed in placing.of(firing, ways.root, ways.on_duty, ways.absent):
        for one in placed if len(placed) < 2 else _one_a_receiver(placed, ways.windows_on):
            if one.key not in shapes:
                shapes[one.key], found[one.key] = _Place(one.key, one.target, one.labels, 0, ()), {}
            muted = alert.muted or one.target.muted(ways.windows_on)
            found[one.key][alert.episode] = replace(alert, muted=muted) if muted else alert
    return {key: replace(place, alerts=tuple(found[key].values())) for key, place in shapes.items()}


def _one_a_receiver(placed: Sequence[Placed], windows_on: frozenset[str]) -> Iterable[Placed]:
    """Nobody hears of one alert twice: of several groups of one receiver, the first that may be told now, else the first."""
    chosen: dict[str, Placed] = {}
    for one in sorted(placed, key=lambda one: bool(one.target.muted(windows_on))):
        chosen.setdefault(one.target.receiver, one)
    return chosen.values()


def _further(groups: Sequence[Group], places: Mapping[str, _Place], known: Mapping[str, Alert], ways: Ways) -> dict[str, _Place]:
    """The groups that escalations want: what a group was told and still fires, for the receivers of the steps taken.

    What stands in several groups is told once to the receiver of a step.
    """
    found: dict[str, _Place] = {}
    has: set[tuple[str, int, str]] = set()
    for group in groups:
        place = places.get(group.key)
        policy = ways.escalations.get(place.target.escalate) if place else None
        if place is None or policy is None or group.clock is None:
            continue
        alerts = tuple(alert for alert in place.alerts if alert.episode in group.told and alert.episode in known)
        for number, one in enumerate(policy.steps[: group.clock.taken], start=1):
            receiver = one.receiver or ways.on_duty.get(one.duty or "", "")
            fresh = tuple(alert for alert in alerts if (receiver, number, alert.episode) not in has)
            if fresh and receiver and receiver not in ways.absent:
                has |= {(receiver, number, alert.episode) for alert in fresh}
                target = replace(place.target, receiver=receiver, group_wait=timedelta())
                key = group_key(target, {"": group.key, "step": str(number)})
                found[key] = _Place(key, target, group.labels, number, fresh)
    return found


def _settled(
    groups: Sequence[Group], places: Mapping[str, _Place]
) -> tuple[dict[str, Group], dict[tuple[str, str], tuple[Group, Severity]]]:
    """Each told episode stands in one group of its receiver: the one the routes want now, else the one it was told in.

    So an edited grouping moves what was told along with the alert, and nobody is told it all again.
    """
    wanted = {(place.target.receiver, place.step, alert.episode): key for key, place in places.items() for alert in place.alerts}
    kept: dict[str, Group] = {}
    moved: dict[tuple[str, str], tuple[Group, Severity]] = {}
    for group in groups:
        here: dict[str, Severity] = {}
        for episode, severity in group.told.items():
            place = wanted.get((group.receiver, group.step, episode), group.key)
            if place == group.key:
                here[episode] = severity
            else:
                moved[place, episode] = (group, severity)
        kept[group.key] = group if len(here) == len(group.told) else replace(group, told=here)
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
    group = kept.get(key) or Group(key, place.target.receiver, place.labels, now, step=place.step)
    for alert in place.alerts if moved else ():
        if (key, alert.episode) in moved:
            before, severity = moved[key, alert.episode]
            told_at = max(filter(None, (group.told_at, before.told_at)), default=None)
            group = replace(group, told={**group.told, alert.episode: severity}, told_at=told_at)
    return group


# --- what is said --------------------------------------------------------------------------------------------------------


def _told(group: Group, place: _Place | None, look: _Look) -> tuple[Group, Decided | None]:
    """What is said to this group now, and the group after it."""
    known, now = look.known, look.now
    firing = place.alerts if place else ()
    over = tuple(known[episode] for episode in group.told if episode in known and not known[episode].firing)
    target = place.target if place else look.target_of(over, group.receiver)
    news = _news(group, firing, over)
    reason = _reason(group, news, target, now)
    held = {alert.episode: alert.muted for alert in firing if alert.muted}
    taken = frozenset(alert.episode for alert in firing if alert.acknowledged and alert.episode in group.told)
    if reason is None:
        freed = {alert.episode for alert in news.freed}
        waiting = {episode: why for episode, why in group.held.items() if episode in freed}
        return _changed(group, {**waiting, **held}, group.acknowledged & taken), None
    key = hashlib.sha256(json.dumps([group.key, reason, now.isoformat()]).encode()).hexdigest()[:32]
    if reason is Reason.ACKNOWLEDGED:
        return _changed(group, held, taken), Decided(key, group, reason, news.taken, now)
    gone = {alert.episode for alert in over}
    elsewhere = {episode: severity for episode, severity in group.told.items() if episode not in gone}
    told = {**elsewhere, **{alert.episode: alert.severity for alert in news.loud}}
    after = replace(group, told=told, told_at=now, held=held, acknowledged=group.acknowledged & taken)
    return after, Decided(key, group, reason, (*news.loud, *over), now)


def _news(group: Group, firing: Sequence[Alert], over: tuple[Alert, ...]) -> _News:
    loud = tuple(alert for alert in firing if not alert.muted)
    if group.step:  # an escalation tells nobody new of what somebody took over
        loud = tuple(alert for alert in loud if not alert.acknowledged or alert.episode in group.told)
    known = [alert for alert in loud if alert.episode in group.told]
    return _News(
        loud=loud,
        new=tuple(alert for alert in loud if alert.episode not in group.told),
        rose=tuple(alert for alert in known if alert.severity.rank < group.told[alert.episode].rank),
        freed=tuple(
            alert for alert in loud if alert.episode in group.held and not (alert.acknowledged and alert.episode in group.told)
        ),
        taken=tuple(alert for alert in known if alert.acknowledged and alert.episode not in group.acknowledged),
        over=over,
    )


def _reason(group: Group, news: _News, target: Target, now: datetime) -> Reason | None:
    """Why something is said now; None when nothing is."""
    late = bool(news.new or news.freed) and all(alert in news.freed for alert in news.new)
    if group.told_at is None or not group.told:
        if not news.new:
            return None
        worst = min((alert.severity for alert in news.new), key=lambda severity: severity.rank)
        if late:
            return Reason.UNMUTED
        return Reason.FIRST if now >= group.began + target.wait(worst) else None
    changed = (
        Reason.ROSE
        if news.rose
        else Reason.UNMUTED
        if late
        else Reason.NEW
        if news.new
        else Reason.RESOLVED
        if news.over
        else None
    )
    if changed and _may_say(group, news, target, now):
        return changed
    if news.taken:
        return Reason.ACKNOWLEDGED
    unattended = any(not alert.acknowledged for alert in news.loud)
    return Reason.REPEAT if unattended and now >= group.told_at + target.repeat_interval else None


def _may_say(group: Group, news: _News, target: Target, now: datetime) -> bool:
    """Changes come at most each group interval; a critical one does not wait for it."""
    urgent = any(alert.severity is Severity.CRITICAL for alert in (*news.new, *news.rose))
    if urgent and not target.wait(Severity.CRITICAL):
        return True
    return group.told_at is None or now >= group.told_at + target.group_interval


def _escalated(group: Group, place: _Place | None, ways: Ways, now: datetime) -> Group:
    """The group with its escalation's clock moved on."""
    policy = ways.escalations.get(place.target.escalate) if place else None
    if place is None or policy is None:
        return group if group.clock is None else replace(group, clock=None)
    waiting = [alert for alert in place.alerts if alert.episode in group.told and not alert.acknowledged]
    muted = all(alert.muted for alert in waiting)
    clock = escalation.step(group.clock, policy, now, open_=bool(waiting), muted=muted)
    return group if clock == group.clock else replace(group, clock=clock)


def _changed(group: Group, held: Mapping[str, str], acknowledged: frozenset[str]) -> Group:
    if held == group.held and acknowledged == group.acknowledged:
        return group
    return replace(group, held=held, acknowledged=acknowledged)
