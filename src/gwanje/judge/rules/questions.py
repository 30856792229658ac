"""What a rule asks the store. Pure: a rule in, PromQL out; what the answers mean is `evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from gwanje.config import format_duration
from gwanje.judge.rules.buckets import merged
from gwanje.judge.rules.looks import Anomaly, Ratio
from gwanje.judge.rules.narrow import narrowed
from gwanje.judge.rules.spec import Rule
from gwanje.wire import names

_SHORTEST_LOOKBACK: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Question:
    """An instant query, asked as of `ago` before the evaluation."""

    query: str
    ago: timedelta = timedelta()


def questions(rule: Rule) -> tuple[Question, ...]:
    """What is asked; `evaluate.found` wants the answers in this order."""
    if rule.ratio is not None:
        window = format_duration(rule.ratio.over + lookback(rule.ratio))
        return Question(f"{rule.ratio.failed}[{window}]"), Question(f"{rule.ratio.total}[{window}]")
    if rule.anomaly is not None:
        return _of_anomaly(rule, rule.anomaly)
    return (Question(value(rule)), *_beside(rule))


def value(rule: Rule) -> str:
    """PromQL of what the thresholds compare, or whose anomaly they compare; empty for a ratio."""
    if rule.expr is not None or rule.metric is None:
        return rule.expr or ""
    if rule.percentile is not None:
        return _percentile(rule, rule.percentile)
    return _selector(rule) if rule.over is None and not rule.by else _together(rule)


def answering(rule: Rule) -> str:
    """PromQL that has the label sets of the rule's results, whatever their values."""
    return f"count{_by(rule.ratio.by)} ({rule.ratio.total})" if rule.ratio is not None else value(rule)


def counted(rule: Rule) -> bool:
    """Whether the second answer says how many samples there were."""
    return rule.min_samples > 0


def merges(rule: Rule) -> bool:
    """Whether the last answer says how many series each bucket of the merged histograms has."""
    return rule.percentile is not None or (rule.metric is None and bool(merged(rule.expr or "")))


def covered(rule: Rule) -> bool:
    """Whether the last answer says which results had a sample before the stretch of time that must be a breach throughout."""
    return rule.metric is not None and rule.over is not None and rule.condition == "every" and rule.percentile is None


def lookback(ratio: Ratio) -> timedelta:
    """How far before the window the base of a counter is looked for."""
    return max(ratio.over, _SHORTEST_LOOKBACK)


def curve(rule: Rule, labels: Mapping[str, str]) -> str:
    """PromQL whose curve shows what this alert looks at: the rule's own, narrowed to the alert's labels."""
    fixed = rule.given(labels)
    if rule.ratio is None:
        return narrowed(value(rule), fixed)
    over, by = format_duration(rule.ratio.over), _by(rule.ratio.by)
    failed, total = (
        f"sum{by} (increase({narrowed(selector, fixed)}[{over}]))" for selector in (rule.ratio.failed, rule.ratio.total)
    )
    return f"{failed} / {total}"


def _of_anomaly(rule: Rule, anomaly: Anomaly) -> tuple[Question, ...]:
    """The points as one subquery; of seasons, the value now and at the same time of each earlier season."""
    asked = value(rule)
    if anomaly.method == "seasonal":
        return tuple(Question(asked, anomaly.season * back) for back in range(anomaly.points + 1))
    every = anomaly.every or rule.interval
    return (Question(f"({asked})[{format_duration(every * (anomaly.points + 1))}:{format_duration(every)}]"),)


def _beside(rule: Rule) -> tuple[Question, ...]:
    """What rules need to know beside the value: how many samples, how many series of each bucket, what was measured before."""
    if rule.metric is None:
        counts = merged(rule.expr or "")
        return (Question(counts),) if counts else ()
    if rule.over is None:
        return ()
    over, by = format_duration(rule.over), _by(rule.by)
    asked: list[Question] = []
    if counted(rule) and rule.percentile is not None:
        asked.append(Question(f"sum{by} (increase({_selector(rule, '_count')}[{over}]))"))
    elif counted(rule):
        asked.append(Question(_grouped(rule, "sum", f"count_over_time({_selector(rule)}[{over}])")))
    if rule.percentile is not None:
        asked.append(Question(f"count{_by((*rule.by, 'le'))} (rate({_selector(rule, '_bucket')}[{over}]))"))
    if covered(rule):
        asked.append(Question(_grouped(rule, "count", _selector(rule)), rule.over))
    return tuple(asked)


def _together(rule: Rule) -> str:
    """One of the four conditions over a stretch of time, or the worst of several series now."""
    worst, mildest = ("min", "max") if rule.side == "below" else ("max", "min")
    if rule.over is None:
        return _grouped(rule, worst, _selector(rule))
    ranged = f"({_selector(rule)}[{format_duration(rule.over)}])"
    match rule.condition:
        case "average" if rule.by:
            return f"sum{_by(rule.by)} (sum_over_time{ranged}) / sum{_by(rule.by)} (count_over_time{ranged})"
        case "average":
            return f"avg_over_time{ranged}"
        case "sum":
            return _grouped(rule, "sum", f"sum_over_time{ranged}")
        case "any":
            return _grouped(rule, worst, f"{worst}_over_time{ranged}")
        case "every":
            return _grouped(rule, worst, f"{mildest}_over_time{ranged}")


def _percentile(rule: Rule, percentile: float) -> str:
    over = format_duration(rule.over or _SHORTEST_LOOKBACK)
    return f"histogram_quantile({percentile / 100:g}, sum{_by((*rule.by, 'le'))} (rate({_selector(rule, '_bucket')}[{over}])))"


def _grouped(rule: Rule, operator: str, inner: str) -> str:
    return f"{operator}{_by(rule.by)} ({inner})" if rule.by else inner


def _by(labels: Sequence[str]) -> str:
    return f" by ({names.labels(labels)})"


def _selector(rule: Rule, suffix: str = "") -> str:
    metric = rule.metric or ""
    return names.selector(metric.removesuffix("_bucket") + suffix if suffix else metric, rule.where)
