"""What there is to say of an answer beside it: warnings and hints, in Prometheus's words, with their place in the query."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_COUNTERS = ("_total", "_sum", "_count", "_bucket")


@dataclass(frozen=True, slots=True)
class Notes:
    """Collected while one query is evaluated; each is said once."""

    query: str
    warnings: dict[str, None] = field(default_factory=dict)
    infos: dict[str, None] = field(default_factory=dict)

    def quantile(self, function: str, fraction: NDArray[np.float64]) -> None:
        """A quantile beyond 0 and 1 is infinite, and that of NaN is NaN: hardly what was meant."""
        for value in np.unique(fraction[~((fraction >= 0) & (fraction <= 1))]).tolist():
            text = f"{value:g}".replace("nan", "NaN").replace("inf", "Inf")
            self._warn(f"quantile value should be between 0 and 1, got {text}", rf"\b{function}\b[^()]*(?:\([^()]*\)\s*)?\(\s*")

    def rate(self, function: str, metric: str) -> None:
        """Only what counts up has a rate."""
        if metric and not metric.endswith(_COUNTERS):
            said = f'metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "{metric}"'
            self._inform(said, rf"\b{function}\s*\(\s*(?=[(\s]*{re.escape(metric)}\b)|\b{function}\s*\(\s*")

    def bucket(self, metric: str, bound: str) -> None:
        said = f'bucket label "le" is missing or has a malformed value of "{bound}" for metric name "{metric}"'
        self._warn(said, r"\bhistogram_\w+\s*\([^,]*,\s*")

    def not_rising(self, metric: str) -> None:
        said = (
            "input to histogram_quantile needed to be fixed for monotonicity "
            "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) "
            f'for metric name "{metric}"'
        )
        self._inform(said, r"\bhistogram_\w+\s*\([^,]*,\s*")

    def sorted_range(self) -> None:
        """The series of a range query have their own order."""
        self._warn("sort is ineffective for range queries since results are always ordered by labels", r"\bsort\w*\s*\(\s*")

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
