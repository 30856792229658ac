"""Quantiles and shares of classic histograms: series that differ in `le`, the upper bound of a cumulative bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.notes import Notes
from gwanje.keep.promql.table import Indices, Mask, Numbers, Table, empty, grouped, label, without_name
from gwanje.model import METRIC
from gwanje.wire.columns import Labels

Floats = NDArray[np.float64]

BOUND = "le"
TOLERANCE = 1e-12
"""Buckets that fall by less than this share are rounding, not a broken histogram."""


At = Callable[[Indices, Floats, Floats, str], Floats]
"""What a histogram is worth at some steps: those, its ascending bounds, its counts (buckets by steps), its metric."""


def histogram_quantile(fraction: Numbers, table: Table, notes: Notes) -> Table:
    """The quantile of every group of buckets; series without a readable `le` do not take part."""
    notes.quantile("histogram_quantile", fraction)

    def quantile(steps: Indices, bounds: Floats, counts: Floats, metric: str) -> Floats:
        found, forced = _quantile(fraction[steps], bounds, counts)
        if forced:
            notes.not_rising(metric)
        return found

    return _of_each(table, notes, quantile)


def histogram_fraction(lower: Numbers, upper: Numbers, table: Table, notes: Notes) -> Table:
    """The share of what every group of buckets counted that lies between two numbers, by linear interpolation."""

    def share(steps: Indices, bounds: Floats, counts: Floats, _metric: str) -> Floats:
        return _share(lower[steps], upper[steps], bounds, counts)

    return _of_each(table, notes, share)


def _of_each(table: Table, notes: Notes, at: At) -> Table:
    """One number a step for every group of series that differ in `le` alone."""
    bounds = np.array([_bound(labels) for labels in table.labels])
    held = table.present.any(axis=1)
    for row in np.flatnonzero(np.isnan(bounds) & held).tolist() if len(bounds) else ():
        notes.bucket(label(table.labels[row], BOUND))
    rows = np.flatnonzero(~np.isnan(bounds)) if len(bounds) else np.empty(0, np.int64)
    if not len(rows):
        return empty(table.values.shape[1])
    groups, labels = grouped(_without_bound(table.labels[row]) for row in rows.tolist())
    values = np.zeros((len(labels), table.values.shape[1]))
    present = np.zeros(values.shape, np.bool_)
    for group in range(len(labels)):
        own = rows[groups == group]
        own = own[np.argsort(bounds[own], kind="stable")]
        for steps, held in _alike(table.present[own]):
            chosen = own[held]
            if len(chosen):
                counts = table.values[chosen[:, None], steps]
                values[group, steps] = at(steps, bounds[chosen], counts, label(table.labels[chosen[0]], METRIC))
                present[group, steps] = True
    return Table(labels, values, present, one_metric=True)


def _alike(mask: Mask) -> Iterator[tuple[Indices, Mask]]:
    """The steps at which the same buckets are present, and which those are."""
    if mask.all():
        yield np.arange(mask.shape[1]), mask[:, 0]
        return
    patterns, which = np.unique(mask, axis=1, return_inverse=True)
    for number in range(patterns.shape[1]):
        yield np.flatnonzero(which.ravel() == number), patterns[:, number]


def _quantile(fraction: Numbers, bounds: Floats, counts: Floats) -> tuple[Floats, bool]:
    """The quantile at each step, and if counts had to be mended; `counts` is buckets by steps, bounds ascend."""
    bounds, counts = _merged(bounds, counts)
    forced = False
    if not np.isposinf(bounds[-1]) or len(bounds) < 2:
        found = np.full(counts.shape[1], np.nan)
    else:
        rising = _rising(counts)
        mended = rising - counts > TOLERANCE * np.maximum(np.abs(counts), np.abs(rising))
        forced = bool(mended[:, (fraction >= 0) & (fraction <= 1)].any())
        found = _interpolated(fraction, bounds, rising)
    found = np.where(fraction < 0, -np.inf, np.where(fraction > 1, np.inf, found))
    return np.where(np.isnan(fraction), np.nan, found), forced


def _interpolated(fraction: Numbers, bounds: Floats, counts: Floats) -> Floats:
    total = counts[-1]
    rank = fraction * total
    bucket = np.minimum((counts[:-1] < rank).sum(axis=0), len(bounds) - 1)
    steps = np.arange(len(rank))
    before = np.where(bucket > 0, counts[np.maximum(bucket - 1, 0), steps], 0.0)
    start = np.where(bucket > 0, bounds[np.maximum(bucket - 1, 0)], 0.0)
    end = bounds[bucket]
    with np.errstate(all="ignore"):
        inside = start + (end - start) * ((rank - before) / (counts[bucket, steps] - before))
    inside = np.where((bucket == 0) & (bounds[0] <= 0), bounds[0], inside)
    inside = np.where(bucket == len(bounds) - 1, bounds[-2], inside)
    return np.where((total == 0) | np.isnan(total), np.nan, inside)


def _share(lower: Numbers, upper: Numbers, bounds: Floats, counts: Floats) -> Floats:
    """The share between two numbers at each step; `counts` is buckets by steps, bounds ascend."""
    bounds, counts = _merged(bounds, counts)
    total = counts[-1]
    if not np.isposinf(bounds[-1]):
        return np.full(len(total), np.nan)
    found = (_below(upper, bounds, counts) - _below(lower, bounds, counts)) / total
    found = np.where(lower >= upper, 0.0, found)
    return np.where((total == 0) | np.isnan(lower) | np.isnan(upper), np.nan, found)


def _below(value: Numbers, bounds: Floats, counts: Floats) -> Floats:
    """How much was counted below a value at each step. The first bucket begins at zero; one that ends there counts whole."""
    bucket = np.searchsorted(bounds, value, side="right")
    inside = np.minimum(bucket, len(bounds) - 1)
    steps = np.arange(len(value))
    before = np.where(inside > 0, counts[np.maximum(inside - 1, 0), steps], 0.0)
    first = 0.0 if bounds[0] > 0 else -np.inf
    start = np.where(inside > 0, bounds[np.maximum(inside - 1, 0)], first)
    own = counts[inside, steps]
    between = before + (own - before) * (value - start) / (bounds[inside] - start)
    between = np.where(np.isneginf(start), own, between)
    between = np.where(start >= value, before, between)
    below: Floats = np.minimum(np.where(bucket == len(bounds), counts[-1], between), counts[-1])
    return below


def _merged(bounds: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Buckets whose bounds are the same number (`1` and `1.0`) count together."""
    first = np.flatnonzero(np.concatenate(([True], bounds[1:] != bounds[:-1])))
    if len(first) == len(bounds):
        return bounds, counts
    return bounds[first], np.add.reduceat(counts, first, axis=0)


def _rising(counts: Floats) -> Floats:
    """Cumulative counts never fall; where they do (scraped in between, or rounded) the larger one before holds."""
    highest: Floats = np.fmax.accumulate(counts, axis=0)
    nearly = np.abs(counts - np.roll(highest, 1, axis=0)) <= TOLERANCE * np.maximum(np.abs(counts), np.abs(highest))
    nearly[0] = False
    return np.fmax.accumulate(np.where(nearly, np.roll(highest, 1, axis=0), counts), axis=0)


def _bound(labels: Labels) -> float:
    try:
        return float(label(labels, BOUND))
    except ValueError:
        return np.nan


def _without_bound(labels: Labels) -> Labels:
    return tuple(pair for pair in without_name(labels) if pair[0] != BOUND)
