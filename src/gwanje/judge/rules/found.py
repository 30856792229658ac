"""What one evaluation of one rule found, in columns: a thousand alerts that stay as they are cost one comparison.

A level says what each result is; verdicts, which people and the life cycle read, are made one by one where they are wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gwanje.because import Because
from gwanje.judge.identity import fingerprint
from gwanje.judge.rules.seldom import Seldom
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.summary import readable
from gwanje.judge.rules.threshold import Threshold
from gwanje.judge.rules.thresholds import Standard, Thresholds
from gwanje.judge.rules.verdict import Breach, Error, Good, Insufficient, Stale, Verdict
from gwanje.keep.samples.base import Labels

CLEARED: Final = -1
BETWEEN: Final = -2
ERROR: Final = -3
INSUFFICIENT: Final = -4
STALE: Final = -5
"""The levels of what is no breach; from 0 on, a level is the place of the worst condition that holds, 0 the worst."""

Levels = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Known:
    """The label sets of an answer as alerts carry them, and their identities; the same answer gives the same again."""

    asked: Sequence[Labels]
    labels: Sequence[Mapping[str, str]]
    identities: Sequence[str]

    @classmethod
    def of(cls, rule: Rule, asked: Sequence[Labels], own: Sequence[Mapping[str, str]]) -> Known:
        labels = [rule.labels_of(one) for one in own]
        return cls(asked, labels, [fingerprint(rule.name, one) for one in labels])


@dataclass(frozen=True, slots=True)
class Found:
    """One evaluation. Everything is in the order of `known`; `notes` say of what the values were made, where that is known."""

    rule: Rule
    known: Known
    values: NDArray[np.float64]
    levels: Levels
    standards: Sequence[Standard]
    """One for all, or one for each."""
    notes: Sequence[str] = ()
    samples: Sequence[float] = ()
    """How many samples each value was made of, where that was counted."""
    silent: Mapping[str, str] = field(default_factory=dict)
    """Open alerts that are not in the answer because their inputs stopped, and since when."""
    awaited: Mapping[str, Seldom] = field(default_factory=dict)
    """Label sets that are not in the answer because their inputs report seldom."""

    @property
    def identities(self) -> Sequence[str]:
        return self.known.identities

    def __len__(self) -> int:
        return len(self.values)

    def standard(self, place: int) -> Standard:
        """The thresholds that count for one result."""
        return self.standards[place if len(self.standards) > 1 else 0]

    def verdict(self, place: int) -> Verdict:
        """What was found for one label set, with the reason."""
        labels, value, level = self.known.labels[place], float(self.values[place]), int(self.levels[place])
        note = self.notes[place] if self.notes else ""
        match level:
            case _ if level == STALE:
                return Stale(labels, note)
            case _ if level == INSUFFICIENT:
                return Insufficient(labels, note)
            case _ if level == ERROR:
                noted = f" ({note})" if note else ""
                sentence = f"the value is {value}, which satisfies no comparison{noted}"
                return Error(labels, Because(sentence, "no_comparison", value=value, note=note))
        standard = self.standard(place)
        if level >= 0:
            severity, condition = standard.conditions[level]
            return Breach(labels, value, severity, condition, self._compared("threshold_crossed", "is", value, condition, note))
        if level == CLEARED:
            return Good(labels, value, cleared=True, why=self._compared("value", "", value, None, note))
        return Good(labels, value, cleared=False, why=self._compared("not_yet_clear", "is not yet", value, standard.clear, note))

    def _compared(self, code: str, verb: str, value: float, condition: Threshold | None, note: str) -> Because:
        """A value beside the condition it is compared with; by itself where there is none."""
        unit = self.rule.value_unit
        said = readable(value, unit) + (f" ({note})" if note else "")
        if condition is None or not condition.operator:
            return Because(said, "value", value=value, unit=unit, note=note)
        sentence = f"{said} {verb} {written(condition, unit)}"
        limit = {"operator": condition.operator, "threshold": condition.number}
        return Because(sentence, code, value=value, unit=unit, note=note, **limit)

    def verdicts(self) -> list[Verdict]:
        """All of them."""
        return [self.verdict(place) for place in range(len(self))]

    def good_of(self, stopped: Mapping[str, str]) -> dict[str, str]:
        """Those of the label sets that were found good: what is counted over a window is a breach by what was counted."""
        good = {self.identities[place] for place in np.flatnonzero((self.levels == CLEARED) | (self.levels == BETWEEN)).tolist()}
        return {identity: why for identity, why in stopped.items() if identity in good}

    def without(self, stopped: Mapping[str, str]) -> Found:
        """The same, where the inputs of these label sets stopped, which says since when."""
        if not stopped:
            return self
        levels, notes = self.levels.copy(), list(self.notes or [""] * len(self))
        silent = dict(stopped)
        for place, identity in enumerate(self.identities):
            if identity in stopped:
                levels[place], notes[place] = STALE, silent.pop(identity)
        return replace(self, levels=levels, notes=notes, silent=silent)


def judged(
    rule: Rule,
    known: Known,
    values: NDArray[np.float64],
    thresholds: Thresholds,
    *,
    insufficient: NDArray[np.bool_] | None = None,
    notes: Sequence[str] = (),
    samples: Sequence[float] = (),
) -> Found:
    """Compare each value with the thresholds that count for it."""
    if thresholds.touch(rule):
        standards = [thresholds.of(rule, labels) for labels in known.labels]
        levels = np.empty(len(values), np.int8)
        for standard in set(standards):
            of_this = np.array([one == standard for one in standards])
            levels[of_this] = _levels(standard, values[of_this])
    else:
        standards = [Standard(rule.conditions, rule.clear)]
        levels = _levels(standards[0], values)
    if insufficient is not None:
        levels[insufficient] = INSUFFICIENT
    return Found(rule, known, values, levels, standards, notes, samples)


def written(threshold: Threshold | None, unit: str) -> str:
    """A condition as people read it: `>= 20.0 %`."""
    return "" if threshold is None or not threshold.operator else f"{threshold.operator} {readable(threshold.number, unit)}"


def _levels(standard: Standard, values: NDArray[np.float64]) -> Levels:
    levels = np.full(len(values), CLEARED, np.int8)
    if standard.clear is not None:
        levels[~standard.clear.hold(values)] = BETWEEN
    for place in reversed(range(len(standard.conditions))):
        levels[standard.conditions[place][1].hold(values)] = place
    levels[~np.isfinite(values)] = ERROR
    return levels
