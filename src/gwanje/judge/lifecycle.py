"""The one place where an alert changes state. Pure: same inputs, same answer.

ok → pending → firing → recovering → ok, and no data. An instance that is ok has nothing to remember, so it is None here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from gwanje.because import Because
from gwanje.config import format_duration
from gwanje.judge.identity import episode_id, fingerprint
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.verdict import Breach, Good, Stale, Verdict
from gwanje.model import Severity

__all__ = ["Ended", "Instance", "State", "Transition", "absence", "episode_id", "fingerprint", "remove", "resume", "step"]

LONGEST_OUTAGE: Final = timedelta(hours=1)
"""After a longer one the clocks of `for`, `clear_for` and `keep_firing_for` start again."""
GRACE: Final = timedelta(minutes=10)
"""What passes after a shorter outage before a rule with a longer `for` fires."""
MISSED: Final = 3
"""So many intervals without an answer are no data, and"""
SHORTEST_ABSENCE: Final = timedelta(seconds=30)
"""never a shorter time."""
NO_ANSWER: Final = Because("no answer", "no_answer")
"""What is known of a series that did not answer, before that is no data."""


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
    NO_DATA = "no data"
    DEPARTED = "departed"
    HOST_REMOVED = "host removed"
    RULE_REMOVED = "rule removed"
    RULE_CHANGED = "rule changed"


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
    """When the clocks of `clear_for` and `keep_firing_for` started."""
    seen_at: datetime
    """When it was in an answer last, whether or not that counted."""
    episode: str
    value: float | None
    fired_at: datetime | None = None
    """When people were first told, or would have been; what never fired just passes."""
    last_seen: str = ""
    """What the last look said where it said nothing: too few samples, no number, no data."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state, or of severity while the state stays."""

    at: datetime
    before: State
    after: State
    severity: Severity
    value: float | None
    because: str
    """A `Because` wherever the program itself gives it."""
    ended: Ended | None = None


Stepped = tuple[Instance | None, tuple[Transition, ...]]


def step(instance: Instance | None, verdict: Verdict | None, rule: Rule, now: datetime) -> Stepped:
    """The instance after one evaluation, and what changed.

    `verdict` is None when the series did not answer. Neither that nor a verdict that says nothing (too little counted, not
    a number) counts or resets anything; only what was observed moves an alert, or the rule's word on missing data.
    """
    match verdict:
        case Breach():
            return _breached(instance, verdict, rule, now)
        case Good() if instance is not None:
            return _good(instance, verdict, rule, now)
        case None | Stale() if instance is not None:
            return _missing(instance, verdict, rule, now)
    if instance is None or verdict is None:
        return instance, ()
    return _not_counted(replace(instance, last_seen=verdict.why, seen_at=now), rule, now), ()


