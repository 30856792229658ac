"""One round: samples → verdicts → states of alerts → messages, states and outbox in one transaction.

Each rule is evaluated at multiples of its interval, at that time and not when the process woke: a late round says the same.
Everything it needs to go on stands in state: a restart continues where it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final

import structlog

from gwanje.act.spec import Action
from gwanje.carry.updates.base import Update, Updates
from gwanje.judge.leaving import Departed
from gwanje.judge.lifecycle import State
from gwanje.judge.rules.spec import SHORTEST_INTERVAL, Rule
from gwanje.judge.rules.thresholds import HostGroups, Thresholds, joined
from gwanje.keep.said import Override
from gwanje.keep.samples.base import Queryable
from gwanje.keep.state import departures, pauses
from gwanje.keep.state import thresholds as set_apart
from gwanje.keep.state.base import State as Database
from gwanje.tell.policy import Policy
from gwanje.watch import outside
from gwanje.watch.acting import Acting
from gwanje.watch.away import away, paused
from gwanje.watch.book import Book, Evaluation
from gwanje.watch.evaluator import Evaluator
from gwanje.watch.instants import due, floor, until_next
from gwanje.watch.policybook import Policybook
from gwanje.watch.rewording import reworded
from gwanje.watch.rulebook import Rulebook
from gwanje.watch.telling import Telling
from gwanje.watch.turns import Turns
from gwanje.watch.why import Why, explained

_TICK: Final = SHORTEST_INTERVAL
_GROUP_TICK: Final = timedelta(seconds=1)
_LONGEST_ROUND: Final = timedelta(seconds=1)
"""So long a round makes up for missed instants. After that, and in the round after it, each rule is judged at its newest only,
so that a process that cannot keep up tells of now and not of a minute ago."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Places:
    """What is known of the places that rules look at, beside their samples."""

    groups: HostGroups = field(default_factory=dict)
    """Groups of hosts, by name."""
    overrides: Sequence[Override] = ()
    """Thresholds that the folder's files set apart."""
    departed: Callable[[], Departed] = tuple
    """What was taken away on purpose by now: its data may stop."""


@dataclass(frozen=True, slots=True)
class _Settled:
    """What one instant changed: episodes, and how many messages were decided."""

    changed: tuple[str, ...]
    messages: int


