"""What a rule would have done: the evaluator and the life cycle of alerts over samples that are stored already."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from gwanje.judge.lifecycle import Instance
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.thresholds import Thresholds
from gwanje.judge.standing import Change
from gwanje.keep.said import Silence
from gwanje.keep.samples.base import Queryable
from gwanje.keep.state.history import Fired
from gwanje.model import Severity, to_ms
from gwanje.tell.matchers import matches
from gwanje.tell.muted import Muter
from gwanje.tell.muting import Muting
from gwanje.tell.policy import Policy
from gwanje.tell.routes import Target, targets
from gwanje.tell.told import Alert, Ways
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
    """The receivers of its routes, in the order in which they would have been told: after `group_wait`, or when nothing muted
    it any more.
    """
    muted: Sequence[Muter] = ()
    """What kept it from being told for some time, or for all of it where nobody would have been told."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """What came of one rule. `failed` says why some evaluation found nothing."""

    rule: str
    firings: Sequence[Firing]
    evaluations: int
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Then:
    """What muted in the time that is looked at, beside the calendar."""

    silences: Sequence[Silence] = ()
    fired: Sequence[Fired] = ()
    """The alerts that may speak for others, as they fired; those of the rule itself are left out."""


def speaking(fired: Iterable[Fired], policy: Policy) -> list[Fired]:
    """Those of them that may speak for others."""
    sources = [one.source for one in policy.inhibitions]
    return [one for one in fired if any(matches(source, _as_alert(one).routed_by) for source in sources)]


async def backtest(
    rule: Rule,
    samples: Queryable,
    policy: Policy,
    span: tuple[datetime, datetime],
    step: timedelta,
    *,
    thresholds: Thresholds,
    then: Then | None = None,
) -> Backtest:
    """Evaluate the rule at each step of the span. Nothing is open at its beginning, so `for` begins there too.

    Silences, windows and other rules' alerts mute as they did then.
    """
    then = then or Then()
    replay = _Replay(policy, Muting(then.silences, policy.windows, policy.inhibitions), _others(then, rule))
    at, end = span
    ahead = Ahead(samples, step // timedelta(milliseconds=1), to_ms(end))
    judged = Judged(rule.model_copy(update={"interval": step, "delay": timedelta()}), ahead, thresholds)
    evaluations = failures = 0
    failed = ""
    while at <= end and failures < _FAILURES:
        await asyncio.sleep(0)  # a long one lets others have their turn, and can be cancelled
        for change in await judged.step(at):
            if change.known.fired_at is not None:
                replay.take(change, at)
        replay.tell(at)
        failures = failures + 1 if judged.failed else 0
        failed = failed or judged.failed
        evaluations += 1
        at += step
    return Backtest(rule.name, list(_at_the_end(replay.fired, judged).values()), evaluations, failed)


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


@dataclass(slots=True)
class _Replay:
    """Who would have been told of what, as time goes on."""

    policy: Policy
    muting: Muting
    others: Sequence[Fired]
    fired: dict[str, Firing] = field(default_factory=dict)
    """Every firing so far, by its episode."""
    _firing: dict[str, Instance] = field(default_factory=dict)
    _waiting: set[str] = field(default_factory=set)
    """The episodes of which somebody is still to be told."""

    def take(self, change: Change, at: datetime) -> None:
        """What changed while it fires is to be told; what is over is told no more."""
        episode = change.known.episode
        self.fired[episode] = _after(self.fired.get(episode), change, at)
        if change.after is None:
            self._firing.pop(episode, None)
            self._waiting.discard(episode)
            return
        self._firing[episode] = change.after
        if change.transitions:
            self._waiting.add(episode)

    def tell(self, at: datetime) -> None:
        """Tell what nothing mutes now; the rest goes on waiting."""
        if not self._waiting:
            return
        own = {id_: Alert(id_, one.rule, one.labels, one.severity, firing=True) for id_, one in self._firing.items()}
        others = [_as_alert(one) for one in self.others if one.fired_at <= at and (one.ended_at is None or at < one.ended_at)]
        muted = self.muting.of([*own.values(), *others], at)
        ways = self.policy.ways(at)
        for episode in sorted(self._waiting):
            one, wanted = self.fired[episode], _targets(ways, own[episode])
            loud = [target for target in wanted if not target.muted(ways.windows_on)]
            quiet = muted.get(episode, ())
            if not quiet and wanted and not loud and not one.told:
                quiet = (Muter(wanted[0].muted(ways.windows_on)),)
            # What was muted is told at once; what is new waits for its group, and is never told if it is over by then.
            due = [target.receiver for target in loud if one.muted or at >= one.began + target.wait(own[episode].severity)]
            known = {muter.known_by: muter for muter in (*quiet, *one.muted)}
            told = one.told if quiet else tuple(dict.fromkeys((*one.told, *due)))
            self.fired[episode] = replace(one, told=told, muted=tuple(known.values()))
            if {target.receiver for target in wanted} <= set(told):
                self._waiting.discard(episode)


def _others(then: Then, rule: Rule) -> list[Fired]:
    return [one for one in then.fired if one.rule != rule.name]


def _as_alert(one: Fired) -> Alert:
    return Alert(one.id, one.rule, one.labels, one.severity, firing=True)


def _at_the_end(fired: Mapping[str, Firing], judged: Judged) -> dict[str, Firing]:
    """The peaks of what still fires are noted only when it is looked at."""
    standing = judged.standing
    standing.catch_up()
    peaks = {one.episode: standing.worst[identity].peak for identity, one in standing.open.items()}
    return {episode: replace(one, peak=peaks.get(episode, one.peak)) for episode, one in fired.items()}


def _targets(ways: Ways, alert: Alert) -> list[Target]:
    if ways.root is None:
        return []
    return [one for one in targets(ways.root, alert.routed_by, ways.on_duty) if one.receiver not in ways.absent]
