"""The open alerts inside one transaction, and what one instant makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import Connection

from gwanje.judge import lifecycle
from gwanje.judge.lifecycle import Instance, State, Transition
from gwanje.judge.rules import summary
from gwanje.judge.rules.evaluate import curve, written
from gwanje.judge.rules.spec import Rule, Threshold
from gwanje.judge.rules.verdict import Breach, Verdict
from gwanje.keep.state import alerts
from gwanje.model import Severity


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One look of one rule at one instant. `failed` says why it found nothing; then no alert of the rule changes."""

    rule: Rule
    at: datetime
    verdicts: tuple[Verdict, ...] = ()
    failed: str = ""
    seconds: float = 0.0
    """How long it took."""


class Book:
    """The open instances; `step` takes evaluations in, `write_down` keeps what they changed."""

    def __init__(self, connection: Connection, rules: Mapping[str, Rule], at: datetime) -> None:
        self._connection = connection
        self._rules = rules
        self._at = at
        self.instances = {row["fingerprint"]: _instance(row) for row in alerts.open_instances(connection)}
        self.changed: set[str] = set()
        """Episodes whose state changed."""
        self.touched: set[str] = set()
        """Episodes of which anything changed, such as the value they show."""
        self._held = frozenset(self.instances)
        self._put: dict[str, alerts.Row] = {}
        self._begun: list[alerts.Row] = []
        self._transitions: list[alerts.Row] = []

    @cached_property
    def _episodes(self) -> dict[str, alerts.Episode]:
        """The open episodes; read only when one changes."""
        named = [instance.episode for instance in self.instances.values()]
        return {one.id: one for one in alerts.fired_or_named(self._connection, named, fired=False)}

    def write_down(self) -> None:
        """What was found, all together: a thousand alerts cost a few statements."""
        alerts.begin_episodes(self._connection, self._begun)
        new = [row for fingerprint, row in self._put.items() if fingerprint not in self._held]
        known = [row for fingerprint, row in self._put.items() if fingerprint in self._held]
        alerts.put_instances(self._connection, new=new, known=known)
        alerts.add_transitions(self._connection, self._transitions)

    def resume(self) -> None:
        """Take up what an earlier process left: end what no rule wants any more, and forgive the outage."""
        for instance in list(self.instances.values()):
            rule = self._rules.get(instance.rule)
            if rule is None or not rule.labels.items() <= instance.labels.items():
                self._apply(instance, None, (lifecycle.remove(instance, self._at),), None)
            else:
                self._apply(instance, lifecycle.resume(instance, rule, self._at), (), None)

    def step(self, evaluation: Evaluation) -> None:
        """Every verdict of one evaluation, and every open instance that it did not mention."""
        if evaluation.failed:
            return
        rule = evaluation.rule
        mentioned = set()
        for verdict in evaluation.verdicts:
            identity = lifecycle.fingerprint(rule.name, verdict.labels)
            mentioned.add(identity)
            self._step(self.instances.get(identity), verdict, rule)
        for instance in list(self.instances.values()):
            if instance.rule == rule.name and instance.fingerprint not in mentioned:
                self._step(instance, None, rule)

    def _step(self, before: Instance | None, verdict: Verdict | None, rule: Rule) -> None:
        after, transitions = lifecycle.step(before, verdict, rule, self._at)
        breach = verdict if isinstance(verdict, Breach) else None
        self._apply(before, after, transitions, breach)

    def _apply(
        self, before: Instance | None, after: Instance | None, transitions: Sequence[Transition], breach: Breach | None
    ) -> None:
        if before == after and not transitions:
            return
        known = after or before
        if known is None:
            return
        self.touched.add(known.episode)
        rule = self._rules.get(known.rule)
        if before is None and rule is not None and breach is not None:
            self._begin(known, rule, breach)
        elif before is not None and rule is not None and (transitions or before.value != known.value):
            self._change(known, rule, breach, transitions)
        if after is None:
            self._end(known, transitions)
        else:
            self.instances[after.fingerprint] = after
            self._put[after.fingerprint] = _instance_row(after)
        for transition in transitions:
            self._transitions.append(_transition_row(known.episode, transition))
            self.changed.add(known.episode)

    def _begin(self, instance: Instance, rule: Rule, breach: Breach) -> None:
        row = {
            "id": instance.episode,
            "fingerprint": instance.fingerprint,
            "rule": rule.name,
            "labels": dict(instance.labels),
            "annotations": {name: text for name, text in rule.annotations.items() if name != "summary"},
            "state": instance.state,
            "began_at": self._at,
            "fired_at": self._at if instance.state is State.FIRING else None,
            "peak": breach.value,
            "query": curve(rule, instance.labels),
            "unit": rule.unit,
            "for_ms": rule.for_ // timedelta(milliseconds=1),
            **_seen(instance, rule, breach.value, breach.threshold),
        }
        self._begun.append(row)

    def _change(self, instance: Instance, rule: Rule, breach: Breach | None, transitions: Sequence[Transition]) -> None:
        kept = self._episodes[instance.episode]
        value = transitions[-1].value if transitions else instance.value
        threshold = breach.threshold if breach else Threshold(kept.operator, kept.threshold)
        changes = {"state": instance.state, **_seen(instance, rule, value, threshold)}
        if breach is not None:
            changes["peak"] = _further(kept.peak, breach)
        if instance.state is State.FIRING and kept.fired_at is None:
            changes["fired_at"] = self._at
        alerts.change_episode(self._connection, instance.episode, changes)

    def _end(self, instance: Instance, transitions: Sequence[Transition]) -> None:
        del self.instances[instance.fingerprint]
        self._put.pop(instance.fingerprint, None)
        alerts.drop_instance(self._connection, instance.fingerprint)
        because = next((one.ended for one in transitions if one.ended), None)
        ended = {"state": alerts.ENDED, "ended_at": self._at, "ended_because": because}
        alerts.change_episode(self._connection, instance.episode, ended)


def _seen(instance: Instance, rule: Rule, value: float | None, threshold: Threshold) -> dict[str, Any]:
    """What an episode shows of the last look at it."""
    words = summary.render(
        rule.annotations.get("summary"),
        rule.name,
        value=value,
        threshold=written(threshold, rule.unit),
        unit=rule.unit,
        labels=instance.labels,
    )
    return {
        "severity": instance.severity,
        "value": value,
        "operator": threshold.operator,
        "threshold": threshold.number,
        "summary": words,
    }


def _further(peak: float | None, breach: Breach) -> float:
    """The value furthest beyond the threshold: the lowest where the threshold is a floor."""
    worst = min if breach.threshold.operator.startswith("<") else max
    return breach.value if peak is None else worst(peak, breach.value)


def _instance(row: alerts.Row) -> Instance:
    return Instance(**{**row, "state": State(row["state"]), "severity": Severity(row["severity"])})


def _instance_row(instance: Instance) -> alerts.Row:
    return {
        "fingerprint": instance.fingerprint,
        "rule": instance.rule,
        "labels": dict(instance.labels),
        "state": instance.state,
        "severity": instance.severity,
        "since": instance.since,
        "pending_since": instance.pending_since,
        "good_since": instance.good_since,
        "seen_at": instance.seen_at,
        "episode": instance.episode,
        "value": instance.value,
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
