"""Asking the store what rules want to know, and judging the answers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

import numpy as np
import structlog

from gwanje.because import Because
from gwanje.errors import GwanjeError
from gwanje.judge.lifecycle import Instance
from gwanje.judge.rules import inputs
from gwanje.judge.rules.evaluate import Memory, RuleError, found
from gwanje.judge.rules.found import Found, Known
from gwanje.judge.rules.questions import Question, questions
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.thresholds import Thresholds
from gwanje.keep.samples.base import Answer, Matrix, Queryable, Vector
from gwanje.model import to_ms
from gwanje.watch.asking import Asking
from gwanje.watch.away import Away
from gwanje.watch.book import Evaluation
from gwanje.watch.earlier import answered
from gwanje.watch.failed import why
from gwanje.watch.latest import Latest
from gwanje.watch.sweeping import Seen, Sight, Sweeps
from gwanje.watch.waiting import Waiting

_LONGEST_QUERY: Final = timedelta(seconds=10)
_TRIES: Final = 3

log = structlog.get_logger(__name__)


class Open(Protocol):
    """What stands of rules, by their names."""

    def open(self, rule: str) -> Mapping[str, Instance]:
        """The open alerts by their identities."""
        ...

    def missing(self, rule: str, known: Known) -> Mapping[str, Mapping[str, str]]:
        """The label sets that are open or expected to answer, and are not among these."""
        ...


class Evaluator:
    """Evaluates rules at one instant; keeps figures of it, and what each rule found last.

    `standing` knows the open alerts of each rule, also those that an earlier process left.
    """

    def __init__(self, samples: Queryable, standing: Open, delay: timedelta) -> None:
        self._stored = samples
        self._samples = Asking(samples)
        self._waiting = Waiting(self._samples)
        self._sweeps = Sweeps(samples, delay)
        self._standing = standing
        self._delay = delay
        self._memory = Memory()
        self._stopped: dict[str, dict[str, str]] = {}
        self._then: dict[str, Mapping[datetime, Sequence[Answer]]] = {}
        self.away = Away()
        """What nothing is judged of; set by the round."""
        self.latest: Final = Latest(self._judged)
        self.evaluations: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.seconds: dict[str, float] = defaultdict(float)

    def forget(self, rules: Iterable[str]) -> None:
        """What these found is no longer theirs: they are gone, or say something else."""
        for name in rules:
            self.latest.forget(name)
            self._stopped.pop(name, None)
            self._then.pop(name, None)
            self._waiting.forget(name)

    async def together(
        self, rules: Sequence[Rule], at: datetime, thresholds: Thresholds, at_rest: Callable[[Rule], bool]
    ) -> list[Evaluation]:
        """What the rules find of which something may come. Never raises.

        `at_rest` says of a rule that an evaluation without a breach changes nothing. Where one sees none, it is left out.
        """
        started = time.monotonic()
        given: dict[str, Seen] = {}
        resting: set[str] = set()
        for sight in await self._sweeps.sights(rules, at):
            rest = [name for name, (_, rule) in sight.rules.items() if name not in sight.breached and at_rest(rule)]
            rest = [name for name in rest if self._may_rest(sight.rules[name][1], thresholds)]
            given |= {name: sight.seen(name) for name in sight.rules.keys() - set(rest)}
            self._rest(rest, sight, at, (time.monotonic() - started) / len(sight.rules))
            resting.update(rest)
        judged = [rule for rule in rules if rule.name not in resting]
        return await asyncio.gather(*(self.evaluate(rule, at, thresholds, given.get(rule.name)) for rule in judged))

    async def evaluate(self, rule: Rule, at: datetime, thresholds: Thresholds, given: Seen | None = None) -> Evaluation:
        """What the rule finds. Never raises: a rule that cannot be evaluated says so and stops no other.

        `given` is what it would ask for, where that is known.
        """
        started = time.monotonic()
        try:
            async with asyncio.timeout(_LONGEST_QUERY.total_seconds()):
                seen = await self._found(rule, at, thresholds, given.values if given else None)
                evaluation = Evaluation(rule, at, await self._with_inputs(rule, seen, at, given.ages if given else None))
        except Exception as error:  # noqa: BLE001 - one rule that cannot be evaluated must not stop the others
            evaluation = Evaluation(rule, at, failed=why(error, _LONGEST_QUERY))
        evaluation = replace(evaluation, seconds=time.monotonic() - started)
        self._note(evaluation)
        return evaluation

    async def earlier(self, rules: Sequence[tuple[Rule, datetime]]) -> list[tuple[Rule, Known, datetime]]:
        """What answered in the hour before the first evaluation of each rule, as far as that can be said."""
        return await answered(self._stored, rules, self._seen)

    async def as_of(self, rule: Rule, at: datetime, thresholds: Thresholds) -> Found | None:
        """What the rule would have found at an earlier time; None where that cannot be said."""
        try:
            return await self._found(rule, at, thresholds)
        except GwanjeError:
            return None

    async def _found(self, rule: Rule, at: datetime, thresholds: Thresholds, answer: Answer | None = None) -> Found:
        answers = await self._answers(rule, at) if answer is None else [answer]
        return found(rule, answers, to_ms(self._seen(rule, at)), thresholds=thresholds, memory=self._memory)

    def _seen(self, rule: Rule, at: datetime) -> datetime:
        """The time as of which samples are looked at: earlier where late ones shall count."""
        return at - (self._delay if rule.delay is None else rule.delay)

    async def _ask(self, rule: Rule, asked: Iterable[Question], at: datetime) -> list[Answer]:
        seen = self._seen(rule, at)
        return [await self._samples.instant(question.query, to_ms(seen - question.ago)) for question in asked]

    async def _answers(self, rule: Rule, at: datetime) -> list[Answer]:
        """The answers as of one moment: a fetch that is stored between the two questions of a ratio may not count half."""
        asked = questions(rule)
        for _ in range(_TRIES):
            answers = await self._ask(rule, asked, at)
            if rule.ratio is None or _same(answers[0], (await self._ask(rule, asked[:1], at))[0]):
                return answers
        raise RuleError(Because("the samples changed each time while they were read", "samples_changed"))

    async def _with_inputs(self, rule: Rule, seen: Found, at: datetime, ages: Vector | None) -> Found:
        """The same, where what still answers is made of samples that stopped coming: looked at only where it matters."""
        known = self._standing.open(rule.name)
        before = self._stopped.get(rule.name, {})
        left_out = _left_out(rule, seen, known)
        # A ratio is a breach by what was counted, whether or not counting goes on.
        begins = rule.ratio is None and any(
            seen.identities[place] not in known for place in np.flatnonzero(seen.levels >= 0).tolist()
        )
        matters = bool(known) or rule.no_data in {"alert", "breach"}
        if begins or left_out or (matters and inputs.due(rule, at)):
            self._stopped[rule.name] = await self._look(rule, seen, left_out, at, ages)
        elif not matters:
            self._stopped.pop(rule.name, None)
        stopped = self._stopped.get(rule.name, {})
        missing = self._standing.missing(rule.name, seen.known)
        if rule.severity is not None:  # what is left out and has its inputs is good
            missing = {identity: labels for identity, labels in missing.items() if identity in stopped}
        awaited = await self._waiting.awaited(rule, missing, before, at, self._seen(rule, at))
        if rule.ratio is not None:
            stopped = seen.good_of(stopped)
        found_ = replace(seen.without(stopped), awaited=awaited) if awaited else seen.without(stopped)
        return self.away.unjudged(found_, known.values())

    async def _look(
        self, rule: Rule, seen: Found, left_out: Mapping[str, Instance], at: datetime, ages: Vector | None
    ) -> dict[str, str]:
        at_ms = to_ms(self._seen(rule, at))
        sets = {identity: dict(labels) for identity, labels in zip(seen.identities, seen.known.asked, strict=True)}
        newest = await self._ask(rule, inputs.ages(rule), at) if ages is None else [ages]
        if not left_out and not inputs.suspect(rule, sets, newest, at_ms):
            return {}
        answers = await self._ask(rule, inputs.rhythms(rule), at)
        sets |= {identity: rule.given(instance.labels) for identity, instance in left_out.items()}
        return inputs.stopped(sets, answers, at_ms) | await self._gone(rule, left_out, newest)

    async def _gone(self, rule: Rule, left_out: Mapping[str, Instance], newest: Sequence[Answer]) -> dict[str, str]:
        """Of open alerts that are not in the answer: those whose inputs of the last time they counted are not all there."""
        at_times: dict[datetime, dict[str, Mapping[str, str]]] = defaultdict(dict)
        for identity, instance in left_out.items():
            at_times[instance.seen_at][identity] = rule.given(instance.labels)
        known = self._then.get(rule.name, {})
        then = {at: known[at] if at in known else await self._ask(rule, inputs.ages(rule), at) for at in at_times}
        self._then[rule.name] = then
        return {one: why for at, sets in at_times.items() for one, why in inputs.gone(sets, then[at], newest).items()}

    def _may_rest(self, rule: Rule, thresholds: Thresholds) -> bool:
        """Whether its own thresholds are everybody's, and it was evaluated before: that says what is wrong with it."""
        return self.latest.sound(rule) and not thresholds.touch(rule)

    def _rest(self, rules: Sequence[str], sight: Sight, at: datetime, seconds: float) -> None:
        self.latest.rest(rules, sight, at, seconds)
        self.evaluations.update(rules)
        for name in rules:
            self.seconds[name] += seconds
            self._stopped.pop(name, None)

    def _judged(self, rule: Rule, answer: Vector, at: datetime) -> Found:
        """What a rule at rest found."""
        seen = found(rule, [answer], to_ms(self._seen(rule, at)), memory=self._memory)
        return self.away.unjudged(seen, ())

    def _note(self, evaluation: Evaluation) -> None:
        name = evaluation.rule.name
        self.seconds[name] += evaluation.seconds
        self.evaluations[name] += 1
        if evaluation.failed:
            self.errors[name] += 1
            if self.latest.failed(name) != evaluation.failed:
                log.error("rule not evaluated", rule=name, reason=str(evaluation.failed))
        self.latest.put(evaluation)

    def figures(self, rules: Sequence[str]) -> dict[str, float]:
        """How often each rule was evaluated, how often that failed, and how long it took."""
        told: dict[str, float] = {}
        for name in rules:
            label = f'{{rule="{_escaped(name)}"}}'
            told[f"gwanje_rule_evaluations_total{label}"] = float(self.evaluations[name])
            told[f"gwanje_rule_errors_total{label}"] = float(self.errors[name])
            told[f"gwanje_rule_seconds_total{label}"] = self.seconds[name]
        return told


def _left_out(rule: Rule, seen: Found, known: Mapping[str, Instance]) -> dict[str, Instance]:
    """The open alerts that the answer of a query with its own condition does not have. They are good now, or without data."""
    if rule.severity is None or not known:
        return {}
    gone = known.keys() - set(seen.identities)
    return {identity: known[identity] for identity in gone}


def _same(one: Answer, other: Answer) -> bool:
    return (
        isinstance(one, Matrix)
        and isinstance(other, Matrix)
        and list(one.labels) == list(other.labels)
        and np.array_equal(one.offsets, other.offsets)
        and np.array_equal(one.values, other.values, equal_nan=True)
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
