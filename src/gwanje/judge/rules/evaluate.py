"""Answers of the store → what was found. Pure: what to ask is `questions`, what the answers mean is `found`.

A rule whose answers cannot be judged raises RuleError; then no alert of it changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gwanje.because import Because
from gwanje.config import format_duration
from gwanje.errors import GwanjeError
from gwanje.judge.rules import anomalies
from gwanje.judge.rules.found import Found, Known, judged
from gwanje.judge.rules.looks import Anomaly, Ratio
from gwanje.judge.rules.questions import counted, covered, merges
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.summary import readable
from gwanje.judge.rules.thresholds import Thresholds
from gwanje.keep.samples.base import Answer, Labels, Matrix, Scalar, Times, Values, Vector
from gwanje.model import METRIC

_NONE_SET: Final = Thresholds()
_DIFFERENT_BUCKETS: Final = Because(
    "its histograms have different buckets, which cannot be merged; add a label to `by` that tells them apart",
    "different_buckets",
)

_NO_VALUE: Final = Because(
    "`expr` gives neither a number nor one value for each series; remove the range (`[5m]`) or the text", "no_value"
)

_BOUND: Final = "le"
"""The label by which a bucket says its bound."""

Column = NDArray[np.float64]


class RuleError(GwanjeError):
    """An evaluation that says nothing; no alert changes by it."""


class Memory:
    """The label sets that each rule found last, so that the identities of those that stay are worked out once.

    A convenience of whoever evaluates again and again: it changes no answer.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Rule, Known]] = {}

    def known(self, rule: Rule, asked: Sequence[Labels]) -> Known:
        """The label sets of an answer. Raises RuleError where two results have the same."""
        rule_then, before = self._known.get(rule.name, (None, None))
        if before is not None and rule_then is rule and (before.asked is asked or before.asked == asked):
            return before
        found = _known(rule, asked, before if rule_then is rule else None)
        _one_each(found)
        self._known[rule.name] = rule, found
        return found


def found(
    rule: Rule,
    answers: Sequence[Answer],
    at_ms: int,
    *,
    thresholds: Thresholds = _NONE_SET,
    memory: Memory | None = None,
) -> Found:
    """Judge each label set of the answers. Raises RuleError."""
    look = _Look(rule, at_ms, thresholds, memory or Memory())
    if rule.ratio is not None:
        return _ratios(look, rule.ratio, answers)
    if rule.anomaly is not None:
        return _anomalies(look, rule.anomaly, answers)
    labels, values = _results(answers[0])
    if len(answers) == 1:
        return judged(rule, look.known(labels), values, thresholds)
    return _with_enough(look, answers, look.known(labels), values)


def increments(times: Times, values: Values, start_ms: int) -> float:
    """How much a counter grew after `start_ms`.

    The last sample at or before the start is the base. A counter born inside the window counts from its first value, because
    counters of outcomes exist from 0 on. After a reset it grew by what it shows.
    """
    inside = int(np.searchsorted(times, start_ms, side="right"))
    counted_ = values[max(inside - 1, 0) :]
    if len(counted_) < 2:
        return 0.0
    steps = np.diff(counted_)
    return float(np.where(steps < 0, counted_[1:], steps).sum())


def _results(answer: Answer) -> tuple[Sequence[Labels], Column]:
    match answer:
        case Scalar(value):
            return [()], np.array([value])
        case Vector(labels, values):
            return labels, values
        case _:
            raise RuleError(_NO_VALUE)


@dataclass(frozen=True, slots=True)
class _Look:
    """One rule at one instant."""

    rule: Rule
    at_ms: int
    thresholds: Thresholds
    memory: Memory

    def known(self, asked: Sequence[Labels]) -> Known:
        return self.memory.known(self.rule, asked)


