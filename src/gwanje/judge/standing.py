"""The open instances of one rule, stepped by what each evaluation finds. Needs no database: a rehearsal drives it as well.

Most evaluations find what the one before found. Then no state can change before the next clock runs out, and only values
are taken over, all at once. Instances are brought up to date from them when one is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import starmap
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gwanje.because import Because
from gwanje.judge import lifecycle
from gwanje.judge.identity import fingerprint
from gwanje.judge.leaving import Departed, leaving
from gwanje.judge.lifecycle import Ended, Instance, State, Transition
from gwanje.judge.patience import Patience
from gwanje.judge.rules.found import BETWEEN, CLEARED, STALE, Found, Known
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.threshold import Threshold
from gwanje.judge.rules.thresholds import Standard
from gwanje.judge.rules.verdict import Breach, Good, Stale, Verdict

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_AT_ONCE: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Worst:
    """What an episode keeps of its breaches: the last threshold, where it comes from, and the value furthest beyond."""

    threshold: Threshold
    origin: str = ""
    peak: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What one evaluation made of one instance. None before: it began; None after: it is over."""

    before: Instance | None
    after: Instance | None
    transitions: tuple[Transition, ...]
    worst: Worst

    @property
    def known(self) -> Instance:
        """The instance, whichever side of the change it stands on."""
        found = self.after or self.before
        if found is None:
            raise ValueError("a change of nothing")
        return found


