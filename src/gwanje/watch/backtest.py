"""What a rule would have done: the evaluator and the life cycle of alerts over samples that are stored already."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from gwanje.judge.lifecycle import Instance
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.thresholds import Thresholds
from gwanje.judge.standing import Change
from gwanje.keep.said import Silence
from gwanje.keep.samples.base import Queryable
from gwanje.model import Severity, to_ms
from gwanje.tell.muting import Muting
from gwanje.tell.policy import Policy
from gwanje.tell.routes import targets
from gwanje.tell.told import Alert
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
    told: Sequence[str] = ()
    """The receivers of its routes, in the order in which they would have been told, at once or when nothing muted it any more."""
    muted: Sequence[str] = ()
    """What kept it from being told for some time, or for all of it where nobody would have been told."""


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
    silences: Sequence[Silence] = (),
) -> Backtest:
    """Evaluate the rule at each step of the span. Nothing is open at its beginning, so `for` begins there too.

    Silences and windows mute as they did then; what other rules would have inhibited is not known here.
    """
    muting = Muting(silences, policy.windows)
    waiting: dict[str, Instance] = {}
    at, end = span
    ahead = Ahead(samples, step // timedelta(milliseconds=1), to_ms(end))
    judged = Judged(rule.model_copy(update={"interval": step, "delay": timedelta()}), ahead, thresholds)
    fired: dict[str, Firing] = {}
    evaluations = failures = 0
    failed = ""
    while at <= end and failures < _FAILURES:
        await asyncio.sleep(0)  # a long one lets others have their turn, and can be cancelled
        for change in await judged.step(at):
            if change.known.fired_at is not None:
                fired[change.known.episode] = _after(fired.get(change.known.episode), change, at)
                _wait(waiting, change)
        _tell(waiting, fired, policy, muting, at)
        failures = failures + 1 if judged.failed else 0
        failed = failed or judged.failed
        evaluations += 1
        at += step
    return Backtest(rule.name, list(_at_the_end(fired, judged).values()), evaluations, failed)


def _after(before: Firing | None, change: Change, at: datetime) -> Firing:
    instance = change.known
    return Firing(
        labels=instance.labels,
        severity=min(before.severity if before else instance.severity, instance.severity, key=_WORST_FIRST.index),
        began=instance.fired_at or at,
        ended=at if change.after is None else None,
        peak=change.worst.peak,
        told=before.told if before else (),
        muted=before.muted if before else (),
    )


def _wait(waiting: dict[str, Instance], change: Change) -> None:
    """What changed while it fires is to be told; what is over is told no more."""
    if change.after is None:
        waiting.pop(change.known.episode, None)
    elif change.transitions:
        waiting[change.known.episode] = change.after


def _tell(waiting: dict[str, Instance], fired: dict[str, Firing], policy: Policy, muting: Muting, at: datetime) -> None:
    """Tell what nothing mutes now; the rest goes on waiting."""
    for episode, instance in list(waiting.items()):
        alert = Alert(episode, instance.rule, instance.labels, instance.severity, firing=True)
        people, window = _receivers(policy, alert, at)
        why = (*muting.of([alert], at).get(episode, ()), *([window] if window and not people else []))
        one = fired[episode]
        if why:
            fired[episode] = replace(one, muted=tuple(dict.fromkeys((*one.muted, *why))))
        else:
            fired[episode] = replace(one, told=tuple(dict.fromkeys((*one.told, *people))))
            del waiting[episode]


def _at_the_end(fired: Mapping[str, Firing], judged: Judged) -> dict[str, Firing]:
    """The peaks of what still fires are noted only when it is looked at."""
    standing = judged.standing
    standing.catch_up()
    peaks = {one.episode: standing.worst[identity].peak for identity, one in standing.open.items()}
    return {episode: replace(one, peak=peaks.get(episode, one.peak)) for episode, one in fired.items()}


def _receivers(policy: Policy, alert: Alert, at: datetime) -> tuple[list[str], str]:
    """Who is told at a time; and what of the calendar keeps others from it, empty where nothing does."""
    ways = policy.ways(at)
    if ways.root is None:
        return [], ""
    taken = [one for one in targets(ways.root, alert.routed_by, ways.on_duty) if one.receiver not in ways.absent]
    windows = {one: one.muted(ways.windows_on) for one in taken}
    return [one.receiver for one in taken if not windows[one]], next(filter(None, windows.values()), "")
