"""Answers of the store → verdicts. Pure: what to ask is `questions`, what the answers mean is `verdicts`.

A rule whose answers cannot be judged raises RuleError; then no alert of it changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final

import numpy as np

from gwanje.config import format_duration
from gwanje.errors import GwanjeError
from gwanje.judge.rules.narrow import narrowed
from gwanje.judge.rules.spec import Ratio, Rule, Threshold
from gwanje.judge.rules.summary import readable
from gwanje.judge.rules.verdict import Breach, Error, Good, Insufficient, Verdict
from gwanje.keep.samples.base import Answer, Labels, Matrix, Scalar, Times, Values, Vector
from gwanje.model import METRIC

_SHORTEST_LOOKBACK: Final = timedelta(minutes=5)

Result = tuple[dict[str, str], float]


class RuleError(GwanjeError):
    """An evaluation that says nothing; no alert changes by it."""


def questions(rule: Rule) -> tuple[str, ...]:
    """The instant queries whose answers `verdicts` wants, in this order."""
    if rule.ratio is None:
        return (rule.expr or "",)
    window = format_duration(rule.ratio.over + lookback(rule.ratio))
    return (f"{rule.ratio.failed}[{window}]", f"{rule.ratio.total}[{window}]")


def lookback(ratio: Ratio) -> timedelta:
    """How far before the window the base of a counter is looked for."""
    return max(ratio.over, _SHORTEST_LOOKBACK)


def verdicts(rule: Rule, answers: Sequence[Answer], at_ms: int) -> list[Verdict]:
    """Judge each label set of the answers; each label set has one verdict."""
    if rule.ratio is None:
        found = [_judged(rule, labels, value) for labels, value in _results(answers[0])]
    else:
        found = _ratios(rule, rule.ratio, answers, at_ms)
    _one_each(found)
    return found


def increments(times: Times, values: Values, start_ms: int) -> float:
    """How much a counter grew after `start_ms`.

    The last sample at or before the start is the base. A counter born inside the window counts from its first value, because
    counters of outcomes exist from 0 on. After a reset it grew by what it shows.
    """
    inside = int(np.searchsorted(times, start_ms, side="right"))
    counted = values[max(inside - 1, 0) :]
    if len(counted) < 2:
        return 0.0
    steps = np.diff(counted)
    return float(np.where(steps < 0, counted[1:], steps).sum())


def curve(rule: Rule, labels: Mapping[str, str]) -> str:
    """PromQL whose curve shows what this alert looks at: the rule's own, narrowed to the alert's labels."""
    fixed = {name: value for name, value in labels.items() if name not in rule.labels}
    if rule.ratio is None:
        return narrowed(rule.expr or "", fixed)
    over, by = format_duration(rule.ratio.over), ", ".join(rule.ratio.by)
    failed, total = (
        f"sum by ({by}) (increase({narrowed(selector, fixed)}[{over}]))" for selector in (rule.ratio.failed, rule.ratio.total)
    )
    return f"{failed} / {total}"


def _results(answer: Answer) -> list[Result]:
    match answer:
        case Scalar(value):
            return [({}, value)]
        case Vector(labels, values):
            return [(_without_metric(one), float(value)) for one, value in zip(labels, values, strict=True)]
        case _:
            raise RuleError("`expr` gives neither a number nor one value for each series; remove the range (`[5m]`) or the text")


def _ratios(rule: Rule, ratio: Ratio, answers: Sequence[Answer], at_ms: int) -> list[Verdict]:
    failed, total = (_counted(ratio, answer, at_ms) for answer in answers)
    return [_ratio(rule, ratio, dict(key), failed.get(key, 0.0), whole) for key, whole in total.items()]


def _ratio(rule: Rule, ratio: Ratio, labels: dict[str, str], failed: float, total: float) -> Verdict:
    counted = f"{failed:g} of {total:g} in {format_duration(ratio.over)}"
    if total < ratio.min_samples:
        return Insufficient(_alert_labels(rule, labels), f"{counted}, {ratio.min_samples} are needed")
    return _judged(rule, labels, failed / total, counted)


def _counted(ratio: Ratio, answer: Answer, at_ms: int) -> dict[Labels, float]:
    """Increments inside the window, by the values of the labels in `by`."""
    if not isinstance(answer, Matrix):
        raise RuleError("the store gave no samples for a range selector")
    start_ms = at_ms - round(ratio.over / timedelta(milliseconds=1))
    sums: dict[Labels, float] = {}
    for index, labels in enumerate(answer.labels):
        own = dict(labels)
        key = tuple((name, own[name]) for name in ratio.by if own.get(name))
        part = slice(int(answer.offsets[index]), int(answer.offsets[index + 1]))
        sums[key] = sums.get(key, 0.0) + increments(answer.times[part], answer.values[part], start_ms)
    return sums


def _judged(rule: Rule, labels: dict[str, str], value: float, counted: str = "") -> Verdict:
    own = _alert_labels(rule, labels)
    if not math.isfinite(value):
        return Error(own, f"the value is {value}, which satisfies no comparison")
    said = readable(value, rule.unit) + (f" ({counted})" if counted else "")
    for severity, condition in rule.conditions:
        if condition.holds(value):
            return Breach(own, value, severity, condition, f"{said} is {written(condition, rule.unit)}")
    cleared = rule.clear is None or rule.clear.holds(value)
    return Good(own, value, cleared, said if cleared else f"{said} is not yet {written(rule.clear, rule.unit)}")


def written(threshold: Threshold | None, unit: str) -> str:
    """A condition as people read it: `>= 20.0 %`."""
    return "" if threshold is None else f"{threshold.operator} {readable(threshold.number, unit)}"


def _alert_labels(rule: Rule, labels: Mapping[str, str]) -> dict[str, str]:
    return {**labels, **rule.labels}


def _without_metric(labels: Labels) -> dict[str, str]:
    return {name: value for name, value in labels if name != METRIC}


def _one_each(found: Iterable[Verdict]) -> None:
    seen: set[tuple[tuple[str, str], ...]] = set()
    for verdict in found:
        key = tuple(sorted(verdict.labels.items()))
        if key in seen:
            raise RuleError(
                f"two results have the labels {dict(key)}; add a label that tells them apart, or aggregate (`max by (host)`)"
            )
        seen.add(key)
