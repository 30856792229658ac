"""What one transaction writes of alerts: rows gathered first and written together, so that a thousand cost a few statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from gwanje.judge.lifecycle import Instance, State, Transition
from gwanje.judge.rules import texts
from gwanje.judge.rules.cause import cause
from gwanje.judge.rules.found import written
from gwanje.judge.rules.questions import curve
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.threshold import Threshold
from gwanje.judge.standing import Change, Worst
from gwanje.judge.trouble import RULE_ERROR
from gwanje.keep.state import alerts
from gwanje.keep.state.written import Wrote
from gwanje.model import Severity


@dataclass(slots=True)
class Sheet:
    """The rows of one transaction at one instant."""

    at: datetime
    changed: set[str] = field(default_factory=set)
    """Episodes whose state changed."""
    touched: set[str] = field(default_factory=set)
    """Those that fired and of which anything that is kept changed, such as the value they show: messages may tell of them."""
    _begun: dict[str, alerts.Row] = field(default_factory=dict)
    _episodes: dict[str, alerts.Row] = field(default_factory=dict)
    _new: dict[str, alerts.Row] = field(default_factory=dict)
    _known: dict[str, alerts.Row] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)
    _transitions: list[alerts.Row] = field(default_factory=list)
    _causes: dict[tuple[str, Threshold], Mapping[str, str]] = field(default_factory=dict)
    """What the alerts of a rule have in common is said once."""

    def enter(self, change: Change, rule: Rule | None) -> None:
        """One change; the value alone is not written here, `show` does that from time to time."""
        instance = change.known
        if not change.transitions and change.before is not None and change.after is not None:
            if _clocks(change.before) != _clocks(change.after):
                self._known[instance.fingerprint] = instance_row(change.after)
            return
        self._story(instance, change.transitions)
        if change.before is None and rule is not None:
            self._begun[instance.episode] = self._beginning(instance, rule, change.worst)
        else:
            self._episodes.setdefault(instance.episode, {}).update(self._changes(change, rule))
        if change.after is None:
            self._gone.add(instance.fingerprint)
            self._known.pop(instance.fingerprint, None)
        else:
            rows = self._new if change.before is None else self._known
            rows[instance.fingerprint] = instance_row(change.after)

    def show(self, instance: Instance, rule: Rule, worst: Worst) -> None:
        """What an open episode shows of its last value."""
        if instance.fired_at is not None:
            self.touched.add(instance.episode)
        said = _seen(instance, rule, instance.value, worst)
        self._episodes.setdefault(instance.episode, {}).update({**said, "peak": worst.peak})

    def write_down(self, connection: Connection) -> None:
        """Everything, in the order in which rows need each other."""
        alerts.begin_episodes(connection, list(self._begun.values()))
        alerts.change_episodes(connection, self._episodes)
        alerts.drop_instances(connection, self._gone)
        alerts.put_instances(connection, new=list(self._new.values()), known=list(self._known.values()))
        alerts.add_transitions(connection, self._transitions)

    def wrote(self) -> Wrote:
        """What episodes look like by this, for those who would have to read them again."""
        return Wrote(self._begun, self._episodes)

    def _cause(self, rule: Rule, threshold: Threshold) -> Mapping[str, str]:
        known = self._causes.get((rule.name, threshold))
        if known is None:
            known = self._causes[rule.name, threshold] = cause(rule, threshold)
        return known

    def _story(self, instance: Instance, transitions: tuple[Transition, ...]) -> None:
        if instance.fired_at is not None:
            self.touched.add(instance.episode)
        self.changed.add(instance.episode)
        self._transitions += [_transition_row(instance.episode, one) for one in transitions]

    def _beginning(self, instance: Instance, rule: Rule, worst: Worst) -> alerts.Row:
        return {
            "id": instance.episode,
            "fingerprint": instance.fingerprint,
            "rule": rule.name,
            "labels": dict(instance.labels),
            "annotations": texts.others(rule, instance.labels, instance.value),
            "state": instance.state,
            "began_at": self.at,
            "fired_at": instance.fired_at,
            "peak": worst.peak,
            "query": "" if rule is RULE_ERROR else curve(rule, instance.labels),
            "unit": rule.value_unit,
            "for_ms": rule.for_ // timedelta(milliseconds=1),
            "cause": self._cause(rule, worst.threshold),
            "threshold_from": worst.origin,
            **_seen(instance, rule, instance.value, worst),
        }

    def _changes(self, change: Change, rule: Rule | None) -> alerts.Row:
        instance, last = change.known, change.transitions[-1]
        changes: alerts.Row = {} if rule is None else _seen(instance, rule, last.value, change.worst)
        changes |= {"peak": change.worst.peak, "threshold_from": change.worst.origin}
        if change.after is None:
            return {**changes, "state": alerts.ENDED, "ended_at": self.at, "ended_because": last.ended}
        if rule is not None:
            changes["cause"] = self._cause(rule, change.worst.threshold)
        return {**changes, "state": instance.state, "fired_at": instance.fired_at}


def instance_of(row: alerts.Row) -> Instance:
    """An instance as it was kept."""
    return Instance(**{**row, "state": State(row["state"]), "severity": Severity(row["severity"])})


def instance_row(instance: Instance) -> alerts.Row:
    """An instance as it is kept."""
    found = {name: getattr(instance, name) for name in Instance.__slots__}
    return {**found, "labels": dict(instance.labels), "last_seen": instance.last_seen[:200]}


def _clocks(instance: Instance) -> tuple[object, ...]:
    """What must survive a restart at once; the value and when it was seen may be some seconds old."""
    return instance.severity, instance.pending_since, instance.good_since, instance.fired_at, instance.last_seen


def _seen(instance: Instance, rule: Rule, value: float | None, worst: Worst) -> dict[str, Any]:
    """What an episode shows of the last look at it."""
    return {
        "severity": instance.severity,
        "value": value,
        "operator": worst.threshold.operator,
        "threshold": worst.threshold.number,
        "summary": texts.summary(rule, instance.labels, value, written(worst.threshold, rule.value_unit)),
    }


def _transition_row(episode: str, transition: Transition) -> alerts.Row:
    return {
        "episode": episode,
        "at": transition.at,
        "before": transition.before,
        "after": transition.after,
        "severity": transition.severity,
        "value": transition.value,
        "because": transition.because,
    }
