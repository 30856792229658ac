"""A dashboard as it is written: its variables, its panels and what each of them asks."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, field_validator, model_validator

from gwanje.config import Duration, Settings
from gwanje.show.dashboards import expressions
from gwanje.wire import names

Item = TypeVar("Item")
PanelKind = Literal["line", "area", "stat", "gauge", "donut", "bar", "table", "heatmap", "status"]
Unit = Literal[
    "none",
    "ratio",
    "percent",
    "bytes",
    "bytes_per_second",
    "seconds",
    "milliseconds",
    "count",
    "per_second",
    "cores",
    "celsius",
]

OVER_TIME: Final = frozenset({"line", "area", "heatmap"})
"""Kinds whose queries are asked over the time that is shown; those of the others at its end."""

_NAME: Final = r"^[a-zA-Z_][a-zA-Z0-9_]*$"


class Text(Settings):
    """A text for people, in each language; one text alone is for all of them."""

    ko: str = ""
    """In Korean."""
    en: str = ""
    """In English."""


def _both(written: Any) -> Any:
    """One text stands for both languages, and so does the only one that is given."""
    if isinstance(written, str):
        return {"ko": written, "en": written}
    if isinstance(written, dict) and len(written) == 1 and written.keys() <= {"ko", "en"}:
        return dict.fromkeys(("ko", "en"), *written.values())
    return written


Words = Annotated[Text, BeforeValidator(_both, json_schema_input_type=str | Text)]
"""A text in both languages, or one for both."""


class Variable(Settings):
    """What the reader of a dashboard chooses; queries say `$name`."""

    name: str = Field(pattern=_NAME)
    """Its name in queries, without the dollar sign."""
    title: Words = Text()
    """What stands before its choices; the name unless set."""
    metric: str = ""
    """The values to choose from are those of `label` on the series of this metric."""
    label: str = ""
    """The label whose values are chosen from."""
    matchers: str = ""
    """Which series of the metric count: `fstype!="tmpfs"`."""
    options: tuple[str, ...] = ()
    """Instead of a metric: the values themselves."""
    multiple: bool = False
    """Whether several may be chosen; queries then say `label=~"$name"`."""
    all: bool = False
    """Whether "all" may be chosen, which is `.*` in queries; queries then say `label=~"$name"`."""
    default: str = ""
    """What is chosen first: a value; unless set, all where that is allowed, else the first value."""

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name.startswith("__"):
            raise ValueError(f"{name!r} begins with __, which is kept for $__interval and its like; give another name")
        return name

    @model_validator(mode="after")
    def _from_one_place(self) -> Self:
        if bool(self.options) == bool(self.metric):
            raise ValueError("values come from `metric` and `label`, or from `options`: set one of the two")
        if self.metric and not self.label:
            raise ValueError("with `metric` also needs `label`: the label whose values are chosen from")
        if self.metric:
            names.checked_metric(self.metric)
            expressions.check(self.selector)
        if self.options and self.default and self.default not in self.options:
            raise ValueError(f"the default {self.default!r} is not among the options")
        return self

    @property
    def selector(self) -> str:
        """The series whose label is asked for."""
        return names.selector(self.metric, self.matchers)


class Query(Settings):
    """One question of a panel."""

    expr: str = Field(min_length=1)
    """PromQL, with `$name` of variables, `$__interval`, `$__rate_interval` and `$__range`."""
    legend: str = ""
    """What a series is called: text with `{{label}}`; unless set, its labels."""
    instant: bool | None = None
    """Asked at one time rather than over time; unless set, as the panel's kind needs it."""

    @field_validator("expr")
    @classmethod
    def _expr(cls, text: str) -> str:
        return expressions.check(text)


class Threshold(Settings):
    """Where a value begins to be bad."""

    at: float
    """The value."""
    severity: Literal["warning", "critical"]
    """How bad it is from there on."""


class Meaning(Settings):
    """What one value means."""

    value: float
    """The value."""
    text: Words
    """What is shown instead of it."""
    severity: Literal["ok", "warning", "critical", "unknown"] = "ok"
    """How bad it is."""


