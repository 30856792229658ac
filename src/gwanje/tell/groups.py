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
from gwanje.tell.regrouping import Place, current, settled
from gwanje.tell.routes import Target
from gwanje.tell.told import Alert, Decided, Group, Reason, Ways


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
    steps = [group for group in groups if group.step]
    further = _further(after, steps, places, look)
    added, escalated = _layer(steps, further, look)
    every = [*after, *added]
    return Stepped(every, [*decided, *escalated], partial(_wakes, every, {**places, **further}, look))


def _wakes(groups: Sequence[Group], places: Mapping[str, Place], look: _Look) -> datetime:
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


def _layer(groups: Sequence[Group], places: Mapping[str, Place], look: _Look) -> tuple[list[Group], list[Decided]]:
    kept, moved = settled(groups, places)
    after: list[Group] = []
    decided: list[Decided] = []
    for key in sorted(kept.keys() | places.keys()):
        group, message = _told(current(key, kept, places, moved, look.now), places.get(key), look)
        after += [group] if group.told or key in places else []
        decided += [message] if message else []
    return after, decided


# --- which groups there are ----------------------------------------------------------------------------------------------


def _places(firing: Sequence[Alert], ways: Ways, placing: Placing) -> dict[str, Place]:
    """The groups that the routes want."""
    found: dict[str, dict[str, Alert]] = {}
    shapes: dict[str, Place] = {}
    for alert, placed in placing.of(firing, ways.root, ways.on_duty, ways.absent):
        for one in placed if len(placed) < 2 else _one_a_receiver(placed, ways.windows_on):
            if one.key not in shapes:
                shapes[one.key], found[one.key] = Place(one.key, one.target, one.labels, 0, ()), {}
            muted = alert.muted or one.target.muted(ways.windows_on)
            found[one.key][alert.episode] = alert if muted == alert.muted else replace(alert, muted=muted)
    return {key: replace(place, alerts=tuple(found[key].values())) for key, place in shapes.items()}


def _one_a_receiver(placed: Sequence[Placed], windows_on: frozenset[str]) -> Iterable[Placed]:
    """Nobody hears of one alert twice: of several groups of one receiver, the first that may be told now, else the first."""
    chosen: dict[str, Placed] = {}
    for one in sorted(placed, key=lambda one: bool(one.target.muted(windows_on))):
        chosen.setdefault(one.target.receiver, one)
    return chosen.values()


def _further(groups: Sequence[Group], steps: Sequence[Group], places: Mapping[str, Place], look: _Look) -> dict[str, Place]:
    """The groups that escalations want: what a group was told and still fires, for the receivers of the steps taken.

    What stands in several groups is told once to the receiver of a step. Who heard of an alert by a step hears the rest of it,
    such as that somebody took it over, though steps begin anew then.
    """
    found: dict[str, Place] = {}
    has: set[tuple[str, int, str]] = set()
    heard = {(group.receiver, group.step, episode) for group in steps for episode in group.told}
    for group in groups:
        place = places.get(group.key)
        policy = look.ways.escalations.get(place.target.escalate) if place else None
        if place is None or policy is None:
            continue
        taken = group.clock.taken if group.clock else 0
        alerts = tuple(alert for alert in place.alerts if alert.episode in group.told and alert.episode in look.known)
        for number, one in enumerate(policy.steps if taken or heard else (), start=1):
            receiver = one.receiver or look.ways.on_duty.get(one.duty or "", "")
            if not receiver or receiver in look.ways.absent:
                continue
            fresh = tuple(
                alert
                for alert in alerts
                if (receiver, number, alert.episode) not in has
                and (number <= taken or (receiver, number, alert.episode) in heard)
            )
            if fresh:
                has |= {(receiver, number, alert.episode) for alert in fresh}
                target = replace(place.target, receiver=receiver, group_wait=timedelta())
                key = group_key(target, {"": group.key, "step": str(number)})
                found[key] = Place(key, target, group.labels, number, fresh)
    return found


# --- what is said --------------------------------------------------------------------------------------------------------


def _told(group: Group, place: Place | None, look: _Look) -> tuple[Group, Decided | None]:
    """What is said to this group now, and the group after it."""
    known, now = look.known, look.now
    firing = place.alerts if place else ()
    over = tuple(known[episode] for episode in group.told if episode in known and not known[episode].firing)
    target = place.target if place else look.target_of(over, group.receiver)
    news = _news(group, firing, over)
    reason = _reason(group, news, target, now)
    held = {alert.episode: alert.muted for alert in firing if alert.muted}
    taken = frozenset(episode for episode in group.told if episode in known and known[episode].acknowledged)
    if reason is None:
        freed = {alert.episode for alert in news.freed}
        waiting = {episode: why for episode, why in group.held.items() if episode in freed}
        return _changed(group, {**waiting, **held}, group.acknowledged & taken), None
    key = hashlib.sha256(json.dumps([group.key, reason, now.isoformat()]).encode()).hexdigest()[:32]
    unattended = sum(not alert.acknowledged for alert in news.loud)
    if reason is Reason.ACKNOWLEDGED:
        return _changed(group, held, taken), Decided(key, group, reason, news.taken, now, unattended)
    gone = {alert.episode for alert in over}
    elsewhere = {episode: severity for episode, severity in group.told.items() if episode not in gone}
    told = {**elsewhere, **{alert.episode: alert.severity for alert in news.loud}}
    after = replace(group, told=told, told_at=now, held=held, acknowledged=group.acknowledged & taken)
    return after, Decided(key, group, reason, (*news.loud, *over), now, unattended)


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


def _escalated(group: Group, place: Place | None, ways: Ways, now: datetime) -> Group:
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
