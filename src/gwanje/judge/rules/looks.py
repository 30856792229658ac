"""What a rule can look at beside plain PromQL: an exact ratio, and how far a value is from what is usual."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal

import promql_parser
from pydantic import Field, field_validator

from gwanje.because import Because
from gwanje.config import Duration, Settings
from gwanje.errors import BadQuery, QueryLimit
from gwanje.keep.promql import Limits
from gwanje.keep.promql.mistakes import parsed

Over = Literal["average", "every", "any", "sum"]
"""What a condition over a stretch of time says: the average, every sample, at least one sample, or the sum."""

_POINTS: Final = 100
_SEASONS: Final = 7


def checked_query(text: str) -> str:
    """The text, when it is PromQL. Raises ValueError that says what is wrong with it."""
    tree(text)
    return text


def checked_selector(text: str) -> str:
    """The text, when it is one selector without a range. Raises ValueError."""
    if not isinstance(tree(text), promql_parser.VectorSelector):
        sentence = f"{text!r} is not a selector; write a metric and its labels: 'gwanje_fetch_total{{outcome=\"failed\"}}'"
        wrong = Because(sentence, "not_a_selector", text=text)
        raise ValueError(wrong)  # noqa: TRY004 - pydantic turns only ValueError into a mistake
    return text


def tree(text: str) -> promql_parser.Expr:
    """The parser's tree. Raises ValueError, which pydantic turns into a mistake of the file."""
    try:
        return parsed(text, Limits().query_length)
    except (BadQuery, QueryLimit) as error:
        raise ValueError(Because(f"not valid PromQL: {error}", "not_promql", error=str(error))) from error


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
        return checked_selector(text)

    @field_validator("over")
    @classmethod
    def _over(cls, over: timedelta) -> timedelta:
        return longer_than_nothing(over)


class Anomaly(Settings):
    """How unusual a value is: its distance from earlier points, in their deviations. The thresholds compare this score."""

    method: Literal["zscore", "robust", "seasonal"] = "zscore"
    """`zscore`: mean and deviation; `robust`: median and median deviation, which outliers do not move; `seasonal`: the z-score
    among the values at the same time of earlier seasons."""
    window: int | None = Field(default=None, ge=2, le=10_000)
    """How many earlier points count: 100, or 7 for `seasonal`. Until there are so many, nothing is said."""
    every: Duration | None = None
    """How far apart the points are; unless set, the rule's interval. No shorter than the series is measured."""
    season: Duration = timedelta(days=1)
    """After how long the same is expected again, for `seasonal`."""
    side: Literal["above", "below", "both"] = "both"
    """Which way is unusual: only above, only below (its score then counts as positive), or both."""

    @field_validator("every", "season")
    @classmethod
    def _positive(cls, time: timedelta | None) -> timedelta | None:
        return time if time is None else longer_than_nothing(time)

    @property
    def points(self) -> int:
        """How many earlier points count."""
        return self.window or (_SEASONS if self.method == "seasonal" else _POINTS)


def longer_than_nothing(time: timedelta) -> timedelta:
    """The time. Raises ValueError where it is none."""
    if time <= timedelta():
        raise ValueError(Because("must be longer than 0s", "lasts_nothing"))
    return time
