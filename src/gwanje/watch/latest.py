"""What each rule found when it was evaluated last; of one that was merely seen to have no breach, worked out when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from gwanje.judge.rules.found import Found
from gwanje.judge.rules.spec import Rule
from gwanje.keep.samples.base import Vector
from gwanje.watch.book import Evaluation
from gwanje.watch.sweeping import Sight

Judge = Callable[[Rule, Vector, datetime], Found]
"""A plain rule, the answer to its question and the instant of its evaluation → what it found."""


@dataclass(frozen=True, slots=True)
class _Seen:
    sight: Sight
    at: datetime
    seconds: float


class Latest(Mapping[str, Evaluation]):
    """The last evaluations by the names of rules. The round writes, any thread reads."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._made: dict[str, Evaluation] = {}
        self._seen: dict[str, _Seen] = {}
        """What was seen of a rule since its evaluation was made."""

    def put(self, evaluation: Evaluation) -> None:
        """An evaluation that was made; one of an earlier instant than what is known is left out."""
        name = evaluation.rule.name
        seen, made = self._seen.get(name), self._made.get(name)
        if (seen is None or seen.at <= evaluation.at) and (made is None or made.at <= evaluation.at):
            self._made[name] = evaluation
            self._seen.pop(name, None)

    def rest(self, rules: Iterable[str], sight: Sight, at: datetime, seconds: float) -> None:
        """These rules were seen to have no breach; each took so many seconds."""
        self._seen.update(dict.fromkeys(rules, _Seen(sight, at, seconds)))

    def forget(self, rule: str) -> None:
        self._made.pop(rule, None)
        self._seen.pop(rule, None)

    def sound(self, rule: Rule) -> bool:
        """Whether the last evaluation that was made is of just this rule, and did not fail."""
        made = self._made.get(rule.name)
        return made is not None and made.rule is rule and not made.failed

    def failed(self, rule: str) -> str | None:
        """Why the last evaluation failed, empty where it did not; None before the first."""
        made = self._made.get(rule)
        return None if made is None else made.failed

    def __getitem__(self, name: str) -> Evaluation:
        seen = self._seen.pop(name, None)
        if seen is not None:
            _, rule = seen.sight.rules[name]
            found = self._judge(rule, seen.sight.answer(name), seen.at)
            if self._made[name].at < seen.at:  # who asks may be another thread than the round's
                self._made[name] = Evaluation(rule, seen.at, found, seconds=seen.seconds)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._made))

    def __len__(self) -> int:
        return len(self._made)
