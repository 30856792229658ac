"""What there is to say of an answer beside it: warnings and hints, in Prometheus's words, with their place in the query."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

_COUNTERS: Final = ("_total", "_sum", "_count", "_bucket")
_MOST: Final = 10
"""How many warnings, and how many hints, are said of one query."""


@dataclass(frozen=True, slots=True)
class Notes:
    """Collected while one query is evaluated; each is said once."""

    query: str
    warnings: dict[str, None] = field(default_factory=dict)
    infos: dict[str, None] = field(default_factory=dict)

    def quantile(self, function: str, fraction: NDArray[np.float64]) -> None:
        """A quantile beyond 0 and 1 is infinite, and that of NaN is NaN: hardly what was meant."""
        for value in np.unique(fraction[~((fraction >= 0) & (fraction <= 1))]).tolist():
            said = f"quantile value should be between 0 and 1, got {number_said(value)}"
            self._warn(said, rf"\b{function}\b[^()]*(?:\([^()]*\)\s*)?\([(\s]*")

    def ratio(self, ratio: float, capped: int) -> None:
        """`limit_ratio` takes no more than all series."""
        said = f"ratio value should be between -1 and 1, got {number_said(ratio)}, capping to {capped}"
        self._warn(said, r"\blimit_ratio\b[^()]*(?:\([^()]*\)\s*)?\([(\s]*")

    def rate(self, function: str, metric: str) -> None:
        """Only what counts up has a rate."""
        if metric and not metric.endswith(_COUNTERS):
            said = f'metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "{metric}"'
            self._inform(said, rf"\b{function}\s*\(\s*(?=[(\s]*{re.escape(metric)}\b)|\b{function}\s*\(\s*")

    def bucket(self, bound: str) -> None:
        said = f'bucket label "le" is missing or has a malformed value of "{bound}"'
        self._warn(said, r"\bhistogram_\w+\s*\([^,]*,\s*")

    def not_rising(self, metric: str) -> None:
        said = (
            "input to histogram_quantile needed to be fixed for monotonicity "
            "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) "
            f'for metric name "{metric}"'
        )
        self._inform(said, r"\bhistogram_\w+\s*\([^,]*,\s*")

    def sorted_range(self, function: str) -> None:
        """The series of a range query have their own order."""
        said = "sort is ineffective for range queries since results are always ordered by labels"
        self._warn(said, rf"\b(?={function}\s*\()")

    def said(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Warnings and hints, the first ones, and of how many more there were."""
        return _first(self.warnings, "warning"), _first(self.infos, "info")

    def _warn(self, said: str, before: str) -> None:
        self.warnings[f"PromQL warning: {said}{self._place(before)}"] = None

    def _inform(self, said: str, before: str) -> None:
        self.infos[f"PromQL info: {said}{self._place(before)}"] = None

    def _place(self, before: str) -> str:
        """Line and column of what the note is about, which stands behind a pattern; nothing where that is not found."""
        match = re.search(before, self.query)
        if match is None:
            return ""
        line = self.query.count("\n", 0, match.end()) + 1
        return f" ({line}:{match.end() - self.query.rfind(chr(10), 0, match.end())})"


def number_said(value: float) -> str:
    """A number in the shortest digits, as Prometheus writes it in its notes: `1e+06` from six digits before the point on."""
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else "+Inf" if value > 0 else "-Inf"
    exact = np.format_float_scientific(value, trim="-", exp_digits=2)
    return exact if not 1e-4 <= abs(value) < 1e6 and value else np.format_float_positional(value, trim="-")


def _first(notes: Mapping[str, None], what: str) -> tuple[str, ...]:
    more = len(notes) - _MOST
    return (*list(notes)[:_MOST], *([f"{more} more {what} annotations omitted"] if more > 0 else []))