def _with_enough(look: _Look, answers: Sequence[Answer], known: Known, values: Column) -> Found:
    """Results with too few samples say nothing, nor does "every sample" where the time before was not measured."""
    rule = look.rule
    short = np.zeros(len(values), np.bool_)
    values, notes = values.copy(), [""] * len(values)
    samples: list[float] = []
    if counted(rule):
        counts = _by_labels(answers[1])
        samples = [counts.get(_key(one), 0.0) for one in known.asked]
        for place, count in enumerate(samples):
            short[place] |= count < rule.min_samples
            notes[place] = _samples(count, rule)
    mixed = _mixed(answers[-1]) if merges(rule) else ()
    for place, one in enumerate(known.asked):
        if _key(one) in mixed:
            values[place], short[place] = np.nan, False
            notes[place] = _DIFFERENT_BUCKETS
    if covered(rule):
        before = _by_labels(answers[-1])
        over = rule.over or timedelta()
        unmeasured = Because(f"measured for less than {format_duration(over)}", "measured_less", seconds=over.total_seconds())
        for place, one in enumerate(known.asked):
            if _key(one) not in before:
                short[place], notes[place] = True, unmeasured
    return judged(rule, known, values, look.thresholds, insufficient=short, notes=notes, samples=samples)


def _samples(count: float, rule: Rule) -> Because:
    over = rule.over or timedelta()
    needed = rule.min_samples if count < rule.min_samples else None
    sentence = f"{count:g} samples in {format_duration(over)}" + (f", {needed} are needed" if needed else "")
    return Because(sentence, "samples", count=count, seconds=over.total_seconds(), needed=needed)


def _mixed(answer: Answer) -> set[Labels]:
    """The groups in which some histograms have buckets that others have not."""
    counts: dict[Labels, set[float]] = {}
    for labels, count in zip(*_results(answer), strict=True):
        group = tuple(pair for pair in labels if pair[0] != _BOUND)
        counts.setdefault(group, set()).add(float(count))
    return {group for group, found_ in counts.items() if len(found_) > 1}


def _anomalies(look: _Look, anomaly: Anomaly, answers: Sequence[Answer]) -> Found:
    """The score of each series, and of what it was made."""
    rule = look.rule
    if anomaly.method == "seasonal":
        asked, points = _seasons(answers)
    else:
        asked, points = _points(answers[0], anomaly.points + 1, look.at_ms, anomaly.every or rule.interval)
    known = look.known(asked)
    found_, middle, deviation = anomalies.scores(anomaly, points)
    there = np.isfinite(points[:, :-1]).sum(axis=1)
    tested = points[:, -1]
    short = (there < anomaly.points) | (np.isnan(found_) & np.isfinite(tested))
    notes = []
    for place, value in enumerate(tested):
        if there[place] < anomaly.points:
            sentence = f"{there[place]} of {anomaly.points} points"
            notes.append(Because(sentence, "points", count=int(there[place]), needed=anomaly.points))
        elif short[place]:
            notes.append(Because("nothing deviates", "nothing_deviates"))
        else:
            notes.append(_unusual(float(value), float(middle[place]), float(deviation[place]), rule.unit))
    return judged(
        rule,
        known,
        found_,
        look.thresholds,
        insufficient=short,
        notes=notes,
        samples=[float(one) for one in there],
    )


def _unusual(value: float, middle: float, deviation: float, unit: str) -> Because:
    sentence = f"{readable(value, unit)}, usual are {readable(middle, unit)} ± {readable(deviation, unit)}"
    return Because(sentence, "usual", value=value, middle=middle, deviation=deviation, unit=unit)


def _points(answer: Answer, wanted: int, at_ms: int, every: timedelta) -> tuple[Sequence[Labels], Column]:
    """One row a series that has the newest point, be it a number or not; an earlier point that is missing is NaN."""
    if not isinstance(answer, Matrix):
        raise RuleError(Because("the store gave no points for a subquery", "no_points"))
    step = every // timedelta(milliseconds=1)
    newest = at_ms // step * step
    rows, labels = [], []
    for index, one in enumerate(answer.labels):
        part = slice(int(answer.offsets[index]), int(answer.offsets[index + 1]))
        row = np.full(wanted, np.nan)
        places = wanted - 1 - (newest - answer.times[part]) // step
        inside = (places >= 0) & (places < wanted)
        row[places[inside]] = answer.values[part][inside]
        if (places == wanted - 1).any():
            rows.append(row)
            labels.append(one)
    return labels, np.array(rows).reshape(len(rows), wanted)


