"""The open alerts of all rules, remembered between rounds and written where they change.

What is remembered is true as long as this process alone evaluates and every transaction was committed; otherwise `forget`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from gwanje.judge import lifecycle
from gwanje.judge.leaving import Departed
from gwanje.judge.lifecycle import Instance, Transition
from gwanje.judge.rules.found import Found, Known
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.threshold import Threshold
from gwanje.judge.rules.verdict import Verdict
from gwanje.judge.standing import Change, Standing, Worst
from gwanje.judge.trouble import OF_RULE, RULE_ERROR, failing, overfull
from gwanje.keep.state import alerts, stories
from gwanje.watch.rewording import Reworded
from gwanje.watch.sheet import Sheet, instance_of

SHOWN_EVERY: Final = timedelta(seconds=5)
"""How old the value may be that an open alert shows, and the kept time of the last evaluation."""
_SHOWN_AT_ONCE: Final = 1000
"""How many alerts have their shown value written in one transaction."""
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One look of one rule at one instant. `failed`, a `Because`, says why it found nothing; then no alert of it changes."""

    rule: Rule
    at: datetime
    found: Found | None = None
    failed: str = ""
    seconds: float = 0.0
    """How long it took."""

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What was found for each label set."""
        return tuple(self.found.verdicts()) if self.found else ()


@dataclass(slots=True)
class _Memory:
    """What was true after the last transaction."""

    standings: dict[str, Standing]
    troubles: Standing
    failures: Counter[str] = field(default_factory=Counter)
    shown: dict[str, tuple[datetime, dict[str, float | None]]] = field(default_factory=dict)
    """When a rule's values were written last, and which."""
    kept_at: datetime = _LONG_AGO
    departed: Departed = ()
    """What was away on purpose in the last step. When that changes, what stands open is looked at again."""


