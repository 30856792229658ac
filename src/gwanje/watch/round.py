"""One round: samples → verdicts → states of alerts → messages, states and outbox in one transaction.

Each rule is evaluated at multiples of its interval, at that time and not when the process woke: a late round says the same.
Everything it needs to go on stands in state: a restart continues where it stopped.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

import numpy as np
import structlog
from sqlalchemy import Connection

from gwanje.carry.updates.base import Update, Updates
from gwanje.errors import GwanjeError
from gwanje.judge import lifecycle
from gwanje.judge.lifecycle import Instance, State, Transition
from gwanje.judge.rules import summary
from gwanje.judge.rules.evaluate import RuleError, curve, questions, verdicts, written
from gwanje.judge.rules.spec import SHORTEST_INTERVAL, Rule, Threshold
from gwanje.judge.rules.verdict import Breach, Verdict
from gwanje.keep.samples.base import Answer, Matrix, Queryable
from gwanje.keep.state import alerts, outbox
from gwanje.keep.state.base import State as Database
from gwanje.model import Severity, to_ms
from gwanje.tell import groups
from gwanje.tell.message import to_plain
from gwanje.tell.notifiers.base import FIRING, RESOLVED, AlertInMessage, Notification
from gwanje.tell.spec import Route
from gwanje.watch.instants import due, until_next

_TICK: Final = SHORTEST_INTERVAL
_GROUP_TICK: Final = timedelta(seconds=1)
DEADLINE: Final = timedelta(hours=24)
_LONGEST_QUERY: Final = timedelta(seconds=10)
_TRIES: Final = 3

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One look of one rule at one instant. `failed` says why it found nothing; then no alert of the rule changes."""

    rule: Rule
    at: datetime
    verdicts: tuple[Verdict, ...] = ()
    failed: str = ""
    seconds: float = 0.0
    """How long it took."""


@dataclass(frozen=True, slots=True)
class _Settled:
    """What one instant changed: episodes, and how many messages were decided."""

    changed: tuple[str, ...]
    messages: int