class Column(Settings):
    """A label that a table shows."""

    label: str = Field(min_length=1)
    """The label."""
    title: Words = Text()
    """What stands above the column; the label unless set."""


class Panel(Settings):
    """One picture of a dashboard."""

    title: Words
    """What it shows."""
    description: Words = Text()
    """What a reader should know about it."""
    kind: PanelKind
    """How it is drawn."""
    width: int = Field(default=6, ge=1, le=12)
    """How many of the twelve columns it takes."""
    height: int = Field(default=3, ge=1, le=12)
    """How many rows of 80 pixels it takes."""
    unit: Unit = "none"
    """What the values are: a `ratio` of 0.2 is shown as 20 %, `bytes` as MiB."""
    decimals: int | None = Field(default=None, ge=0, le=10)
    """How many decimals are shown; unless set, as many as tell values apart."""
    min: float | None = None
    """Where the scale begins; found in the values unless set."""
    max: float | None = None
    """Where the scale ends; found in the values unless set."""
    stacked: bool = False
    """Lines and areas are put on top of each other."""
    queries: tuple[Query, ...]
    """What is asked."""
    thresholds: tuple[Threshold, ...] = ()
    """Where values begin to be bad."""
    above: bool = True
    """Bad is what is above a threshold; `false`: what is below."""
    mappings: tuple[Meaning, ...] = ()
    """What single values mean, for `status` and `stat`."""
    columns: tuple[Column, ...] = ()
    """For `table`: the labels that are shown. Each query's values are one column more, named by its legend."""
    sort: Literal["value", "-value", "label"] = "-value"
    """In which order what has no time is shown: smallest first, largest first, or by name."""
    limit: int = Field(default=20, ge=1, le=1000)
    """How many series are shown at most."""

    @field_validator("queries")
    @classmethod
    def _asks(cls, queries: tuple[Query, ...]) -> tuple[Query, ...]:
        return _not_empty(queries, "a panel asks at least one query: `- {expr: …}`")

    @model_validator(mode="after")
    def _as_the_kind_needs(self) -> Self:
        if self.kind == "heatmap" and len(self.queries) != 1:
            raise ValueError("a heatmap has one query, which gives the buckets of a histogram by `le`")
        if self.columns and self.kind != "table":
            raise ValueError(f"columns are for tables; this is a panel of kind {self.kind!r}")
        if self.mappings and self.kind not in {"status", "stat"}:
            raise ValueError(f"mappings are for status and stat; this is a panel of kind {self.kind!r}")
        return self

    def instant(self, query: Query) -> bool:
        """Whether one of its queries is asked at one time."""
        return self.kind not in OVER_TIME if query.instant is None else query.instant


def _not_empty(found: tuple[Item, ...], otherwise: str) -> tuple[Item, ...]:
    """The items, when there are any. A bound of the field would be a mistake more wherever an item has one."""
    if not found:
        raise ValueError(otherwise)
    return found


class Dashboard(Settings):
    """One file of `dashboards/` is one dashboard, named by its file."""

    title: Words
    """What it is called."""
    description: Words = Text()
    """What it is for."""
    tags: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Words to find it by."""
    span: Duration = timedelta(hours=1)
    """How much time it shows at first."""
    refresh: Duration = timedelta(seconds=10)
    """How often it asks again."""
    variables: tuple[Variable, ...] = ()
    """What its reader can choose."""
    panels: tuple[Panel, ...]
    """The panels, laid out from left to right in twelve columns."""

    @field_validator("span", "refresh")
    @classmethod
    def _long_enough(cls, duration: timedelta) -> timedelta:
        if duration < timedelta(seconds=1):
            raise ValueError("must be at least 1s")
        return duration

    @field_validator("panels")
    @classmethod
    def _shows(cls, panels: tuple[Panel, ...]) -> tuple[Panel, ...]:
        return _not_empty(panels, "a dashboard has at least one panel: `- {title: …, kind: line, queries: [{expr: …}]}`")