class Book:
    """The open alerts. `forget` when a transaction failed, or another process may have evaluated."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = rules
        self._changed = False
        self._memory: _Memory | None = None
        self._left: dict[str, dict[str, Instance]] = {}
        self._learnt: list[tuple[Rule, Known, datetime]] = []
        self._reworded: list[Reworded] = []

    def take_over(self, rules: Mapping[str, Rule]) -> None:
        """Judge by these rules from the next step on: it ends what none of them wants, and goes on with the rest."""
        self._rules = rules
        self._changed = True

    def forget(self) -> None:
        """Read everything anew from state before the next step."""
        self._memory = None
        self._left.clear()
        self._reworded.clear()

    @property
    def resumed(self) -> bool:
        """Whether what stands here is what state keeps."""
        return self._memory is not None

    def standing(self, rule: str) -> Standing | None:
        """The open alerts of a rule."""
        return self._memory.standings.get(rule) if self._memory else None

    def read_left(self, connection: Connection) -> None:
        """Before evaluations: what an earlier process left open, until it is taken up."""
        if self._memory is not None or self._left:
            return
        for row in alerts.open_instances(connection):
            self._left.setdefault(row["rule"], {})[row["fingerprint"]] = instance_of(row)

    def open(self, rule: str) -> Mapping[str, Instance]:
        """The open alerts of a rule by their identities, whether or not they are taken up."""
        if self._memory is None:
            return self._left.get(rule, {})
        standing = self._memory.standings.get(rule)
        return standing.open if standing else {}

    def missing(self, rule: str, known: Known) -> Mapping[str, Mapping[str, str]]:
        """The label sets of a rule that are open or expected to answer, and are not among these."""
        if self._memory is None:
            there = set(known.identities)
            return {one: instance.labels for one, instance in self._left.get(rule, {}).items() if one not in there}
        standing = self._memory.standings.get(rule)
        return standing.missing(known) if standing else {}

    def at_rest(self, rule: Rule) -> bool:
        """Whether nothing of a rule is open, so that an evaluation without a breach changes nothing."""
        memory = self._memory
        standing = memory.standings.get(rule.name) if memory else None
        if memory is None or standing is None or standing.found is None or standing.open or memory.failures.get(rule.name):
            return False
        return not any(trouble.labels.get(OF_RULE) == rule.name for trouble in memory.troubles.open.values())

    def states(self) -> Counter[str]:
        """How many alerts are open in each state."""
        every = [*self._memory.standings.values(), self._memory.troubles] if self._memory else []
        return Counter(str(instance.state) for standing in every for instance in standing.open.values())

    def learn(self, rule: Rule, known: Known, at: datetime) -> None:
        """What answered before a rule's first evaluation `at` a time: what does not any more has stopped."""
        self._learnt.append((rule, known, at))

    def reword(self, found: Reworded) -> None:
        """End alerts that the new texts of their rules do not look for, and keep the texts."""
        if found.lost or found.texts:
            self._reworded.append(found)

    def still(self, evaluations: Iterable[Evaluation], at: datetime, departed: Departed) -> bool:
        """Whether these evaluations change nothing that must be written now. Their values are taken over then."""
        memory = self._memory
        if memory is None or self._changed or self._reworded or (departed != memory.departed and self._any_open(memory)):
            return False
        found: list[tuple[Standing, Found]] = []
        for evaluation in evaluations:
            name = evaluation.rule.name
            if evaluation.found is None or memory.failures[name]:
                return False
            standing = memory.standings[name]
            if not standing.steady(evaluation.found, at) and not _idle(standing, evaluation.found):
                return False
            found.append((standing, evaluation.found))
        if self._to_show(memory, at) or (at - memory.kept_at >= SHOWN_EVERY and self._any_open(memory)):
            return False
        for standing, one in found:
            if standing.steady(one, at):
                standing.note(one, at)
            else:
                standing.step(one, at)
        return True

    def step(self, connection: Connection, evaluations: Sequence[Evaluation], at: datetime, departed: Departed = ()) -> Sheet:
        """Take evaluations in and write down what they changed. When the transaction fails, `forget` must be called."""
        sheet = Sheet(at)
        memory = self._memory or self._resume(connection, sheet)
        if self._changed:
            self._rehouse(memory, sheet)
            self._changed = False
        for rule, known, first in self._learnt:
            memory.standings[rule.name].answered(known, first)
        self._learnt.clear()
        for one in self._reworded:
            _let_go(connection, memory, one, sheet)
        self._reworded.clear()
        for evaluation in evaluations:
            self._take(memory, evaluation, at, departed, sheet)
        self._show(memory, at, sheet)
        sheet.write_down(connection)
        if at - memory.kept_at >= SHOWN_EVERY and self._any_open(memory):
            alerts.put_judged_at(connection, at)
            memory.kept_at = at
        memory.departed = departed
        self._memory = memory
        self._left.clear()
        return sheet

    def _take(self, memory: _Memory, evaluation: Evaluation, at: datetime, departed: Departed, sheet: Sheet) -> None:
        rule, standing = evaluation.rule, memory.standings[evaluation.rule.name]
        if evaluation.found is None:
            memory.failures[rule.name] += 1
        else:
            memory.failures.pop(rule.name, None)
            if standing.steady(evaluation.found, at):
                standing.note(evaluation.found, at)
            else:
                _enter(sheet, standing.step(evaluation.found, at, departed), rule)
            if standing.refused or memory.troubles.open:
                _enter(sheet, memory.troubles.judge(overfull(rule, standing.refused), at), RULE_ERROR)
        failures = memory.failures.get(rule.name, 0)
        if failures or memory.troubles.open:
            _enter(sheet, memory.troubles.judge(failing(rule.name, failures, evaluation.failed), at), RULE_ERROR)

    # --- what is shown of open alerts, from time to time ---

    def _to_show(self, memory: _Memory, at: datetime) -> list[Standing]:
        """Rules whose open alerts were not shown for a while."""
        return [
            standing
            for name, standing in memory.standings.items()
            if standing.open and at - memory.shown.get(name, (_LONG_AGO, {}))[0] >= SHOWN_EVERY
        ]

    def _show(self, memory: _Memory, at: datetime, sheet: Sheet) -> None:
        waiting = deque(sorted(self._to_show(memory, at), key=lambda one: memory.shown.get(one.rule.name, (_LONG_AGO, {}))[0]))
        written = 0
        while waiting and written < _SHOWN_AT_ONCE:
            standing = waiting.popleft()
            standing.catch_up()
            _, before = memory.shown.get(standing.rule.name, (at, {}))
            for identity, instance in standing.open.items():
                if identity in before and before[identity] != instance.value:
                    sheet.show(instance, standing.rule, standing.worst[identity])
                    written += 1
            memory.shown[standing.rule.name] = at, {identity: one.value for identity, one in standing.open.items()}

    def _any_open(self, memory: _Memory) -> bool:
        return any(standing.open for standing in memory.standings.values()) or bool(memory.troubles.open)

    # --- what an earlier process left ---

    def _resume(self, connection: Connection, sheet: Sheet) -> _Memory:
        """Take up what was left: end what no rule wants any more, and forgive the outage."""
        judged_at = alerts.judged_at(connection)
        self.read_left(connection)
        kept = [instance for own in self._left.values() for instance in own.values()]
        episodes = {one.id: one for one in stories.fired_or_named(connection, [one.episode for one in kept], fired=False)}
        memory = _Memory({name: Standing(rule) for name, rule in self._rules.items()}, Standing(RULE_ERROR))
        for one in kept:
            # What said nothing then was not seen when others were.
            instance = one if judged_at is None or one.last_seen else replace(one, seen_at=max(one.seen_at, judged_at))
            episode = episodes[instance.episode]
            worst = Worst(Threshold(episode.operator, episode.threshold), episode.threshold_from, episode.peak)
            rule, standing = self._home(memory, instance)
            if standing is None or rule is None:
                change = Change(instance, None, (_homeless(instance, rule, sheet.at),), worst)
                sheet.enter(change, rule)
                continue
            resumed = lifecycle.resume(instance, rule, sheet.at, judged_at)
            standing.open[instance.fingerprint], standing.worst[instance.fingerprint] = resumed, worst
            memory.shown.setdefault(rule.name, (_LONG_AGO, {}))[1][instance.fingerprint] = episode.value
            sheet.enter(Change(one, resumed, (), worst), rule)
        return memory

    def _rehouse(self, memory: _Memory, sheet: Sheet) -> None:
        """The rules have changed: a rule that says something new judges its open alerts by that."""
        before = memory.standings
        memory.standings = {name: _standing(rule, before.get(name)) for name, rule in self._rules.items()}
        for gone in before.keys() - memory.standings.keys():
            memory.failures.pop(gone, None)
            memory.shown.pop(gone, None)
        for standing in (*before.values(), memory.troubles):
            standing.catch_up()
            for identity, instance in list(standing.open.items()):
                rule, home = self._home(memory, instance)
                if home is None:
                    sheet.enter(standing.end(instance, _homeless(instance, rule, sheet.at)), rule)
                elif home is not standing:
                    home.open[identity], home.worst[identity] = instance, standing.worst[identity]

    def _home(self, memory: _Memory, instance: Instance) -> tuple[Rule | None, Standing | None]:
        """The rule that judges an instance from now on; None where it is gone or means other labels."""
        if instance.rule == RULE_ERROR.name:
            return RULE_ERROR, memory.troubles if instance.labels.get(OF_RULE) in self._rules else None
        rule = self._rules.get(instance.rule)
        wanted = rule is not None and rule.fixed_labels.items() <= instance.labels.items()
        return rule, memory.standings[instance.rule] if wanted else None


