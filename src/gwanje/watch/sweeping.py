"""Plain rules looked at together: of a thousand, only those are judged of which something may come.

A rule is plain where it compares the newest sample of each series of one metric. The store gives those of all such rules as
one column, and a few comparisons say which rules have a breach. Of a rule of which nothing is open, an evaluation without a
breach changes nothing: it is not made, and worked out only when somebody wants to see it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import is_
from typing import Final

import numpy as np
import structlog
from numpy.typing import NDArray

from gwanje.judge.rules.questions import questions
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.threshold import OPERATORS
from gwanje.keep.promql import Limits
from gwanje.keep.promql.plan import Select, plan
from gwanje.keep.samples.base import Labels, Layout, Queryable, Sweeping, Swept, Vector
from gwanje.model import to_ms

_LONGEST: Final = timedelta(seconds=10)
_SETS: Final = 16
"""So many sets of rules are remembered: those that are due together, by their intervals."""

Rows = NDArray[np.int64]
Numbers = NDArray[np.float64]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The answers that a plain rule would have asked for: the newest samples, and their times in seconds."""

    values: Vector
    ages: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What plain rules see at one instant."""

    swept: Swept
    rules: Mapping[str, tuple[int, Rule]]
    """The place of each rule's selector, and the rule, by its name."""
    breached: frozenset[str]
    """The rules one of whose thresholds holds for a value, and those of which it is not sure."""

    def answer(self, rule: str) -> Vector:
        """What the store would have answered to the question of one rule."""
        return self.swept.answer(self.rules[rule][0])

    def seen(self, rule: str) -> Seen:
        """What one rule would have asked for."""
        return Seen(self.answer(rule), self.swept.ages(self.rules[rule][0]))


class Sweeps:
    """Looks at the plain rules among those that are due. `delay` is how far back rules look that do not say so themselves."""

    def __init__(self, samples: Queryable, delay: timedelta) -> None:
        self._samples = samples if isinstance(samples, Sweeping) else None
        self._delay = delay
        self._sets: deque[tuple[Sequence[Rule], Sequence[_Set]]] = deque(maxlen=_SETS)

    async def sights(self, rules: Sequence[Rule], at: datetime) -> list[Sight]:
        """What those of the rules see that are plain; nothing where the store cannot say it of all of them at once."""
        if self._samples is None:
            return []
        try:
            async with asyncio.timeout(_LONGEST.total_seconds()):
                return [one.sight(await self._samples.sweep(one.selectors, to_ms(at - one.delay))) for one in self._of(rules)]
        except Exception as error:  # noqa: BLE001 - each rule is asked by itself then, and says what is wrong with it
            log.debug("plain rules are asked one by one", reason=f"{type(error).__name__}: {error}")
            return []

    def _of(self, rules: Sequence[Rule]) -> Sequence[_Set]:
        for known, sets in self._sets:
            if len(known) == len(rules) and all(map(is_, known, rules)):
                return sets
        by_delay: dict[timedelta, list[Rule]] = {}
        for rule in rules:
            if plain(rule):
                by_delay.setdefault(self._delay if rule.delay is None else rule.delay, []).append(rule)
        made = [_Set(own, delay) for delay, own in by_delay.items()]
        self._sets.appendleft((tuple(rules), made))
        return made


class _Set:
    """Plain rules that look at the same instant."""

    def __init__(self, rules: Sequence[Rule], delay: timedelta) -> None:
        self.delay = delay
        self.selectors = tuple(questions(rule)[0].query for rule in rules)
        self._rules = rules
        self._places = {rule.name: (place, rule) for place, rule in enumerate(rules)}
        self._layout: Layout | None = None
        self._comparisons: Sequence[tuple[str, Rows, Numbers]] = ()
        self._unsure: frozenset[str] = frozenset()

    def sight(self, swept: Swept) -> Sight:
        """What the rules see in the store's answer to `selectors`."""
        if swept.layout is not self._layout:
            self._take_over(swept.layout)
        judged = swept.there & np.isfinite(swept.values)
        breached = np.zeros(len(judged), np.bool_)
        with np.errstate(invalid="ignore"):  # a stale marker compares with nothing
            for operator, rows, numbers in self._comparisons:
                breached[rows] |= OPERATORS[operator](swept.values[rows], numbers)
        places = np.unique(np.searchsorted(swept.layout.offsets, np.flatnonzero(breached & judged), side="right") - 1)
        return Sight(swept, self._places, self._unsure.union(self._rules[place].name for place in places.tolist()))

    def _take_over(self, layout: Layout) -> None:
        """Work out which rows are compared with which number, by operator."""
        rows: dict[str, list[Rows]] = {}
        numbers: dict[str, list[Numbers]] = {}
        for place, rule in enumerate(self._rules):
            own = np.arange(layout.offsets[place], layout.offsets[place + 1])
            for _, condition in rule.conditions:
                rows.setdefault(condition.operator, []).append(own)
                numbers.setdefault(condition.operator, []).append(np.full(len(own), condition.number))
        self._comparisons = [(operator, np.concatenate(own), np.concatenate(numbers[operator])) for operator, own in rows.items()]
        hidden = (rule.name for rule, names in zip(self._rules, layout.names, strict=True) if _hides(rule, names))
        self._unsure = frozenset(hidden)
        self._layout = layout


def plain(rule: Rule) -> bool:
    """Whether a rule compares the newest samples of one metric, and has no word on those that are missing."""
    if rule.ratio is not None or rule.anomaly is not None or rule.severity is not None or rule.no_data in {"alert", "breach"}:
        return False
    asked = questions(rule)
    if len(asked) > 1 or asked[0].ago:
        return False
    node = plan(asked[0].query, Limits().query_length)
    return isinstance(node, Select) and node.one_metric and not node.offset_ms and node.at is None


def _hides(rule: Rule, names: Sequence[Labels]) -> bool:
    """Whether labels of the rule hide such of its series, so that two results may look alike, which is a fault."""
    return bool(rule.labels) and any(name in rule.labels for labels in names for name, _ in labels)