class Round:
    """Evaluates rules and decides messages.

    `run` goes on until it is cancelled; `once` does what is due at one time. One round works on one state at a time.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        samples: Queryable,
        state: Database,
        routes: Route | None,
        updates: Updates | None,
        *,
        clock: Callable[[], datetime],
        page_url: str = "",
    ) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._samples = samples
        self._state = state
        self._routes = routes
        self._updates = updates
        self._clock = clock
        self._page_url = page_url.rstrip("/")
        self._evaluated: dict[str, datetime] = {}
        self._settled: datetime | None = None
        self._resumed = False
        self._waiting = True
        self._latest: dict[str, Evaluation] = {}
        self._evaluations: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._seconds: dict[str, float] = defaultdict(float)
        self._states: Mapping[str, int] = {}

    async def run(self) -> None:
        """Do what is due, four times a second, until cancelled."""
        while True:
            try:
                await self.once(self._clock())
            except Exception as error:  # noqa: BLE001 - state that cannot be written now must not end the watch; nothing was changed
                log.error("round not completed", reason=f"{type(error).__name__}: {error}")  # noqa: TRY400 - the reason says it all
            await asyncio.sleep(until_next(self._clock(), _TICK))

    async def once(self, now: datetime) -> None:
        """Evaluate what is due, in order of time, and settle each instant in one transaction."""
        evaluations = await asyncio.gather(*(self._evaluate(rule, at) for rule, at in self._due(now)))
        instants = {evaluation.at for evaluation in evaluations}
        if self._waiting or not self._resumed:
            instants.update(
                due(_GROUP_TICK, self._settled, now)[-1:]
            )  # a group's time may have come, whether or not a rule is due
        for at in sorted(instants):
            found = [evaluation for evaluation in evaluations if evaluation.at == at]
            if not self._quiet(found):
                self._publish(await asyncio.to_thread(self._settle, found, at))
            self._evaluated |= {evaluation.rule.name: at for evaluation in found}
            self._settled = at

    def _quiet(self, evaluations: Sequence[Evaluation]) -> bool:
        """Nothing is open, nothing waits and nothing was found: then there is nothing to write."""
        if self._waiting or not self._resumed or self._states:
            return False
        return not any(isinstance(verdict, Breach) for evaluation in evaluations for verdict in evaluation.verdicts)

    def latest(self) -> Mapping[str, Evaluation]:
        """What each rule found when it was last evaluated, and why."""
        return dict(self._latest)

    def own_samples(self) -> Mapping[str, float]:
        """Figures of the rules and alerts."""
        found: dict[str, float] = {}
        for name in self._rules:
            label = f'{{rule="{_escaped(name)}"}}'
            found[f"gwanje_rule_evaluations_total{label}"] = float(self._evaluations[name])
            found[f"gwanje_rule_errors_total{label}"] = float(self._errors[name])
            found[f"gwanje_rule_seconds_total{label}"] = self._seconds[name]
        for state in (State.PENDING, State.FIRING, State.RECOVERING, State.NO_DATA):
            found[f'gwanje_alerts{{state="{state}"}}'] = float(self._states.get(state, 0))
        return found

    # --- when and what is asked ---

    def _due(self, now: datetime) -> list[tuple[Rule, datetime]]:
        return [(rule, at) for rule in self._rules.values() for at in due(rule.interval, self._evaluated.get(rule.name), now)]

    async def _evaluate(self, rule: Rule, at: datetime) -> Evaluation:
        started = time.monotonic()
        try:
            async with asyncio.timeout(_LONGEST_QUERY.total_seconds()):
                answers = await self._answers(rule, to_ms(at))
            evaluation = Evaluation(rule, at, tuple(verdicts(rule, answers, to_ms(at))))
        except GwanjeError as error:
            evaluation = Evaluation(rule, at, failed=str(error))
        except TimeoutError:
            evaluation = Evaluation(rule, at, failed=f"no answer within {_LONGEST_QUERY.total_seconds():g} s")
        except Exception as error:  # noqa: BLE001 - one rule that cannot be evaluated must not stop the others
            evaluation = Evaluation(rule, at, failed=f"{type(error).__name__}: {error}")
        evaluation = replace(evaluation, seconds=time.monotonic() - started)
        self._seconds[rule.name] += evaluation.seconds
        self._note(evaluation)
        return evaluation

    async def _answers(self, rule: Rule, at_ms: int) -> list[Answer]:
        """The answers to a rule's questions as of one moment: a fetch that is stored between two questions may not count half."""
        asked = questions(rule)
        for _ in range(_TRIES):
            answers = [await self._samples.instant(question, at_ms) for question in asked]
            if len(asked) == 1 or _same(answers[0], await self._samples.instant(asked[0], at_ms)):
                return answers
        raise RuleError("the samples changed each time while they were read")

    def _note(self, evaluation: Evaluation) -> None:
        name = evaluation.rule.name
        self._evaluations[name] += 1
        if evaluation.failed:
            self._errors[name] += 1
            before = self._latest.get(name)
            if before is None or before.failed != evaluation.failed:
                log.error("rule not evaluated", rule=name, reason=evaluation.failed)
        known = self._latest.get(name)
        if known is None or known.at <= evaluation.at:
            self._latest[name] = evaluation

    # --- what becomes of it, in one transaction ---

    def _settle(self, evaluations: Sequence[Evaluation], at: datetime) -> _Settled:
        """Step alerts and groups and write both with the messages decided."""
        with self._state.write() as connection:
            book = _Book(connection, self._rules, at)
            if not self._resumed:
                book.resume()
            for evaluation in evaluations:
                book.step(evaluation)
            book.write_down()
            groups_left, messages = self._tell(connection, at)
        self._resumed = True
        self._waiting = groups_left > 0
        self._states = Counter(str(instance.state) for instance in book.instances.values())
        return _Settled(tuple(sorted(book.changed)), messages)

    def _tell(self, connection: Connection, at: datetime) -> tuple[int, int]:
        """Step the groups and write down what is to be sent; returns how many groups are left and how many messages there are."""
        before = {row["key"]: _group(row) for row in alerts.all_groups(connection)}
        told = {episode for group in before.values() for episode in group.told}
        known = {one.id: one for one in alerts.fired_or_named(connection, told)}
        after, decided = groups.step(list(before.values()), [_alert(one) for one in known.values()], self._routes, at)
        for group in after:
            if before.get(group.key) != group:
                alerts.put_group(connection, _group_row(group))
        for key in before.keys() - {group.key for group in after}:
            alerts.drop_group(connection, key)
        for message in decided:
            self._put(connection, message, known)
        return len(after), len(decided)

    def _put(self, connection: Connection, decided: groups.Decided, known: Mapping[str, alerts.Episode]) -> None:
        told = [self._in_message(known[alert.episode], firing=alert.firing) for alert in decided.alerts]
        notification = Notification(
            key=decided.key,
            group_key=decided.group.key,
            receiver=decided.group.receiver,
            group=decided.group.labels,
            reason=decided.reason,
            alerts=told,
            decided=decided.at,
        )
        outbox.put(
            connection,
            key=decided.key,
            receiver=decided.group.receiver,
            group_key=decided.group.key,
            reason=decided.reason,
            episodes=[alert.episode for alert in decided.alerts],
            message=to_plain(notification),
            now=decided.at,
            deadline=decided.at + DEADLINE,
        )

    def _in_message(self, episode: alerts.Episode, *, firing: bool) -> AlertInMessage:
        return AlertInMessage(
            episode=episode.id,
            fingerprint=episode.fingerprint,
            rule=episode.rule,
            labels=episode.labels,
            severity=episode.severity,
            state=FIRING if firing else RESOLVED,
            summary=episode.summary,
            value=episode.value,
            value_text=summary.readable(episode.value, episode.unit),
            threshold=written(Threshold(episode.operator, episode.threshold), episode.unit),
            since=episode.began_at,
            ended=episode.ended_at,
            ended_because=episode.ended_because or "",
            annotations=episode.annotations,
            link=f"{self._page_url}/alerts/{episode.id}" if self._page_url else "",
        )

    def _publish(self, settled: _Settled) -> None:
        if self._updates is None:
            return
        for episode in settled.changed:
            self._updates.publish(Update("alerts", episode))
        if settled.messages:
            self._updates.publish(Update("outbox"))


