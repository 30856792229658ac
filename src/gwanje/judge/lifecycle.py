"""The one place where an alert changes state. Pure: same inputs, same answer.

ok → pending → firing → recovering → ok. An instance that is ok has nothing to remember, so it is None here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from gwanje.config import format_duration
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.verdict import Breach, Good, Verdict
from gwanje.model import Severity, to_ms

LONGEST_OUTAGE: Final = timedelta(hours=1)
"""After a longer one the clocks of `for` and `clear_for` start again."""
GRACE: Final = timedelta(minutes=10)
"""What passes after a shorter outage before a rule with a longer `for` fires."""
_MISSED_INTERVALS: Final = 3
_SHORTEST_ABSENCE: Final = timedelta(seconds=30)


class State(StrEnum):
    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    NO_DATA = "no_data"


class Ended(StrEnum):
    """Why an episode is over."""

    RESOLVED = "resolved"
    PASSED = "passed before firing"
    RULE_REMOVED = "rule removed"


@dataclass(frozen=True, slots=True)
class Instance:
    """One rule for one label set, while an episode of it is open."""

    fingerprint: str
    rule: str
    labels: Mapping[str, str]
    state: State
    severity: Severity
    since: datetime
    """When it entered its state."""
    pending_since: datetime | None
    """When the clock of `for` started."""
    good_since: datetime | None
    """When the clock of `clear_for` started."""
    seen_at: datetime
    """When a verdict last counted."""
    episode: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state, or of severity while the state stays."""

    at: datetime
    before: State
    after: State
    severity: Severity
    value: float | None
    because: str
    ended: Ended | None = None


Stepped = tuple[Instance | None, tuple[Transition, ...]]


def fingerprint(rule: str, labels: Mapping[str, str]) -> str:
    """An alert's identity: rule and labels, severity left out."""
    own = sorted((name, value) for name, value in labels.items() if name != "severity")
    return hashlib.sha256(json.dumps([rule, own], ensure_ascii=False).encode()).hexdigest()[:32]


def step(instance: Instance | None, verdict: Verdict | None, rule: Rule, now: datetime) -> Stepped:
    """The instance after one evaluation, and what changed.

    `verdict` is None when the series did not answer. Neither that nor a verdict that says nothing (too little counted, not
    a number) counts or resets anything; only what was observed moves an alert.
    """
    match verdict:
        case Breach():
            return _breached(instance, verdict, rule, now)
        case Good() if instance is not None:
            return _good(instance, verdict, rule, now)
        case None if instance is not None and instance.state is State.PENDING and now - instance.seen_at > absence(rule):
            return _entered(
                instance, State.NO_DATA, now, f"no data for more than {format_duration(absence(rule))}", instance.state
            )
    return None if instance is None else _not_counted(instance, rule, now), ()


def absence(rule: Rule) -> timedelta:
    """How long a series may be missing before a pending alert is `no_data`."""
    return max(_MISSED_INTERVALS * rule.interval, _SHORTEST_ABSENCE)


def resume(instance: Instance, rule: Rule, now: datetime) -> Instance:
    """The instance when evaluation begins again after an outage, so that nobody is told what the outage made up."""
    outage = now - instance.seen_at
    if outage > LONGEST_OUTAGE:
        return replace(instance, pending_since=instance.pending_since and now, good_since=instance.good_since and now)
    if instance.state is State.PENDING and rule.for_ > GRACE and instance.pending_since is not None:
        return replace(instance, pending_since=max(instance.pending_since, now + GRACE - rule.for_))
    return instance


def remove(instance: Instance, now: datetime) -> Transition:
    """The end of an instance whose rule is gone. That is not "resolved": nobody saw a good value."""
    return _transition(instance, State.OK, now, "the rule was removed", Ended.RULE_REMOVED)


def _breached(instance: Instance | None, breach: Breach, rule: Rule, now: datetime) -> Stepped:
    if instance is None:
        return _begun(breach, rule, now)
    seen = replace(instance, severity=breach.severity, value=breach.value, seen_at=now, good_since=None)
    match instance.state:
        case State.PENDING if now - (instance.pending_since or now) >= rule.for_:
            return _entered(seen, State.FIRING, now, f"{breach.why} for {format_duration(rule.for_)}", instance.state)
        case State.PENDING:
            return seen, _severity_changed(instance, seen, breach.why, now)
        case State.NO_DATA:
            restarted = replace(seen, pending_since=now)
            return _entered(restarted, State.PENDING, now, f"{breach.why}, after no data", instance.state)
        case State.RECOVERING:
            return _entered(seen, State.FIRING, now, f"{breach.why} again", instance.state)
    return seen, _severity_changed(instance, seen, breach.why, now)


def _begun(breach: Breach, rule: Rule, now: datetime) -> Stepped:
    identity = fingerprint(rule.name, breach.labels)
    begun = Instance(
        fingerprint=identity,
        rule=rule.name,
        labels=dict(breach.labels),
        state=State.OK,
        severity=breach.severity,
        since=now,
        pending_since=now,
        good_since=None,
        seen_at=now,
        episode=episode_id(identity, now),
        value=breach.value,
    )
    if rule.for_ > timedelta():
        return _entered(begun, State.PENDING, now, breach.why, State.OK)
    return _entered(begun, State.FIRING, now, breach.why, State.OK)


def _good(instance: Instance, good: Good, rule: Rule, now: datetime) -> Stepped:
    seen = replace(instance, value=good.value, seen_at=now)
    if instance.state in {State.PENDING, State.NO_DATA}:
        return None, (_transition(seen, State.OK, now, good.why, Ended.PASSED),)
    if not good.cleared:
        between = replace(seen, good_since=None)
        return (between, ()) if instance.state is State.FIRING else _entered(between, State.FIRING, now, good.why, instance.state)
    good_since = instance.good_since or now
    if now - good_since >= rule.clear_for:
        return None, (_transition(seen, State.OK, now, good.why, Ended.RESOLVED),)
    recovering = replace(seen, good_since=good_since)
    if instance.state is State.RECOVERING:
        return recovering, ()
    return _entered(recovering, State.RECOVERING, now, good.why, instance.state)


def _not_counted(instance: Instance, rule: Rule, now: datetime) -> Instance:
    """Time in which nothing was observed does not count for `for`."""
    if instance.state is not State.PENDING or instance.pending_since is None:
        return instance
    return replace(instance, pending_since=min(instance.pending_since + rule.interval, now))


def _entered(instance: Instance, state: State, now: datetime, because: str, before: State) -> Stepped:
    entered = replace(instance, state=state, since=now)
    return entered, (Transition(now, before, state, instance.severity, instance.value, because),)


def _severity_changed(before: Instance, after: Instance, why: str, now: datetime) -> tuple[Transition, ...]:
    if before.severity is after.severity:
        return ()
    return (
        Transition(now, before.state, after.state, after.severity, after.value, f"{before.severity} → {after.severity}: {why}"),
    )


def _transition(instance: Instance, state: State, now: datetime, because: str, ended: Ended) -> Transition:
    return Transition(now, instance.state, state, instance.severity, instance.value, because, ended)


def episode_id(identity: str, now: datetime) -> str:
    """The same breach gives the same id wherever it is evaluated; later ids sort later."""
    return f"{to_ms(now):012x}{identity[:20]}"