def absent(labels: Mapping[str, str], rule: Rule, now: datetime, seen_at: datetime) -> Stepped:
    """What becomes of an ok label set that stopped answering longer than `absence` ago, by the rule's word on that."""
    missing = timedelta(seconds=(now - seen_at) // timedelta(seconds=1))
    why = Because(f"no data for {format_duration(missing)}", "no_data", seconds=missing.total_seconds())
    if rule.no_data == "breach":
        return step(None, _as_breach(labels, rule, why), rule, now)
    if rule.no_data != "alert":
        return None, ()
    severity, _ = rule.conditions[-1]
    begun = replace(_new(labels, severity, None, rule, now), seen_at=seen_at, fired_at=now, last_seen=why)
    return _entered(begun, State.NO_DATA, now, why, State.OK)


def waiting(instance: Instance, stale: Verdict | None, rule: Rule, now: datetime) -> Instance:
    """The instance after a look without an answer that is too soon, after nobody looked, to be missing data."""
    return _not_counted(replace(instance, last_seen=stale.why if stale else NO_ANSWER), rule, now)


def absence(rule: Rule) -> timedelta:
    """How long a series may be missing before that is no data."""
    return max(MISSED * rule.interval, SHORTEST_ABSENCE)


def resume(instance: Instance, rule: Rule, now: datetime, judged_at: datetime | None = None) -> Instance:
    """The instance when evaluation begins again after an outage, so that nobody is told what the outage made up.

    `judged_at` is when somebody evaluated last; None where only the instance tells.
    """
    outage = now - max(instance.seen_at, judged_at or instance.seen_at)
    if outage > LONGEST_OUTAGE:
        return replace(instance, pending_since=instance.pending_since and now, good_since=instance.good_since and now)
    if instance.state is State.PENDING and rule.for_ > GRACE and instance.pending_since is not None:
        return replace(instance, pending_since=max(instance.pending_since, now + GRACE - rule.for_))
    return instance


def unknown(judged_at: datetime | None, now: datetime) -> bool:
    """Whether open alerts are unknown, because nobody has evaluated rules since `judged_at`. They do not resolve by that."""
    return judged_at is None or now - judged_at > SHORTEST_ABSENCE


def remove(instance: Instance, now: datetime) -> Transition:
    """The end of an instance whose rule is gone. That is not "resolved": nobody saw a good value."""
    return _transition(instance, State.OK, now, Because("the rule was removed", "rule_removed"), Ended.RULE_REMOVED)


def reword(instance: Instance, now: datetime) -> Transition:
    """The end of an instance that its rule's new text does not find any more. That is not "resolved" either."""
    why = Because("the rule was changed and looks for this no longer", "rule_changed")
    return _transition(instance, State.OK, now, why, Ended.RULE_CHANGED)


def depart(instance: Instance, now: datetime, because: str, ended: Ended = Ended.DEPARTED) -> Transition:
    """The end of an instance of something that was taken away on purpose."""
    return _transition(instance, State.OK, now, because, ended)


# --- looked at -----------------------------------------------------------------------------------------------------------


def _breached(instance: Instance | None, breach: Breach, rule: Rule, now: datetime) -> Stepped:
    if instance is None:
        begun = _new(breach.labels, breach.severity, breach.value, rule, now)
        return _entered(begun, State.PENDING if rule.for_ > timedelta() else State.FIRING, now, breach.why, State.OK)
    seen = replace(instance, severity=breach.severity, value=breach.value, seen_at=now, good_since=None, last_seen="")
    match instance.state:
        case State.PENDING if now - (instance.pending_since or now) >= rule.for_:
            return _entered(seen, State.FIRING, now, _held(breach.why, rule.for_), instance.state)
        case State.NO_DATA:
            restarted = replace(seen, pending_since=now)
            state = State.PENDING if rule.for_ > timedelta() else State.FIRING
            why = Because(f"{breach.why}, after no data", "after_no_data", what=breach.why)
            return _entered(restarted, state, now, why, instance.state)
        case State.RECOVERING:
            again = Because(f"{breach.why} again", "again", what=breach.why)
            return _entered(seen, State.FIRING, now, again, instance.state)
    return seen, _severity_changed(instance, seen, breach.why, now)


def _good(instance: Instance, good: Good, rule: Rule, now: datetime) -> Stepped:
    seen = replace(instance, value=good.value, seen_at=now, last_seen="")
    if instance.state in {State.PENDING, State.NO_DATA}:
        ended = Ended.PASSED if instance.fired_at is None else Ended.RESOLVED
        return None, (_transition(seen, State.OK, now, good.why, ended),)
    if not good.cleared:
        between = replace(seen, good_since=None)
        return (between, ()) if instance.state is State.FIRING else _entered(between, State.FIRING, now, good.why, instance.state)
    good_since = instance.good_since or now
    if now >= good_since + max(rule.clear_for, rule.keep_firing_for):
        return None, (_transition(seen, State.OK, now, good.why, Ended.RESOLVED),)
    held = replace(seen, good_since=good_since)
    if instance.state is State.RECOVERING or now < good_since + rule.keep_firing_for:
        return held, ()
    return _entered(held, State.RECOVERING, now, good.why, instance.state)


# --- not seen ------------------------------------------------------------------------------------------------------------


def _missing(instance: Instance, stale: Stale | None, rule: Rule, now: datetime) -> Stepped:
    """What the rule says about missing data, once they are missing long enough; never "resolved"."""
    if stale is None and now - instance.seen_at <= absence(rule):
        return _not_counted(replace(instance, last_seen=NO_ANSWER), rule, now), ()
    why = stale.why if stale else _absent_longer(absence(rule))
    missed = replace(instance, last_seen=why)
    if rule.no_data == "breach":
        after, transitions = _breached(missed, _as_breach(instance.labels, rule, why), rule, now)
        return after and replace(after, seen_at=instance.seen_at, last_seen=why), transitions
    if rule.no_data == "ok":
        ended = Ended.PASSED if instance.fired_at is None else Ended.NO_DATA
        taken = Because(f"{why}, which this rule takes for ok", "taken_for_ok", what=why)
        return None, (_transition(missed, State.OK, now, taken, ended),)
    return _without_data(missed, rule, now)


def _without_data(missed: Instance, rule: Rule, now: datetime) -> Stepped:
    """A state that is kept. What was about to fire does not, and is forgotten after a while if nobody was told of it."""
    if missed.state is State.PENDING:
        fired_at = missed.fired_at or (now if rule.no_data == "alert" else None)
        return _entered(replace(missed, fired_at=fired_at), State.NO_DATA, now, missed.last_seen, missed.state)
    if missed.state is State.NO_DATA and missed.fired_at is None and now - missed.since > LONGEST_OUTAGE:
        why = Because(f"{missed.last_seen}; nobody had been told", "nobody_told", what=missed.last_seen)
        return None, (_transition(missed, State.OK, now, why, Ended.PASSED),)
    return missed, ()


def _not_counted(instance: Instance, rule: Rule, now: datetime) -> Instance:
    """Time in which nothing was observed does not count for `for`."""
    if instance.state is not State.PENDING or instance.pending_since is None:
        return instance
    return replace(instance, pending_since=min(instance.pending_since + rule.interval, now))


def _as_breach(labels: Mapping[str, str], rule: Rule, why: str) -> Breach:
    severity, condition = rule.conditions[0]
    return Breach(labels, None, severity, condition, why)


# --- in common -----------------------------------------------------------------------------------------------------------


def _new(labels: Mapping[str, str], severity: Severity, value: float | None, rule: Rule, now: datetime) -> Instance:
    identity = fingerprint(rule.name, labels)
    return Instance(
        fingerprint=identity,
        rule=rule.name,
        labels=dict(labels),
        state=State.OK,
        severity=severity,
        since=now,
        pending_since=now,
        good_since=None,
        seen_at=now,
        episode=episode_id(identity, now),
        value=value,
    )


def _entered(instance: Instance, state: State, now: datetime, because: str, before: State) -> Stepped:
    fired_at = now if state is State.FIRING and instance.fired_at is None else instance.fired_at
    entered = replace(instance, state=state, since=now, fired_at=fired_at)
    return entered, (Transition(now, before, state, instance.severity, instance.value, because),)


def _severity_changed(before: Instance, after: Instance, why: str, now: datetime) -> tuple[Transition, ...]:
    if before.severity is after.severity:
        return ()
    sentence = f"{before.severity} → {after.severity}: {why}"
    changed = Because(sentence, "severity_changed", before=str(before.severity), after=str(after.severity), what=why)
    return (Transition(now, before.state, after.state, after.severity, after.value, changed),)


def _held(why: str, length: timedelta) -> Because:
    return Because(f"{why} for {format_duration(length)}", "held", what=why, seconds=length.total_seconds())


def _absent_longer(length: timedelta) -> Because:
    return Because(f"no data for more than {format_duration(length)}", "no_data_longer", seconds=length.total_seconds())


def _transition(instance: Instance, state: State, now: datetime, because: str, ended: Ended) -> Transition:
    return Transition(now, instance.state, state, instance.severity, instance.value, because, ended)
