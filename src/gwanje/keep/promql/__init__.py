"""PromQL over arrays: parse, plan, evaluate. Pure: the samples come through `fetch`, the time as an argument."""

from __future__ import annotations

from gwanje.keep.promql.evaluate import Watch, instant, range_
from gwanje.keep.promql.plan import light, matchers
from gwanje.keep.promql.selection import Abandoned, Fetch, Found, Limits, Matcher, Selected, Unanswerable

__all__ = [
    "Abandoned",
    "Fetch",
    "Found",
    "Limits",
    "Matcher",
    "Selected",
    "Unanswerable",
    "Watch",
    "instant",
    "light",
    "matchers",
    "range_",
]
