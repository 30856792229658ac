"""The five sorts of metric, each read by one function: gauges, sums, histograms as classic buckets, summaries as quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gwanje.wire.otlp.adding import Histogram
from gwanje.wire.otlp.exponential import SCALES, classic
from gwanje.wire.otlp.owners import list_of_each
from gwanje.wire.otlp.parts import BUCKET, COUNT, INFINITY, QUANTILE, SUM, VALUE, with_bounds
from gwanje.wire.otlp.points import Points, Rows, add

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    """As histograms are, with classic buckets; deltas added up, values below zero refused."""
    points = Points.of("exponential", owners, reading)
    rows, positive = points.rows, points.rows.field("positive")
    delta = _deltas("exponential", points, owners, reading)
    negative = np.diff(rows.field("negative").field("counts").offsets.to_numpy()) > 0
    points.refuse(negative, "exponential histograms with values below zero", reading)
    scales = rows.field("scale").to_numpy()
    points.refuse((scales < SCALES[0]) | (scales > SCALES[-1]), "exponential histograms of an unknown scale", reading)
    has_sum, sums = _valid(rows.field("sum")), _filled(rows.field("sum"))
    points.refuse(delta & ~np.isfinite(sums) & ~points.silent, "deltas that are no finite number", reading)
    starts, all_counts = positive.field("counts").offsets.to_numpy(), positive.field("counts").values.to_numpy()
    reading.make_room(points.sizes(), np.where(points.keep, np.diff(starts).astype(np.int64) + 4, 0))
    offsets, zeros = positive.field("offset").fill_null(0).to_numpy(), rows.field("zeros").to_numpy()
    counts = rows.field("count").to_numpy()
    found: dict[int, Histogram] = {}
    kept = sorted(points.kept(owners), key=lambda point: int(points.times_ns[point]))
    stored = _stored(points, [i for i in kept if delta[i] and not points.silent[i]], reading)
    for i in kept:
        buckets = all_counts[starts[i] : starts[i + 1]].astype(np.float64)
        sent = Histogram(int(scales[i]), int(offsets[i]), buckets, float(zeros[i]), float(counts[i]), float(sums[i]))
        total = _total(points, i, sent, stored, reading) if delta[i] and not points.silent[i] else sent
        if total is not None:
            found[i] = total
    reading.refused[_LATE] += len(points.late)
    _classics(points, found, has_sum, reading)


def _stored(points: Points, deltas: Sequence[int], reading: Reading) -> Mapping[bytes, int]:
    """When the newest stored sample is, in milliseconds, of those of the histograms that are not held."""
    keys = dict.fromkeys(points.key(point, COUNT) for point in deltas)
    return reading.running.stored([key for key in keys if key not in reading.running.histograms], reading.labels_of)


def _total(points: Points, point: int, delta: Histogram, stored: Mapping[bytes, int], reading: Reading) -> Histogram | None:
    """The histogram after a delta; None where there is nothing new to store."""
    key, at_ns = points.key(point, COUNT), int(points.times_ns[point])
    totals = reading.running.histograms
    if key not in totals and stored.get(key, -1) >= at_ns // 1_000_000:
        return None  # sent again after a restart
    total = totals.after(key, at_ns, delta)
    if total is None:
        points.late.add(point)
    return total


def _classics(points: Points, found: Mapping[int, Histogram], has_sum: NDArray[np.bool_], reading: Reading) -> None:
    """Exponential histograms of points as classic buckets, count, and sum where the point has one."""
    buckets = {i: classic(one.scale, one.offset, one.counts, one.zeros) for i, one in found.items()}
    at = np.array(list(found), np.int64)
    reading.make_room(points.sizes()[at], np.array([len(bounds) + 3 for bounds, _ in buckets.values()], np.int64))
    numbers = [i for i, (bounds, _) in buckets.items() for _ in bounds]
    parts = [part for bounds, _ in buckets.values() for part in with_bounds(BUCKET, bounds)]
    add(points, Rows(numbers, parts, np.concatenate([np.empty(0), *(up_to for _, up_to in buckets.values())])), None, reading)
    counts = np.array([one.count for one in found.values()])
    summed = [i for i in found if has_sum[i]]
    for rows in (
        Rows(list(found), [INFINITY] * len(found), counts),
        Rows(list(found), [COUNT] * len(found), counts),
        Rows(summed, [SUM] * len(summed), np.array([found[i].sum for i in summed])),
    ):
        add(points, rows, None, reading)


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