def _seasons(answers: Sequence[Answer]) -> tuple[Sequence[Labels], Column]:
    """One row a series that has a value now: the earlier seasons, the oldest first, then now."""
    labels, values = _results(answers[0])
    before = [dict(zip(*_results(answer), strict=True)) for answer in answers[:0:-1]]
    rows = [[*(season.get(one, np.nan) for season in before), now] for one, now in zip(labels, values, strict=True)]
    return labels, np.array(rows, np.float64).reshape(len(rows), len(answers))


def _ratios(look: _Look, ratio: Ratio, answers: Sequence[Answer]) -> Found:
    failed, total = (_counted(ratio, answer, look.at_ms) for answer in answers)
    known = look.known(list(total))
    whole = np.array(list(total.values()), np.float64)
    part = np.array([failed.get(key, 0.0) for key in total], np.float64)
    short = whole < ratio.min_samples
    notes = [_share(some, all_, ratio) for some, all_ in zip(part.tolist(), whole.tolist(), strict=True)]
    values = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return judged(look.rule, known, values, look.thresholds, insufficient=short, notes=notes, samples=whole.tolist())


def _share(part: float, whole: float, ratio: Ratio) -> Because:
    needed = ratio.min_samples if whole < ratio.min_samples else None
    sentence = f"{part:g} of {whole:g} in {format_duration(ratio.over)}" + (f", {needed} are needed" if needed else "")
    return Because(sentence, "share", part=part, whole=whole, seconds=ratio.over.total_seconds(), needed=needed)


def _counted(ratio: Ratio, answer: Answer, at_ms: int) -> dict[Labels, float]:
    """Increments inside the window, by the values of the labels in `by`."""
    if not isinstance(answer, Matrix):
        raise RuleError(Because("the store gave no samples for a range selector", "no_range"))
    start_ms = at_ms - round(ratio.over / timedelta(milliseconds=1))
    sums: dict[Labels, float] = {}
    for index, labels in enumerate(answer.labels):
        own = dict(labels)
        key = tuple((name, own[name]) for name in ratio.by if own.get(name))
        part = slice(int(answer.offsets[index]), int(answer.offsets[index + 1]))
        sums[key] = sums.get(key, 0.0) + increments(answer.times[part], answer.values[part], start_ms)
    return sums


def _by_labels(answer: Answer) -> Mapping[Labels, float]:
    labels, values = _results(answer)
    return {_key(one): float(value) for one, value in zip(labels, values, strict=True)}


def _key(labels: Labels) -> Labels:
    """Functions drop the metric's name, plain selectors keep it."""
    return tuple(pair for pair in labels if pair[0] != METRIC)


def _known(rule: Rule, asked: Sequence[Labels], before: Known | None) -> Known:
    """The label sets of an answer; those that were in the answer before are not worked out again."""
    earlier = dict(zip(before.asked, zip(before.labels, before.identities, strict=True), strict=True)) if before else {}
    fresh = [one for one in asked if one not in earlier]
    new = Known.of(rule, fresh, [{name: value for name, value in one if name != METRIC} for one in fresh])
    earlier |= zip(fresh, zip(new.labels, new.identities, strict=True), strict=True)
    every = [earlier[one] for one in asked]
    return Known(asked, [labels for labels, _ in every], [identity for _, identity in every])


def _one_each(known: Known) -> None:
    seen: set[str] = set()
    for identity, labels in zip(known.identities, known.labels, strict=True):
        if identity in seen:
            raise RuleError(_twice(labels))
        seen.add(identity)


def _twice(labels: Mapping[str, str]) -> Because:
    told = str(dict(labels))
    sentence = f"two results have the labels {told}; add a label that tells them apart, or aggregate (`max by (host)`)"
    return Because(sentence, "two_results", labels=told)
