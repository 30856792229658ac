"""A rule as it is written: what is looked at, when it is a breach, for how long, and what people are told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from gwanje.because import Because
from gwanje.config import Duration, Settings, format_duration
from gwanje.judge.rules import exported, gotemplate, summary
from gwanje.judge.rules.looks import Anomaly, Over, Ratio, checked_query, checked_selector, longer_than_nothing
from gwanje.judge.rules.threshold import (
    ALWAYS,
    FALLING,
    OPERATORS,
    RISING,
    Condition,
    Threshold,
    check_clear,
    parse_threshold,
)
from gwanje.judge.rules.valued import checked_identity
from gwanje.model import METRIC, Severity
from gwanje.wire import names

__all__ = ["OPERATORS", "Ratio", "Rule", "Threshold", "checked_labels", "checked_query", "parse_threshold"]

_HALF_A_SECOND: Final = timedelta(milliseconds=500)
"""A message must be decided a second after its sample: a rule that tells at once looks twice in that time."""
_EACH_SECOND: Final = timedelta(seconds=1)
_REMOTE_INTERVAL: Final = timedelta(seconds=15)
REMOTE_DELAY: Final = timedelta(seconds=30)
"""How far back rules look that do not say so, where samples come to a remote store first."""

SHORTEST_INTERVAL: Final = timedelta(milliseconds=250)
"""How often a rule may be evaluated at most."""


class Rule(Settings):
    """What is looked at, when it is a breach, and what people are told."""

    name: str = Field(min_length=1, max_length=200)
    """Its name, unique among all rules."""
    enabled: bool = True
    """Whether it is evaluated at all. What is open when it is switched off ends with `rule removed`."""

    expr: str | None = None
    """PromQL that gives the value; without a comparison, because that stands in `warning` and `critical`."""
    ratio: Ratio | None = None
    """Instead of `expr`: an exact ratio of counters."""
    metric: str | None = None
    """Instead of `expr`: a metric by its name, `disk_used_percent`."""
    where: str = ""
    """Matchers of `metric`: `host="web-1", device!~"loop.*"`."""
    by: tuple[str, ...] = ()
    """One result of `metric` for each set of values of these labels: the worst of its series, or all of them together where
    `condition` is `average` or `sum`. Without any, one result for each series."""
    over: Duration | None = None
    """The stretch of time of `metric` that is looked at: `60m`."""
    condition: Over = "average"
    """What must hold over that time: the `average`, `every` sample, at least one sample (`any`), or the `sum`."""
    percentile: float | None = Field(default=None, gt=0, lt=100)
    """Of a histogram `metric`, the value below which so many per cent lie: from its buckets, merged by the labels in `by`."""
    anomaly: Anomaly | None = None
    """Judge how unusual the value is, and not the value itself."""
    min_samples: int = Field(default=0, ge=0)
    """With fewer samples in `over`, the answer is "not enough": it neither fires nor resolves."""

    warning: Condition | None = None
    """When it is a breach that can wait for the group: `>= 0.85`."""
    critical: Condition | None = None
    """When it is a breach that is told at once: `>= 0.95`."""
    clear: Condition | None = None
    """When it is over: `< 0.80`. Without it, as soon as neither `warning` nor `critical` holds."""
    severity: Severity | None = None
    """Instead of `warning` and `critical`: every result of `expr` is a breach of this severity, as in Prometheus."""

    for_: Duration = Field(default=timedelta(), alias="for")
    """How long every evaluation must be a breach before people are told; `0s` tells at once."""
    clear_for: Duration = timedelta()
    """How long every evaluation must be clear before it is over."""
    keep_firing_for: Duration = timedelta()
    """How long it goes on firing after the first good evaluation, so that one that comes and goes is told once."""
    interval: Duration = Field(
        default_factory=lambda rule: _HALF_A_SECOND if rule.get("critical") and not rule.get("for_") else _EACH_SECOND
    )
    """How often it is evaluated, at multiples of this time. Unless set, twice as often where `critical` is told at once, and
    every 15 s where samples are in a remote store."""
    delay: Duration | None = None
    """How far back it looks, so that late samples count: each evaluation sees the samples as of so long before. Unless set,
    what the store needs: nothing of the embedded one."""
    no_data: Literal["keep", "alert", "breach", "ok"] = "keep"
    """What it means when data stop: `keep` the state, raise an `alert` that says so, take it for a `breach`, or for `ok`. With
    `severity`, only open alerts can be missed: the query leaves out what is good."""
    max_instances: int = Field(default=10_000, ge=1)
    """How many alerts it may have open. More are refused, which an alert `rule error` says; known ones stay."""

    unit: Literal["ratio", "bytes", "seconds", "count", ""] = ""
    """What the value is, so that people read `20.0 %` and not `0.2`."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels added to each alert. They are part of its identity and hold no value that changes."""
    annotations: dict[str, Any] = Field(default_factory=dict)
    """Texts for people. `summary` is a template, or one for each language (`ko`, `en`), with `value`, `threshold`, `labels`."""
    templates: Literal["gwanje", "prometheus"] = "gwanje"
    """How annotations are written: ours, or all of them with Prometheus's `{{ $labels.host }}` and `{{ $value }}`."""

    @field_validator("expr")
    @classmethod
    def _expr(cls, text: str | None) -> str | None:
        return text if text is None else checked_identity(checked_query(text))

    @field_validator("interval")
    @classmethod
    def _interval(cls, interval: timedelta) -> timedelta:
        if interval < SHORTEST_INTERVAL:
            sentence = f"the shortest interval is {format_duration(SHORTEST_INTERVAL)}"
            raise ValueError(Because(sentence, "interval_too_short", seconds=SHORTEST_INTERVAL.total_seconds()))
        return interval

    @field_validator("over")
    @classmethod
    def _over(cls, over: timedelta | None) -> timedelta | None:
        return over if over is None else longer_than_nothing(over)

    @field_validator("by")
    @classmethod
    def _by(cls, by: tuple[str, ...]) -> tuple[str, ...]:
        checked_labels(dict.fromkeys(by, ""))
        return by

    @field_validator("labels")
    @classmethod
    def _labels(cls, labels: dict[str, str]) -> dict[str, str]:
        if "severity" in labels:
            raise ValueError(
                Because("'severity' cannot be a label; leave it to `warning` and `critical`", "severity_is_no_label")
            )
        checked_labels(dict.fromkeys(labels, ""))
        for name, text in labels.items():
            wrong = gotemplate.mistake_in_label(text)
            if wrong:
                raise ValueError(Because(f"label {name!r} holds a template: {wrong}", "label_is_template", name=name))
        return labels

    @model_validator(mode="after")
    def _whole(self) -> Rule:
        if [self.expr, self.ratio, self.metric].count(None) != 2:
            raise ValueError(Because("needs either `expr` or `ratio` or `metric`, and only one of them", "looks_at_one"))
        self._check_conditions()
        self._check_metric()
        self._check_annotations()
        if self.templates == "gwanje":
            checked_labels(self.labels)
        return self

    def _check_conditions(self) -> None:
        if self.severity is not None and (self.warning or self.critical or self.clear or self.expr is None or self.anomaly):
            sentence = "`severity` stands for a condition inside `expr`; leave out `warning`, `critical` and `clear`"
            raise ValueError(Because(sentence, "severity_stands_alone"))
        if not self.conditions:
            raise ValueError(Because("needs `warning` or `critical`, for example critical: '>= 0.95'", "condition_needed"))
        for severity, condition in self.conditions:
            check_clear(severity, condition, self.clear)

    def _check_metric(self) -> None:
        if self.metric is None:
            alone = [name for name in ("where", "by", "over", "percentile", "min_samples") if getattr(self, name)]
            if alone:
                sentence = f"`{alone[0]}` needs `metric`" + (" (or stands inside `ratio`)" if self.ratio else "")
                raise ValueError(Because(sentence, "needs_other", name=alone[0], other="metric"))
            return
        checked_selector(names.selector(names.checked_metric(self.metric), self.where))
        if self.percentile is not None and self.over is None:
            sentence = "`percentile` needs `over`, the time whose values are looked at: '5m'"
            raise ValueError(Because(sentence, "needs_other", name="percentile", other="over"))
        if self.min_samples and self.over is None:
            sentence = "`min_samples` needs `over`, the time in which they are counted"
            raise ValueError(Because(sentence, "needs_other", name="min_samples", other="over"))
        if self.anomaly is not None and self.over is not None:
            raise ValueError(Because("`anomaly` looks at single values; leave out `over`", "anomaly_over"))
        worst_needed = self.condition in {"every", "any"} if self.over else bool(self.by)
        if worst_needed and self.percentile is None and self.anomaly is None and not self.side:
            sentence = "which of several is the worst shows only where all thresholds lie on one side, with `>=` or with `<=`"
            raise ValueError(Because(sentence, "sides_differ"))

    def _check_annotations(self) -> None:
        for name, text in self.annotations.items():
            if name == "summary" and self.templates == "gwanje":
                summary.check(text)
            elif not isinstance(text, str):
                raise ValueError(Because(f"annotation {name!r} must be a text", "not_a_text"))

    @property
    def conditions(self) -> tuple[tuple[Severity, Threshold], ...]:
        """The thresholds, the worst first."""
        if self.severity is not None:
            return ((self.severity, ALWAYS),)
        both = ((Severity.CRITICAL, self.critical), (Severity.WARNING, self.warning))
        return tuple((severity, condition) for severity, condition in both if condition is not None)

    @property
    def expects(self) -> bool:
        """Whether it has a word on what was ok and stopped. A query with its own condition leaves out what is ok."""
        return self.no_data in {"alert", "breach"} and self.severity is None

    @property
    def fixed_labels(self) -> dict[str, str]:
        """Those of its labels that are the same on each alert."""
        return {name: text for name, text in self.labels.items() if text and "{{" not in text}

    def labels_of(self, result: Mapping[str, str]) -> dict[str, str]:
        """The labels of the alert of one result: the result's and the rule's own, whose templates are filled from the former.

        As in Prometheus, a label that is empty, or whose template comes out so, is none, and hides that of the result. A
        `severity` of the result is kept as `exported_severity`.
        """
        own = exported.exported(result, self.labels)
        if len(fixed := self.fixed_labels) == len(self.labels):
            return {**own, **fixed}
        filled = {name: gotemplate.render(text, result, None) for name, text in self.labels.items()}
        return {name: text for name, text in {**own, **filled}.items() if text or name not in filled}

    def given(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Of an alert's labels those that the query gave, by the names that it gave them."""
        return exported.given(labels, self.labels)

    @property
    def value_unit(self) -> str:
        """The unit of what the thresholds compare; a score has none."""
        return "" if self.anomaly else self.unit

    @property
    def side(self) -> Literal["above", "below", ""]:
        """On which side of its thresholds a breach lies; empty where they differ or have none."""
        operators = {condition.operator for _, condition in self.conditions}
        return "above" if operators <= RISING else "below" if operators <= FALLING else ""


def checked_labels(labels: dict[str, str]) -> dict[str, str]:
    """The labels, when they can stand on every series of a rule. Raises ValueError."""
    for name, value in labels.items():
        if name in {"", METRIC}:
            raise ValueError(Because(f"{name!r} cannot be a label; give it another name", "not_a_label", name=name))
        if "{{" in value or "{%" in value:
            sentence = f"label {name!r} holds a template; a label is part of the identity and may not change"
            raise ValueError(Because(sentence, "label_is_template", name=name))
    return labels


def unhurried(rule: Rule) -> Rule:
    """The rule as a remote store is asked: every 15 s, where the rule does not say how often itself."""
    return rule if "interval" in rule.model_fields_set else rule.model_copy(update={"interval": _REMOTE_INTERVAL})