@dataclass(slots=True)
class Standing:
    """One rule and its open instances, by fingerprint."""

    rule: Rule
    open: dict[str, Instance] = field(default_factory=dict)
    worst: dict[str, Worst] = field(default_factory=dict)
    found: Found | None = None
    """What the last evaluation found, and"""
    at: datetime = _AT_ONCE
    """when."""
    refused: int = 0
    """How many new alerts the last evaluation refused, because too many are open."""
    _settled_until: datetime = _AT_ONCE
    _peaks: NDArray[np.float64] | None = None
    _answered: dict[str, tuple[Mapping[str, str], datetime]] = field(default_factory=dict)
    """When each label set last answered; kept only where the rule says something about missing data."""
    _whole: tuple[Known, int] | None = None
    """The label sets of an answer in which none of so many was missing."""
    _patience: Patience = field(init=False)

    def __post_init__(self) -> None:
        self._patience = Patience(self.rule)

    def steady(self, found: Found, at: datetime) -> bool:
        """Whether no state changes by this: it finds what was found before, and no clock runs out until then."""
        before = self.found
        if before is None or at >= self._settled_until or (before.silent, before.awaited) != (found.silent, found.awaited):
            return False
        if not np.array_equal(before.levels, found.levels) or at - self.at > lifecycle.absence(self.rule):
            return False
        return before.known is found.known or before.identities == found.identities

    def note(self, found: Found, at: datetime) -> None:
        """Take over the values of a steady evaluation."""
        furthest = np.fmin if self.rule.side == "below" else np.fmax
        peaks = found.values if self._peaks is None else self._peaks
        self._peaks = furthest(peaks, np.where(found.levels >= 0, found.values, np.nan))
        self.found, self.at = found, at

    def step(self, found: Found, at: datetime, departed: Departed = ()) -> list[Change]:
        """Every result of one evaluation, and every open instance that it did not mention."""
        self.catch_up()
        changes = self._forgiven(at)
        self.refused, self._patience.awaited = 0, found.awaited
        for place, identity in enumerate(found.identities):
            before = self.open.get(identity)
            if before is None and found.levels[place] < 0:
                continue
            if before is None and len(self.open) >= self.rule.max_instances:
                self.refused += 1
                continue
            changes += self._one(before, found.verdict(place), at, departed, found.standard(place))
        mentioned = set(found.identities)
        for identity, instance in list(self.open.items()):
            if identity not in mentioned:
                changes += self._one(instance, self._unmentioned(instance, found), at, departed)
        changes += self._stopped(found, at, departed)
        self.found, self.at, self._peaks = found, at, None
        self._settled_until = self._next(found)
        return changes

    def judge(self, verdict: Verdict, at: datetime) -> list[Change]:
        """One verdict by itself, for alerts that no query finds."""
        return self._one(self.open.get(fingerprint(self.rule.name, verdict.labels)), verdict, at)

    def end(self, instance: Instance, transition: Transition) -> Change:
        """Close an instance for a reason that no evaluation gives."""
        del self.open[instance.fingerprint]
        self._settled_until = _AT_ONCE
        return Change(instance, None, (transition,), self.worst.pop(instance.fingerprint, self._no_breach()))

    def catch_up(self) -> None:
        """Bring the instances up to date with what steady evaluations noted."""
        if self.found is None or self._peaks is None:
            return
        for place, identity in enumerate(self.found.identities):
            instance = self.open.get(identity)
            if instance is None or self.found.levels[place] <= STALE:
                continue
            if self.found.levels[place] < BETWEEN:
                self.open[identity] = replace(instance, seen_at=self.at)
                continue
            self.open[identity] = replace(instance, value=float(self.found.values[place]), seen_at=self.at)
            peak, worst = float(self._peaks[place]), self.worst[identity]
            further = _further(worst.threshold, worst.peak, peak) if np.isfinite(peak) else worst.peak
            if further != worst.peak:
                self.worst[identity] = replace(worst, peak=further)
        self._heard(self.found, self.at)
        self._peaks = None

    def missing(self, known: Known) -> dict[str, Mapping[str, str]]:
        """The label sets, by identity, that are open or expected to answer, and are not among these."""
        expected = len(self.open) + len(self._answered)
        if not expected or (self._whole is not None and self._whole[0] is known and self._whole[1] == expected):
            return {}
        there = set(known.identities)
        gone = {identity: labels for identity, (labels, _) in self._answered.items() if identity not in there}
        gone |= {identity: instance.labels for identity, instance in self.open.items() if identity not in there}
        if not gone:
            self._whole = known, expected
        return gone

    def next_change(self, instance: Instance, level: int | None) -> datetime:
        """When its clock runs out if every evaluation finds this level; None is no answer."""
        rule, due = self.rule, self._patience.due(instance.fingerprint)
        waits = due is not None and self.at <= due
        match instance.state:
            case State.PENDING if level is None or level < 0:
                return due if due is not None and waits else _AT_ONCE
            case State.PENDING:
                return (instance.pending_since or instance.since) + rule.for_
            case State.FIRING | State.RECOVERING if level == CLEARED and instance.good_since is not None:
                ends = instance.good_since + max(rule.clear_for, rule.keep_firing_for)
                recovers = instance.good_since + rule.keep_firing_for
                return min(ends, recovers) if instance.state is State.FIRING else ends
            case State.NO_DATA if instance.fired_at is None:
                return instance.since + lifecycle.LONGEST_OUTAGE
        missed = self._patience.until(instance.fingerprint, instance.seen_at)
        stopped = level is None or (level == STALE and self._patience.forgiven(instance.seen_at))
        if stopped and (waits or rule.no_data in {"breach", "ok"}) and self.at <= missed:
            return missed
        return _NEVER

    # --- the steps ---

    def _one(
        self,
        before: Instance | None,
        verdict: Verdict | None,
        at: datetime,
        departed: Departed = (),
        standard: Standard | None = None,
    ) -> list[Change]:
        if before is not None and (verdict is None or isinstance(verdict, Stale)):
            left = leaving(before.labels, departed)
            if left is not None:
                return [self.end(before, lifecycle.depart(before, at, left.because, left.ended))]
            if at <= self._patience.until(before.fingerprint, before.seen_at):
                seldom = self._patience.awaited.get(before.fingerprint)
                if seldom is not None and before.state is not State.NO_DATA:
                    return self._changed(before, replace(before, last_seen=seldom.why), (), None)
                if self._patience.forgiven(before.seen_at):
                    return self._changed(before, lifecycle.waiting(before, verdict, self.rule, at), (), None)
        after, transitions = lifecycle.step(before, verdict, self.rule, at)
        breach = verdict if isinstance(verdict, Breach) else None
        origin = standard.origin(breach.severity) if breach and standard else ""
        return self._changed(before, after, transitions, breach, origin)

    def _unmentioned(self, instance: Instance, found: Found) -> Verdict | None:
        """What it means that an alert is not in the answer: good where the query leaves out what is good, otherwise nothing."""
        if self.rule.severity is None:
            return None
        why = found.silent.get(instance.fingerprint)
        if why:
            return Stale(instance.labels, why)
        return Good(instance.labels, instance.value, cleared=True, why=Because("no longer in the answer", "not_in_answer"))

    def _changed(
        self,
        before: Instance | None,
        after: Instance | None,
        transitions: tuple[Transition, ...],
        breach: Breach | None,
        origin: str = "",
    ) -> list[Change]:
        known = after or before
        if known is None or (before == after and not transitions):
            return []
        worst = self.worst.get(known.fingerprint) or self._no_breach()
        if breach is not None:
            worst = Worst(breach.threshold, origin, _further(breach.threshold, worst.peak, breach.value))
        if after is None:
            self.open.pop(known.fingerprint, None)
            self.worst.pop(known.fingerprint, None)
        else:
            self.open[known.fingerprint] = after
            self.worst[known.fingerprint] = worst
        return [Change(before, after, transitions, worst)]

    def _stopped(self, found: Found, at: datetime, departed: Departed) -> list[Change]:
        """What was ok and stopped answering, where the rule has a word on that."""
        if not self.rule.expects:
            return []
        changes: list[Change] = []
        self._heard(found, at)
        for identity, (labels, seen_at) in list(self._answered.items()):
            left = leaving(labels, departed)
            if left is not None:
                if left.ended is Ended.HOST_REMOVED:  # what is merely away is expected back
                    del self._answered[identity]
            elif identity not in self.open and at > self._patience.until(identity, seen_at):
                if len(self.open) >= self.rule.max_instances:
                    self.refused += 1
                    continue
                del self._answered[identity]
                after, transitions = lifecycle.absent(labels, self.rule, at, seen_at)
                changes += self._changed(None, after, transitions, None)
        return changes

    def _heard(self, found: Found, at: datetime) -> None:
        """Remember which label sets answered, where the rule has a word on those that stop."""
        if not self.rule.expects:
            return
        for place, identity in enumerate(found.identities):
            if found.levels[place] > STALE:
                self._answered[identity] = found.known.labels[place], at

    def answered(self, known: Known, at: datetime) -> None:
        """Learn which label sets answered at an earlier time, so that a restart does not forget what stopped meanwhile."""
        if self.rule.expects:
            for identity, labels in zip(known.identities, known.labels, strict=True):
                self._answered.setdefault(identity, (labels, at))

    def _next(self, found: Found) -> datetime:
        """Until when the same finding changes nothing."""
        if self.refused:
            return _AT_ONCE
        levels: dict[str, int] = dict(zip(found.identities, found.levels.tolist(), strict=True))
        if self.rule.severity is not None:
            levels |= {identity: CLEARED for identity in self.open if identity not in levels and identity not in found.silent}
        until = min((self.next_change(one, levels.get(identity)) for identity, one in self.open.items()), default=_NEVER)
        closed = [(identity, seen) for identity, (_, seen) in self._answered.items() if identity not in self.open]
        silent = [(identity, seen) for identity, seen in closed if levels.get(identity, STALE) == STALE]
        return min([until, *starmap(self._patience.until, silent)])

    # --- missing, while somebody looked ---

    def _forgiven(self, at: datetime) -> list[Change]:
        """What comes of the time in which nobody looked; that before the first evaluation was forgiven to what state kept."""
        last, paused = self.at, self._patience.note(self.at, at)
        if self.found is None or not paused:
            return []
        resumed = [(one, lifecycle.resume(one, self.rule, at, last)) for one in self.open.values()]
        return [change for before, after in resumed for change in self._changed(before, after, (), None)]

    def _no_breach(self) -> Worst:
        return Worst(self.rule.conditions[-1][1])


def _further(threshold: Threshold, peak: float | None, value: float | None) -> float | None:
    """The value furthest beyond the threshold: the lowest where the threshold is a floor."""
    if peak is None or value is None:
        return value if peak is None else peak
    return min(peak, value) if threshold.operator.startswith("<") else max(peak, value)
