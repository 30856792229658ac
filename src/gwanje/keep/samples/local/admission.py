"""Which samples of a batch are taken, and what becomes of the others. Pure: told the time and what the store holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.samples.local.runs import Ids, Rows
from gwanje.wire.columns import Times, Values

NEVER = -(1 << 62)
"""The newest time of a series that has no sample yet."""

Held = Callable[[Ids, Times], tuple[NDArray[np.bool_], Values]]
"""Which of these samples the head holds already, and with which values."""


class Outcome(IntEnum):
    ACCEPTED = 0
    DUPLICATE = 1
    CONFLICT = 2
    REFUSED_SERIES = 3
    TOO_OLD = 4
    TOO_FAR_AHEAD = 5


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which times are taken at this moment."""

    oldest_ms: int
    latest_ms: int
    window_ms: int
    """How much older than its series' newest a sample may be."""


def all_new(rows: Rows, newest_ms: Times, bounds: Bounds, *, ascending: bool) -> bool:
    """True when every sample is plainly newer than its series' newest: the common case, seen in one look.

    `ascending` says that inside the batch each series stands once, or in order of time.
    """
    if not len(rows.times):
        return True
    in_time = bounds.oldest_ms <= int(rows.times.min()) and int(rows.times.max()) <= bounds.latest_ms
    return ascending and in_time and int(rows.series.min()) >= 0 and bool((rows.times > newest_ms[rows.series]).all())


def judge(rows: Rows, newest_ms: Times, newest_values: Values, bounds: Bounds, held: Held) -> NDArray[np.int8]:
    """The outcome of each sample. Rows of refused series have the series -1."""
    outcome = np.zeros(len(rows.times), np.int8)
    outcome[rows.times < bounds.oldest_ms] = Outcome.TOO_OLD
    outcome[rows.times > bounds.latest_ms] = Outcome.TOO_FAR_AHEAD
    outcome[rows.series < 0] = Outcome.REFUSED_SERIES
    left = np.flatnonzero(outcome == Outcome.ACCEPTED)
    order = left[np.lexsort((rows.times[left], rows.series[left]))]
    outcome[order] = _of_sorted(rows.at(order), newest_ms, newest_values, bounds, held)
    return outcome


def _of_sorted(rows: Rows, newest_ms: Times, newest_values: Values, bounds: Bounds, held: Held) -> NDArray[np.int8]:
    series, times, values = rows
    outcome = np.zeros(len(times), np.int8)
    newest = newest_ms[series]
    at_newest = np.flatnonzero(times == newest)
    outcome[at_newest] = _same_time(values[at_newest], newest_values[series[at_newest]])
    outcome[times < newest - bounds.window_ms] = Outcome.TOO_OLD
    late = np.flatnonzero((times < newest) & (outcome == Outcome.ACCEPTED))
    if len(late):
        found, values_there = held(series[late], times[late])
        known = late[found]
        outcome[known] = _same_time(values[known], values_there[found])
    again = np.append(False, (series[1:] == series[:-1]) & (times[1:] == times[:-1]))[: len(times)]
    if again.any():
        first = np.maximum.accumulate(np.where(again, 0, np.arange(len(times))))
        repeated = np.flatnonzero(again & (outcome[first] == Outcome.ACCEPTED))
        outcome[repeated] = _same_time(values[repeated], values[first[repeated]])
    return outcome


def _same_time(values: Values, there: Values) -> NDArray[np.int8]:
    """The first stays: an equal value (a NaN by its bits) changes nothing, another one is a conflict."""
    equal = (values == there) | (values.view(np.int64) == there.view(np.int64))
    return np.where(equal, Outcome.DUPLICATE, Outcome.CONFLICT).astype(np.int8)
