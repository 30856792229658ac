"""PromQL over arrays: parse, plan, evaluate. Pure: the samples come through `fetch`, the time as an argument."""

from __future__ import annotations

from gwanje.keep.promql.evaluate import instant, range_
from gwanje.keep.promql.plan import matchers
from gwanje.keep.promql.selection import Fetch, Limits, Matcher, Selected

__all__ = ["Fetch", "Limits", "Matcher", "Selected", "instant", "matchers", "range_"]
