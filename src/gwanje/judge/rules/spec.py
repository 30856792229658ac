"""A rule as it is written: what is looked at, when it is a breach, for how long, and what people are told."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

import promql_parser
from pydantic import Field, GetPydanticSchema, field_validator, model_validator
from pydantic_core import core_schema

from gwanje.config import Duration, Settings, format_duration
from gwanje.errors import BadQuery, QueryLimit
from gwanje.judge.rules import summary
from gwanje.keep.promql import Limits
from gwanje.keep.promql.mistakes import parsed
from gwanje.model import Severity

OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}

_CONDITION: Final = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_AT_ONCE: Final = (None, "0s", "0", 0, timedelta())
_HALF_A_SECOND: Final = timedelta(milliseconds=500)

SHORTEST_INTERVAL: Final = timedelta(milliseconds=250)
"""How often a rule may be evaluated at most."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A condition: an operator and the number it compares with."""

    operator: str
    number: float

    def holds(self, value: float) -> bool:
        return OPERATORS[self.operator](value, self.number)

    def __str__(self) -> str:
        return f"{self.operator} {self.number:g}"


def parse_threshold(text: object) -> Threshold:
    """Read `>= 0.85`. Raises ValueError with what is allowed."""
    if isinstance(text, Threshold):
        return text
    match = _CONDITION.fullmatch(str(text))
    if match is None:
        raise ValueError(
            f"{text!r} is not a condition; write an operator and a number: '>= 0.85' (operators: {', '.join(OPERATORS)})"
        )
    return Threshold(match[1], float(match[2]))


def _threshold_schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
    return core_schema.no_info_plain_validator_function(
        parse_threshold,
        json_schema_input_schema=core_schema.str_schema(),
        serialization=core_schema.to_string_ser_schema(),
    )


Condition = Annotated[Threshold, GetPydanticSchema(_threshold_schema)]
"""An operator and a number, written `>= 0.85`."""


class Ratio(Settings):
    """So many of so many, counted exactly: each increment of the counters inside the window once, nothing extrapolated."""

    failed: str
    """Selector of the counters of what is counted, without a range: `gwanje_fetch_total{outcome="failed"}`."""
    total: str
    """Selector of the counters of everything, what is counted among it."""
    over: Duration
    """The window that is looked at: `15m`."""
    min_samples: int = Field(default=1, ge=1)
    """With fewer than so many in total, the answer is "not enough": it neither fires nor resolves."""
    by: tuple[str, ...] = ()
    """One result for each set of values of these labels; without any, one result of all counters together."""

    @field_validator("failed", "total")
    @classmethod
    def _selector(cls, text: str) -> str:
        if not isinstance(_parsed(text), promql_parser.VectorSelector):
            raise ValueError(  # noqa: TRY004 - pydantic turns only ValueError into a mistake
                f"{text!r} is not a selector; write a metric and its labels: 'gwanje_fetch_total{{outcome=\"failed\"}}'"
            )
        return text

    @field_validator("over")
    @classmethod
    def _over(cls, over: timedelta) -> timedelta:
        if over <= timedelta():
            raise ValueError("the window must be longer than 0s")
        return over