class _Book:
    """The open instances inside one transaction, and what one instant makes of them."""

    def __init__(self, connection: Connection, rules: Mapping[str, Rule], at: datetime) -> None:
        self._connection = connection
        self._rules = rules
        self._at = at
        self.instances = {row["fingerprint"]: _instance(row) for row in alerts.open_instances(connection)}
        self.changed: set[str] = set()
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


def _same(one: Answer, other: Answer) -> bool:
    return (
        isinstance(one, Matrix)
        and isinstance(other, Matrix)
        and list(one.labels) == list(other.labels)
        and np.array_equal(one.offsets, other.offsets)
        and np.array_equal(one.values, other.values, equal_nan=True)
    )


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


def _alert(episode: alerts.Episode) -> groups.Alert:
    return groups.Alert(episode.id, episode.rule, episode.labels, episode.severity, firing=episode.ended_at is None)


def _group(row: alerts.Row) -> groups.Group:
    told = {episode: Severity(severity) for episode, severity in row["told"].items()}
    return groups.Group(row["key"], row["receiver"], row["labels"], row["began_at"], row["told_at"], told)


def _group_row(group: groups.Group) -> alerts.Row:
    return {
        "key": group.key,
        "receiver": group.receiver,
        "labels": dict(group.labels),
        "began_at": group.began,
        "told_at": group.told_at,
        "told": {episode: str(severity) for episode, severity in group.told.items()},
    }


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


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