def _standing(rule: Rule, before: Standing | None) -> Standing:
    """What stands of a rule that says what it said before; nothing yet of one that is new or says something else."""
    return before if before is not None and before.rule == rule else Standing(rule)


def _let_go(connection: Connection, memory: _Memory, reworded: Reworded, sheet: Sheet) -> None:
    for identity in reworded.lost:
        for standing in memory.standings.values():
            instance = standing.open.get(identity)
            if instance is not None:
                sheet.enter(standing.end(instance, lifecycle.reword(instance, sheet.at)), standing.rule)
    if reworded.texts:
        alerts.put_rule_texts(connection, reworded.texts, sheet.at)


def _homeless(instance: Instance, rule: Rule | None, at: datetime) -> Transition:
    """Why nobody judges it any more."""
    if rule is None or rule is RULE_ERROR:
        return lifecycle.remove(instance, at)
    return lifecycle.reword(instance, at)


def _enter(sheet: Sheet, changes: Iterable[Change], rule: Rule) -> None:
    for change in changes:
        sheet.enter(change, rule)


def _idle(standing: Standing, found: Found) -> bool:
    """Nothing is open and nothing begins, so a step changes only what is remembered."""
    return not standing.open and not (found.levels >= 0).any() and standing.rule.no_data not in {"alert", "breach"}