class Rule(Settings):
    """What is looked at, when it is a breach, and what people are told."""

    name: str = Field(min_length=1, max_length=200)
    """Its name, unique among all rules."""
    expr: str | None = None
    """PromQL that gives the value; without a comparison, because that stands in `warning` and `critical`."""
    ratio: Ratio | None = None
    """Instead of `expr`: an exact ratio of counters."""
    warning: Condition | None = None
    """When it is a breach that can wait for the group: `>= 0.85`."""
    critical: Condition | None = None
    """When it is a breach that is told at once: `>= 0.95`."""
    clear: Condition | None = None
    """When it is over: `< 0.80`. Without it, as soon as neither `warning` nor `critical` holds."""
    for_: Duration = Field(default=timedelta(), alias="for")
    """How long every evaluation must be a breach before people are told; `0s` tells at once."""
    clear_for: Duration = timedelta()
    """How long every evaluation must be clear before it is over."""
    interval: Duration = timedelta(seconds=1)
    """How often it is evaluated, at multiples of this time; unless set, twice as often where `critical` is told at once."""
    unit: Literal["ratio", "bytes", "seconds", "count", ""] = ""
    """What the value is, so that people read `20.0 %` and not `0.2`."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels added to each alert. They are part of its identity and hold no value that changes."""
    annotations: dict[str, Any] = Field(default_factory=dict)
    """Texts for people. `summary` is a template, or one for each language (`ko`, `en`), with `value`, `threshold`, `labels`."""
    no_data: Literal["keep"] = "keep"
    """What no data means for a firing alert: `keep`, it stays as it is. Missing data never resolves."""

    @field_validator("expr")
    @classmethod
    def _expr(cls, text: str | None) -> str | None:
        return text if text is None else checked_query(text)

    @field_validator("interval")
    @classmethod
    def _interval(cls, interval: timedelta) -> timedelta:
        if interval < SHORTEST_INTERVAL:
            raise ValueError(f"the shortest interval is {format_duration(SHORTEST_INTERVAL)}")
        return interval

    @field_validator("labels")
    @classmethod
    def _labels(cls, labels: dict[str, str]) -> dict[str, str]:
        if "severity" in labels:
            raise ValueError("'severity' cannot be a label; leave it to `warning` and `critical`")
        return checked_labels(labels)

    @field_validator("annotations")
    @classmethod
    def _annotations(cls, annotations: dict[str, Any]) -> dict[str, Any]:
        for name, text in annotations.items():
            if name == "summary":
                summary.check(text)
            elif not isinstance(text, str):
                raise ValueError(f"annotation {name!r} must be a text")
        return annotations

    @model_validator(mode="before")
    @classmethod
    def _at_once(cls, values: Any) -> Any:
        """A message must be decided a second after its sample: a rule that tells at once looks twice in that time."""
        if not isinstance(values, dict) or "interval" in values or not values.get("critical"):
            return values
        return values if values.get("for") not in _AT_ONCE else {**values, "interval": _HALF_A_SECOND}

    @model_validator(mode="after")
    def _whole(self) -> Rule:
        if (self.expr is None) == (self.ratio is None):
            raise ValueError("needs either `expr` or `ratio`, and not both")
        if not self.conditions:
            raise ValueError("needs `warning` or `critical`, for example critical: '>= 0.95'")
        for severity, condition in self.conditions:
            _hysteresis(severity, condition, self.clear)
        return self

    @property
    def conditions(self) -> tuple[tuple[Severity, Threshold], ...]:
        """The thresholds, the worst first."""
        both = ((Severity.CRITICAL, self.critical), (Severity.WARNING, self.warning))
        return tuple((severity, condition) for severity, condition in both if condition is not None)


def checked_query(text: str) -> str:
    """The text, when it is PromQL. Raises ValueError that says what is wrong with it."""
    _parsed(text)
    return text


def checked_labels(labels: dict[str, str]) -> dict[str, str]:
    """The labels, when they can stand on every series of a rule. Raises ValueError."""
    for name, value in labels.items():
        if not _LABEL.fullmatch(name):
            raise ValueError(f"{name!r} cannot be a label; use letters, digits and _")
        if "{{" in value or "{%" in value:
            raise ValueError(f"label {name!r} holds a template; a label is part of the identity and may not change")
    return labels


def _parsed(text: str) -> promql_parser.Expr:
    try:
        return parsed(text, Limits().query_length)
    except (BadQuery, QueryLimit) as error:
        raise ValueError(f"not valid PromQL: {error}") from error


def _hysteresis(severity: Severity, fire: Threshold, clear: Threshold | None) -> None:
    """A clear condition must lie on the good side: what is clear is never a breach at the same time."""
    if clear is None:
        return
    rising, falling = {">", ">="}, {"<", "<="}
    overlap = fire.holds(clear.number) and clear.holds(clear.number)
    if fire.operator in rising and clear.operator in falling and clear.number <= fire.number and not overlap:
        return
    if fire.operator in falling and clear.operator in rising and clear.number >= fire.number and not overlap:
        return
    raise ValueError(
        f"`clear: {clear}` is on the wrong side of `{severity}: {fire}`; "
        "with '>= 0.85' clear is below it ('< 0.80'), with '<= 10' above it ('> 12')"
    )
