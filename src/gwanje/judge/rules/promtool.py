"""Tests of rules in promtool's format: which samples there are, which alerts must fire then, what queries must answer.

The format is that of Prometheus's documentation, configuration/unit_testing_rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from gwanje.config import Duration, Settings
from gwanje.errors import BadInput
from gwanje.keep.promql.conformance import read
from gwanje.keep.promql.conformance.script import Load, Series
from gwanje.wire.columns import Labels

_MINUTE: Final = timedelta(minutes=1)


def _since_the_start(value: object) -> object:
    return str(value) if isinstance(value, int) else value


Moment = Annotated[Duration, BeforeValidator(_since_the_start)]
"""A time since the start of the test; a bare 0 is the start."""


class InputSeries(Settings):
    """One series and its values, one each interval: `1+1x10 _ stale`."""

    series: str
    values: str

    def written(self) -> Series:
        """Labels and values. Raises BadInput."""
        return _series(self.series, " ".join(self.values.split()))


class ExpectedAlert(Settings):
    """An alert that must fire, with every label and annotation but its name."""

    exp_labels: dict[str, str] = Field(default_factory=dict)
    exp_annotations: dict[str, str] = Field(default_factory=dict)


class AlertTest(Settings):
    """Which alerts of one rule fire at one time: those that are named, and no other."""

    eval_time: Moment
    alertname: str
    exp_alerts: list[ExpectedAlert] | None = None


class ExpectedSample(Settings):
    """A series that a query must answer with, and its value."""

    labels: str = "{}"
    value: float

    def key(self) -> Labels:
        """Its labels. Raises BadInput."""
        return _series(self.labels or "{}", "0").labels


class QueryTest(Settings):
    """What a query answers at one time."""

    expr: str
    eval_time: Moment = timedelta()
    exp_samples: list[ExpectedSample] | None = None


class Case(Settings):
    """One story: its samples and what must come of them."""

    name: str = ""
    interval: Duration | None = None
    input_series: list[InputSeries] = Field(default_factory=list)
    alert_rule_test: list[AlertTest] = Field(default_factory=list)
    promql_expr_test: list[QueryTest] = Field(default_factory=list)
    external_labels: dict[str, str] = Field(default_factory=dict)
    external_url: str = ""

    def until(self) -> timedelta:
        """The last time that is looked at."""
        return max(
            *(one.eval_time for one in self.alert_rule_test),
            *(one.eval_time for one in self.promql_expr_test),
            timedelta(),
            timedelta(),
        )


class Tests(Settings):
    """A file of tests."""

    rule_files: list[str] = Field(default_factory=list)
    evaluation_interval: Annotated[Duration, Field(gt=timedelta())] = _MINUTE
    group_eval_order: list[str] = Field(default_factory=list)
    fuzzy_compare: bool = False
    tests: list[Case]

    def interval(self, case: Case) -> timedelta:
        """How far apart the values of a case's series are."""
        return case.interval or self.evaluation_interval


def samples(case: Case, every: timedelta) -> Iterator[tuple[Labels, Mapping[int, float]]]:
    """Each series of a case with its samples by time in ms since the start. Raises BadInput for a series it cannot read."""
    step = every // timedelta(milliseconds=1)
    for one in case.input_series:
        series = one.written()
        yield series.labels, {place * step: value for place, value in enumerate(series.values) if value is not None}


def said(labels: Mapping[str, Any]) -> str:
    """Labels as people read them: `{host="web-1"}`."""
    return "{" + ", ".join(f'{name}="{text}"' for name, text in sorted(labels.items())) + "}"


def _series(labels: str, values: str) -> Series:
    """A series in promqltest's notation, which is promtool's."""
    commands: Sequence[Any] = list(read(f"load 1m\n  {labels.strip()} {values}\n"))
    found = commands[0].series if commands and isinstance(commands[0], Load) else ()
    if len(found) != 1 or found[0].histogram:
        raise BadInput(f"{labels} {values}: cannot be read as one series of numbers; native histograms are not kept here")
    series: Series = found[0]
    return series
