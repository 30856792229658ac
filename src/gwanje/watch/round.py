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
from typing import Final

import numpy as np
import structlog

from gwanje.carry.updates.base import Update, Updates
from gwanje.errors import GwanjeError
from gwanje.judge.lifecycle import State
from gwanje.judge.rules.evaluate import RuleError, questions, verdicts
from gwanje.judge.rules.spec import SHORTEST_INTERVAL, Rule
from gwanje.judge.rules.verdict import Breach
from gwanje.keep.samples.base import Answer, Matrix, Queryable
from gwanje.keep.state.base import State as Database
from gwanje.model import to_ms
from gwanje.tell.policy import Policy
from gwanje.watch import outside
from gwanje.watch.book import Book, Evaluation
from gwanje.watch.instants import due, floor, until_next
from gwanje.watch.telling import Telling

_TICK: Final = SHORTEST_INTERVAL
_GROUP_TICK: Final = timedelta(seconds=1)
_LONGEST_QUERY: Final = timedelta(seconds=10)
_TRIES: Final = 3

log = structlog.get_logger(__name__)


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
        policy: Policy,
        updates: Updates | None,
        *,
        clock: Callable[[], datetime],
        page_url: str = "",
    ) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._samples = samples
        self._state = state
        self._telling = Telling(policy, page_url)
        self._updates = updates
        self._clock = clock
        self._evaluated: dict[str, datetime] = {}
        self._settled: datetime | None = None
        self._resumed = False
        self._waiting = True
        self._outside = False
        self._glanced: datetime | None = None
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
        if await self._may_tell(now):
            instants.update(due(_GROUP_TICK, self._settled, now)[-1:])
        for at in sorted(instants):
            found = [evaluation for evaluation in evaluations if evaluation.at == at]
            if not self._quiet(found):
                self._publish(await asyncio.to_thread(self._settle, found, at))
            self._evaluated |= {evaluation.rule.name: at for evaluation in found}
            self._settled = at

    async def _may_tell(self, now: datetime) -> bool:
        """Whether a group's time may have come, or another program told an alert, whether or not a rule is due."""
        if self._waiting or self._outside or not self._resumed:
            return True
        second = floor(now, _GROUP_TICK)
        if self._glanced != second:
            self._glanced = second
            self._outside = await asyncio.to_thread(outside.kept, self._state)
        return self._outside

    def _quiet(self, evaluations: Sequence[Evaluation]) -> bool:
        """Nothing is open, nothing waits and nothing was found: then there is nothing to write."""
        if self._waiting or not self._resumed or self._states or self._outside:
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
        try:
            with self._state.write() as connection:
                book = Book(connection, self._rules, at)
                if not self._resumed:
                    book.resume()
                for evaluation in evaluations:
                    book.step(evaluation)
                book.write_down()
                told = outside.step(connection, at)
                said = self._telling.step(connection, at, (*book.touched, *told.changed))
        except BaseException:
            self._telling.forget()
            raise
        self._resumed = True
        self._waiting = said.groups > 0
        self._outside = told.open > 0
        self._states = Counter(str(instance.state) for instance in book.instances.values())
        return _Settled((*sorted(book.changed), *told.changed, *said.changed), said.messages)

    def _publish(self, settled: _Settled) -> None:
        if self._updates is None:
            return
        for episode in settled.changed:
            self._updates.publish(Update("alerts", episode))
        if settled.messages:
            self._updates.publish(Update("outbox"))


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
