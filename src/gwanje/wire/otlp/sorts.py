"""The five sorts of metric, each read by one function: gauges, sums, histograms as classic buckets, summaries as quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gwanje.wire.otlp.exponential import SCALES, classic
from gwanje.wire.otlp.owners import list_of_each
from gwanje.wire.otlp.parts import BUCKET, COUNT, INFINITY, QUANTILE, SUM, VALUE, with_bounds
from gwanje.wire.otlp.points import Points, Rows, add

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gwanje.wire.otlp.owners import Owners
    from gwanje.wire.otlp.points import Reading

_DELTA, _CUMULATIVE = 1, 2
_LATE = "deltas that came after later ones"


def gauges(owners: Owners, reading: Reading) -> None:
    """Each value as it is."""
    points = Points.of("gauge", owners, reading)
    _numbers(points, None, owners, reading)


def sums(owners: Owners, reading: Reading) -> None:
    """Each value as it is, deltas added up."""
    points = Points.of("sum", owners, reading)
    _numbers(points, _deltas("sum", points, owners, reading), owners, reading)
    reading.refused[_LATE] += len(points.late)


def histograms(owners: Owners, reading: Reading) -> None:
    """Buckets with the count up to their bounds, the count, and the sum; deltas added up."""
    points = Points.of("histogram", owners, reading)
    delta = _deltas("histogram", points, owners, reading)
    rows = points.rows
    sums = rows.field("sum")
    points.refuse(
        delta & _valid(sums) & ~np.isfinite(_filled(sums)) & ~points.silent, "deltas that are no finite number", reading
    )
    reading.make_room(points.sizes(), np.diff(rows.field("bounds").offsets.to_numpy()).astype(np.int64) + 3)
    buckets, sound = _buckets(rows)
    points.refuse(~sound, "histograms whose bounds do not rise, or do not fit their buckets", reading)
    kept = points.kept(owners)
    chosen = points.keep[np.array(buckets.points, np.int64)]
    owners_of_buckets = np.array(buckets.points, np.int64)[chosen].tolist()
    bounds = [part for part, stays in zip(buckets.parts, chosen.tolist(), strict=True) if stays]
    add(points, Rows(owners_of_buckets, bounds, buckets.values[chosen]), delta, reading)
    _totals(points, kept, delta, reading)
    reading.refused[_LATE] += len(points.late)


def summaries(owners: Owners, reading: Reading) -> None:
    """Quantiles, the count, and the sum."""
    points = Points.of("summary", owners, reading)
    rows, quantiles = points.rows, points.rows.field("quantiles")
    owner = list_of_each(quantiles)
    reading.make_room(points.sizes(), np.diff(quantiles.offsets.to_numpy()).astype(np.int64) + 2)
    kept = points.kept(owners)
    parts = with_bounds(QUANTILE, quantiles.values.field("quantile").to_numpy())
    for found in (
        Rows(owner.tolist(), parts, quantiles.values.field("value").to_numpy()),
        Rows(kept, [COUNT] * len(kept), rows.field("count").to_numpy()),
        Rows(kept, [SUM] * len(kept), rows.field("sum").to_numpy()),
    ):
        add(points, found, None, reading)


def exponentials(owners: Owners, reading: Reading) -> None:
    """As histograms are, with classic buckets; deltas and values below zero are refused."""
    points = Points.of("exponential", owners, reading)
    rows, positive = points.rows, points.rows.field("positive")
    delta = _deltas("exponential", points, owners, reading)
    points.refuse(delta, "exponential histograms as deltas; send cumulative ones, or explicit bounds", reading)
    negative = np.diff(rows.field("negative").field("counts").offsets.to_numpy()) > 0
    points.refuse(negative, "exponential histograms with values below zero", reading)
    scales = rows.field("scale").to_numpy()
    points.refuse((scales < SCALES[0]) | (scales > SCALES[-1]), "exponential histograms of an unknown scale", reading)
    starts, all_counts = positive.field("counts").offsets.to_numpy(), positive.field("counts").values.to_numpy()
    reading.make_room(points.sizes(), np.where(points.keep, np.diff(starts).astype(np.int64) + 4, 0))
    kept = points.kept(owners)
    offsets, zeros = positive.field("offset").fill_null(0).to_numpy(), rows.field("zeros").to_numpy()
    numbers, parts, values = list[int](), list[bytes](), [np.empty(0)]
    for i in kept:
        bounds, up_to = classic(int(scales[i]), int(offsets[i]), all_counts[starts[i] : starts[i + 1]], int(zeros[i]))
        numbers += [i] * len(bounds)
        parts += with_bounds(BUCKET, bounds)
        values.append(up_to)
    add(points, Rows(numbers, parts, np.concatenate(values)), None, reading)
    _totals(points, kept, None, reading)


def _numbers(points: Points, delta: NDArray[np.bool_] | None, owners: Owners, reading: Reading) -> None:
    whole, decimal = points.rows.field("as_int"), points.rows.field("as_double")
    is_whole, is_decimal = _valid(whole), _valid(decimal)
    points.refuse(~is_whole & ~is_decimal & ~points.silent, "points without a value", reading)
    values = np.where(is_whole, _filled(whole), _filled(decimal))
    if delta is not None:
        points.refuse(delta & ~np.isfinite(values) & ~points.silent, "deltas that are no finite number", reading)
    kept = points.kept(owners)
    reading.make_room(points.sizes(), points.keep.astype(np.int64))
    add(points, Rows(kept, [VALUE] * len(kept), values[kept]), delta, reading)


def _deltas(sort: str, points: Points, owners: Owners, reading: Reading) -> NDArray[np.bool_]:
    """Which points are differences; those that do not say it are refused."""
    temporality = owners.metrics.field(sort).field("temporality").fill_null(0).to_numpy()[points.owner]
    unknown = (temporality != _DELTA) & (temporality != _CUMULATIVE)
    points.refuse(unknown, "points that are neither delta nor cumulative", reading)
    delta: NDArray[np.bool_] = temporality == _DELTA
    return delta


def _totals(points: Points, kept: list[int], delta: NDArray[np.bool_] | None, reading: Reading) -> None:
    """The last bucket, the count, and the sum where there is one."""
    sums, counts = points.rows.field("sum"), points.rows.field("count").to_numpy()
    with_sum = np.flatnonzero(points.keep & _valid(sums))
    for found in (
        Rows(kept, [INFINITY] * len(kept), counts[kept]),
        Rows(kept, [COUNT] * len(kept), counts[kept]),
        Rows(with_sum.tolist(), [SUM] * len(with_sum), _filled(sums)[with_sum]),
    ):
        add(points, found, delta, reading)


def _buckets(rows: Any) -> tuple[Rows, NDArray[np.bool_]]:
    """Every bucket but the last with the count up to its bound, and which points are sound."""
    counts, bounds = rows.field("buckets"), rows.field("bounds")
    count_starts, bound_starts = (lists.offsets.to_numpy().astype(np.int64) for lists in (counts, bounds))
    how_many, limits = np.diff(count_starts), bounds.values.to_numpy()
    per_point = np.diff(bound_starts)
    sound = (how_many == per_point + 1) | ((how_many == 0) & (per_point == 0))
    owner = np.repeat(np.arange(len(rows)), per_point)
    bad = ~np.isfinite(limits)
    if len(limits):
        # NaN compares false, so that it is not taken for rising.
        bad[1:] |= ~(limits[1:] > limits[:-1]) & (owner[1:] == owner[:-1])
    sound[owner[bad]] = False
    up_to = np.concatenate((np.zeros(1, np.uint64), np.cumsum(counts.values.to_numpy())))
    firsts = count_starts[:-1][owner]
    places = firsts + np.arange(len(limits)) - bound_starts[:-1][owner] + 1
    values = up_to[np.minimum(places, len(up_to) - 1)] - up_to[firsts]
    return Rows(owner.tolist(), with_bounds(BUCKET, limits), values.astype(np.float64)), sound


def _valid(column: Any) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = column.is_valid().to_numpy(zero_copy_only=False)
    return found


def _filled(column: Any) -> NDArray[np.float64]:
    found: NDArray[np.float64] = column.fill_null(0).to_numpy().astype(np.float64)
    return found
