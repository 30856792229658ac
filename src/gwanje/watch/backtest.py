"""What a rule would have done: the evaluator and the life cycle of alerts over samples that are stored already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from gwanje.judge.lifecycle import Instance
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.thresholds import Thresholds
from gwanje.judge.standing import Change
from gwanje.keep.samples.base import Queryable
from gwanje.model import Severity, to_ms
from gwanje.tell.policy import Policy
from gwanje.tell.routes import targets
from gwanje.watch.ahead import Ahead
from gwanje.watch.rehearsal import Judged

_FAILURES: Final = 10
"""After so many evaluations in a row that found nothing, no more are tried."""
_WORST_FIRST: Final = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)


@dataclass(frozen=True, slots=True)
class Firing:
    """One time that a rule would have fired. `ended` is None where it still fires at the end."""

    labels: Mapping[str, str]
    severity: Severity
    """The worst that it reached."""
    began: datetime
    ended: datetime | None
    peak: float | None
    told: Sequence[str]
    """The receivers of its routes that no window muted, in the order in which they would have been told."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """What came of one rule. `failed` says why some evaluation found nothing."""

    rule: str
    firings: Sequence[Firing]
    evaluations: int
    failed: str = ""


async def backtest(
    rule: Rule,
    samples: Queryable,
    policy: Policy,
    span: tuple[datetime, datetime],
    step: timedelta,
    *,
    thresholds: Thresholds,
) -> Backtest:
    """Evaluate the rule at each step of the span. Nothing is open at its beginning, so `for` begins there too."""
    at, end = span
    ahead = Ahead(samples, step // timedelta(milliseconds=1), to_ms(end))
    judged = Judged(rule.model_copy(update={"interval": step, "delay": timedelta()}), ahead, thresholds)
    fired: dict[str, Firing] = {}
    evaluations = failures = 0
    failed = ""
    while at <= end and failures < _FAILURES:
        for change in await judged.step(at):
            if change.known.fired_at is not None:
                fired[change.known.episode] = _after(fired.get(change.known.episode), change, policy, at)
        failures = failures + 1 if judged.failed else 0
        failed = failed or judged.failed
        evaluations += 1
        at += step
    return Backtest(rule.name, list(_at_the_end(fired, judged).values()), evaluations, failed)


def _after(before: Firing | None, change: Change, policy: Policy, at: datetime) -> Firing:
    instance = change.known
    known, severity = (before.told, before.severity) if before else ((), instance.severity)
    people = () if change.after is None else _receivers(policy, instance, at) if change.transitions else ()
    return Firing(
        labels=instance.labels,
        severity=min(severity, instance.severity, key=_WORST_FIRST.index),
        began=instance.fired_at or at,
        ended=at if change.after is None else None,
        peak=change.worst.peak,
        told=(*known, *(one for one in dict.fromkeys(people) if one not in known)),
    )


def _at_the_end(fired: Mapping[str, Firing], judged: Judged) -> dict[str, Firing]:
    """The peaks of what still fires are noted only when it is looked at."""
    standing = judged.standing
    standing.catch_up()
    peaks = {one.episode: standing.worst[identity].peak for identity, one in standing.open.items()}
    return {episode: replace(one, peak=peaks.get(episode, one.peak)) for episode, one in fired.items()}


def _receivers(policy: Policy, instance: Instance, at: datetime) -> list[str]:
    ways = policy.ways(at)
    if ways.root is None:
        return []
    labels = {**instance.labels, "rule": instance.rule, "severity": str(instance.severity)}
    taken = targets(ways.root, labels, ways.on_duty)
    return [one.receiver for one in taken if not one.muted(ways.windows_on) and one.receiver not in ways.absent]