class Round:
    """Evaluates rules and decides messages.

    `run` goes on until it is cancelled; `once` does what is due at one time. Where several processes work on one
    state, `run` evaluates while `turns` says that it is this one's turn. `delay` is how far back rules look that do
    not say so themselves.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        samples: Queryable,
        state: Database,
        policy: Policy | Policybook,
        updates: Updates | None,
        *,
        clock: Callable[[], datetime],
        page_url: str = "",
        places: Places | None = None,
        actions: Sequence[Action] = (),
        delay: timedelta = timedelta(),
        turns: Turns | None = None,
    ) -> None:
        self._rulebook = rules if isinstance(rules, Rulebook) else Rulebook(rules)
        self._taken_over = self._rulebook.rules
        self._rules = _enabled(self._taken_over)
        self._rules_read: datetime | None = None
        self._state = state
        self._book = Book(self._rules)
        self._evaluator = Evaluator(samples, self._book, delay)
        self._policybook = policy if isinstance(policy, Policybook) else Policybook(policy)
        self._policy = self._policybook.policy
        self._telling = Telling(self._policy, page_url)
        self._acting = Acting(actions)
        self._updates = updates
        self._clock = clock
        self._turns = turns
        self._places = places or Places()
        self._thresholds = Thresholds(self._places.overrides, self._places.groups)
        self._evaluated: dict[str, datetime] = {}
        self._ticked: datetime | None = None
        self._completed: datetime | None = None
        self._rounds = 0
        self._waiting = True
        self._outside = False
        self._outsiders = outside.Outside()
        self._glanced: datetime | None = None
        self._left_out = 0
        self._overran = False
        self._states: Mapping[str, int] = {}

    async def run(self) -> None:
        """Do what is due, four times a second, until cancelled."""
        while True:
            try:
                now = self._clock()
                if self._turns is None or await self._turns.mine(now, begins=self.forget):
                    await self.once(now)
                else:
                    self._completed = None
                    await self._read_rules(now)
            except Exception as error:  # noqa: BLE001 - state that cannot be written now must not end the watch; nothing was changed
                log.error("round not completed", reason=f"{type(error).__name__}: {error}")  # noqa: TRY400 - the reason says it all
            await asyncio.sleep(until_next(self._clock(), _TICK))

    async def once(self, now: datetime) -> None:
        """Evaluate what is due, in order of time, and settle each instant in one transaction."""
        await self._read_rules(now)
        due_now = self._due(now)
        if due_now:
            await asyncio.to_thread(self._read_words, now)
        await self._learn(due_now)
        ticks = due(_GROUP_TICK, self._ticked, now)[-1:] if await self._may_tell(now) else []
        instants: dict[datetime, list[Rule]] = {at: [] for at in ticks}
        newest = {rule.name: at for rule, at in due_now}
        left_out = 0
        for rule, at in due_now:
            instants.setdefault(at, []).append(rule)
        departed = [*self._places.departed(), *self._evaluator.away.departed]
        for at, rules in sorted(instants.items(), key=itemgetter(0)):
            wanted = rules
            if self._overran or self._clock() - now > _LONGEST_ROUND:
                wanted = [rule for rule in rules if newest[rule.name] == at]
                left_out += len(rules) - len(wanted)
                if not wanted and at not in ticks:
                    continue
            found = await self._evaluator.together(wanted, at, self._thresholds, self._book.at_rest)
            if at in ticks or not self._book.still(found, at, departed):
                self._publish(await asyncio.to_thread(self._settle, found, at, departed))
            self._evaluated |= {rule.name: at for rule in wanted}
            self._ticked = at if at in ticks else self._ticked
        if left_out:
            self._left_out += left_out
            log.warning("evaluations left out", count=left_out, reason="rules take longer than their interval")
        self._overran = self._clock() - now > _LONGEST_ROUND
        self._completed = now
        self._rounds += 1

    def forget(self) -> None:
        """Read everything anew from state: another process may have evaluated since."""
        self._book.forget()
        self._outsiders.forget()
        self._telling.forget()
        self._evaluated.clear()  # what was missed here was evaluated there
        self._ticked = None
        self._waiting = True

    def completed(self) -> datetime | None:
        """When a round was completed last; None before the first, or while another process has the turn."""
        return self._completed

    def latest(self) -> Mapping[str, Evaluation]:
        """What each rule found when it was last evaluated, and why."""
        return self._evaluator.latest

    def why(self, rule: str) -> list[Why]:
        """Of each label set of a rule: its value, threshold and state, and why it is so; nothing of a rule not evaluated yet."""
        latest = self._evaluator.latest.get(rule)
        return explained(latest, self._book.standing(rule), self._telling.muters) if latest else []

    def own_samples(self) -> Mapping[str, float]:
        """Figures of the rules and alerts."""
        told = self._evaluator.figures(list(self._rules))
        told["gwanje_rounds_total"] = float(self._rounds)
        told["gwanje_rule_evaluations_left_out_total"] = float(self._left_out)
        for state in (State.PENDING, State.FIRING, State.RECOVERING, State.NO_DATA):
            told[f'gwanje_alerts{{state="{state}"}}'] = float(self._states.get(state, 0))
        for name in self._rules:
            standing = self._book.standing(name)
            if standing and standing.refused:
                told[f'gwanje_alerts_refused{{rule="{name}"}}'] = float(standing.refused)
        return told

    # --- when and what is asked ---

    async def _read_rules(self, now: datetime) -> None:
        """Take over, once a second, what became of rules and policy of the page; the files' stay as they were at the start."""
        second = floor(now, _GROUP_TICK)
        if self._rules_read == second:
            return
        await asyncio.to_thread(self._read_books)
        self._rules_read = second
        if self._policybook.policy is not self._policy:
            self._policy = self._policybook.policy
            self._telling.take_over(self._policy)
            self._waiting = True  # what is told under it is told now, whether or not a rule is due
        if self._rulebook.rules is self._taken_over:
            return
        before, self._taken_over = self._rules, self._rulebook.rules
        self._rules = _enabled(self._taken_over)
        other = [name for name, rule in before.items() if self._rules.get(name) != rule]
        for name in other:
            self._evaluated.pop(name, None)
        self._evaluator.forget(other)
        self._book.take_over(self._rules)
        self._waiting = True  # what no rule wants any more ends now, whether or not a rule is due

    def _read_books(self) -> None:
        self._rulebook.read(self._state)
        self._policybook.read(self._state)

    def _due(self, now: datetime) -> list[tuple[Rule, datetime]]:
        return [(rule, at) for rule in self._rules.values() for at in due(rule.interval, self._evaluated.get(rule.name), now)]

    async def _learn(self, due_now: Sequence[tuple[Rule, datetime]]) -> None:
        """Before its first evaluation: what a rule's new text looks for no longer; and, where it has a word on missing data,
        what answered earlier and may have stopped since.
        """
        new = {rule.name: rule for rule, _ in due_now if rule.name not in self._evaluated}
        if new:
            self._book.reword(await reworded(list(new.values()), self._state, self._given))
        expects = {rule.name: (rule, at) for rule, at in due_now if rule.name in new and rule.expects}
        for rule, known, at in await self._evaluator.earlier(list(expects.values())):
            self._book.learn(rule, known, at)

    async def _given(self, rule: Rule, at: datetime) -> Collection[str] | None:
        found = await self._evaluator.as_of(rule, at, self._thresholds)
        return None if found is None else found.identities

    def _read_words(self, now: datetime) -> None:
        """Thresholds that people set apart, pipelines that are paused and what is away count from the next round on."""
        with self._state.read() as connection:
            self._book.read_left(connection)
            overrides = joined(self._places.overrides, set_apart.every(connection))
            left = away(departures.not_over(connection, now), self._places.groups, now)
            self._evaluator.away = left.beside(paused(pauses.unjudged(connection, now)))
        if overrides != list(self._thresholds.overrides):
            self._thresholds = Thresholds(overrides, self._places.groups)

    async def _may_tell(self, now: datetime) -> bool:
        """Whether a group's time may have come, or another program told an alert, whether or not a rule is due."""
        if self._waiting or self._outside or not self._book.resumed:
            return True
        second = floor(now, _GROUP_TICK)
        if self._glanced != second:
            self._glanced = second
            self._outside = await asyncio.to_thread(outside.kept, self._state)
        return self._outside

    # --- what becomes of it, in one transaction ---

    def _settle(self, evaluations: Sequence[Evaluation], at: datetime, departed: Departed) -> _Settled:
        """Step alerts and groups and write both with the messages decided."""
        try:
            with self._state.write() as connection:
                sheet = self._book.step(connection, evaluations, at, departed)
                told = self._outsiders.step(connection, at)
                said = self._telling.step(connection, at, (*sheet.touched, *told.changed), sheet.wrote())
                self._acting.step(connection, at, said.known, said.on_it, self._book.open)
        except BaseException:
            self._book.forget()
            self._outsiders.forget()
            self._telling.forget()
            raise
        self._waiting = said.groups > 0
        self._outside = told.open > 0
        self._states = self._book.states()
        return _Settled((*sorted(sheet.changed), *told.changed, *said.changed), said.messages)

    def _publish(self, settled: _Settled) -> None:
        if self._updates is None:
            return
        for episode in settled.changed:
            self._updates.publish(Update("alerts", episode))
        if settled.messages:
            self._updates.publish(Update("outbox"))


def _enabled(rules: Iterable[Rule]) -> dict[str, Rule]:
    return {rule.name: rule for rule in rules if rule.enabled}
