"""Aggregation operators: many series to one a group, or some of them, or one for each value.

Series are put in order of their group once; groups of one size are then blocks of (groups, members, steps).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gwanje.errors import BadQuery
from gwanje.keep.promql import sampling
from gwanje.keep.promql.names import names_of
from gwanje.keep.promql.notes import Notes, number_said
from gwanje.keep.promql.over_time import outside_quantile
from gwanje.keep.promql.plan import Aggregate
from gwanje.keep.promql.selection import Unsupported
from gwanje.keep.promql.sums import compensated_mean, compensated_sum
from gwanje.keep.promql.table import Hold, Indices, Mask, Numbers, Table, empty, grouped, with_label
from gwanje.model import METRIC
from gwanje.wire.columns import Labels

Floats = NDArray[np.float64]
Cell = TypeVar("Cell", np.float64, np.bool_)

CELLS_AT_ONCE = 1 << 18
_BEYOND = 2.0**63
"""So many series cannot be asked for."""


def aggregate(node: Aggregate, table: Table, parameter: Numbers | str | None, notes: Notes, hold: Hold) -> Table:
    """Evaluate one aggregation. `parameter` is the number (one a step) or the text that stands before the vector.

    Raises BadQuery for a parameter that cannot be, and what `hold` raises.
    """
    if isinstance(parameter, str):
        return _count_values(node, table, parameter, hold)
    if parameter is not None:
        _check_parameter(node.operator, parameter, notes)
        if node.operator == "quantile":
            notes.quantile("quantile", _extremes(parameter))
            return _reduced(node, table, lambda rows, mask, steps: _quantile(rows, mask, parameter[steps]))
        chosen = _CHOSEN.get(node.operator)
        return chosen(node, table, parameter) if chosen else _unsupported(node)
    reduce = _REDUCED.get(node.operator)
    return _reduced(node, table, reduce) if reduce else _unsupported(node)


def group_labels(node: Aggregate, labels: Labels) -> Labels:
    """The labels that a series' group has."""
    if node.without:
        return tuple(pair for pair in labels if pair[0] not in node.labels and pair[0] != METRIC)
    return tuple(pair for pair in labels if pair[0] in node.labels)


@dataclass(frozen=True, slots=True)
class Groups:
    """Which rows belong together: rows in order of their group, where each group starts, and its labels."""

    of_row: Indices
    order: Indices
    starts: Indices
    sizes: Indices
    labels: list[Labels]


def _groups(node: Aggregate, table: Table) -> Groups:
    return names_of(table.labels).once(("groups", node.without, node.labels), lambda labels: _grouped(node, labels))


def _grouped(node: Aggregate, own: Sequence[Labels]) -> Groups:
    of_row, labels = _without_groups(node, own) if node.without else _by_groups(node, own)
    sizes = np.bincount(of_row, minlength=len(labels))
    return Groups(of_row, np.argsort(of_row, kind="stable"), np.cumsum(sizes) - sizes, sizes, labels)


def _without_groups(node: Aggregate, every: Sequence[Labels]) -> tuple[Indices, list[Labels]]:
    return grouped(group_labels(node, own) for own in every)


def _by_groups(node: Aggregate, every: Sequence[Labels]) -> tuple[Indices, list[Labels]]:
    """Only the values of the labels are compared; the group's labels are put together once."""
    names = sorted(set(node.labels))
    if not names:
        return np.zeros(len(every), np.int64), [()] if every else []
    if len(names) == 1:
        (name,) = names
        of_row, values = grouped([dict(own).get(name, "") for own in every])
        return of_row, [((name, value),) if value else () for value in values]
    of_row, keys = grouped([tuple([get(name, "") for name in names]) for get in (dict(own).get for own in every)])
    return of_row, [tuple((name, value) for name, value in zip(names, key, strict=True) if value) for key in keys]


Reduce = Callable[[Floats, Mask, slice], Floats]
"""From (groups, members, steps) values and presence to (groups, steps)."""


def _reduced(node: Aggregate, table: Table, reduce: Reduce) -> Table:
    groups = _groups(node, table)
    steps = table.values.shape[1]
    if not groups.labels:
        return empty(steps)
    values = np.zeros((len(groups.labels), steps))
    every = bool(table.present.all())
    for chosen, rows, columns in _blocks(groups, steps):
        own = _cells(table.values, rows, columns)
        mask = np.broadcast_to(np.True_, own.shape) if every else _cells(table.present, rows, columns)
        values[chosen, columns] = reduce(own, mask, columns)
    if every:
        present = np.ones(values.shape, np.bool_)
    else:
        present = np.logical_or.reduceat(table.present[groups.order], groups.starts, axis=0)
    return Table(groups.labels, values, present, METRIC not in node.labels)


def _blocks(groups: Groups, steps: int) -> Iterator[tuple[Indices, Indices, slice]]:
    """Groups of one size, the rows of their members, and some of the steps; neighbouring blocks are about as large."""
    for size in np.unique(groups.sizes).tolist():
        alike = np.flatnonzero(groups.sizes == size)
        at_once = max(1, CELLS_AT_ONCE // (size * max(1, steps)))
        for chosen in np.array_split(alike, _ceil(len(alike), at_once)):
            rows = groups.order[groups.starts[chosen, None] + np.arange(size)]
            width = _ceil(steps, _ceil(rows.size * steps, CELLS_AT_ONCE))
            for left in range(0, steps, width):
                yield chosen, rows, slice(left, left + width)


def _ceil(number: int, parts: int) -> int:
    return max(1, -(-number // max(1, parts)))


def _cells(column: NDArray[Cell], rows: Indices, columns: slice) -> NDArray[Cell]:
    """What stands in these rows, groups by members by steps; not copied where they follow each other."""
    every = rows.reshape(-1)
    if (np.diff(every) == 1).all():
        together: NDArray[Cell] = column[every[0] : every[-1] + 1, columns]
        return together.reshape(*rows.shape, -1)
    return column[rows, columns]


def _sum(rows: Floats, mask: Mask, _: slice) -> Floats:
    return compensated_sum(_or(rows, mask, 0.0))


def _mean(rows: Floats, mask: Mask, _: slice) -> Floats:
    return compensated_mean(_or(rows, mask, 0.0), mask.sum(axis=1))


def _minimum(rows: Floats, mask: Mask, _: slice) -> Floats:
    smallest: Floats = np.fmin.reduce(_or(rows, mask, np.nan), axis=1)
    return smallest


def _maximum(rows: Floats, mask: Mask, _: slice) -> Floats:
    largest: Floats = np.fmax.reduce(_or(rows, mask, np.nan), axis=1)
    return largest


def _count(_: Floats, mask: Mask, __: slice) -> Floats:
    counts: Floats = mask.sum(axis=1, dtype=np.float64)
    return counts


def _one(_: Floats, mask: Mask, __: slice) -> Floats:
    held: Floats = np.logical_or.reduce(mask, axis=1).astype(np.float64)
    return held


def _variance(rows: Floats, mask: Mask, _: slice) -> Floats:
    counts = mask.sum(axis=1)
    with np.errstate(all="ignore"):
        centre = compensated_mean(_or(rows, mask, 0.0), counts)[:, None]
        centre = centre + (_or(rows - centre, mask, 0.0).sum(axis=1) / counts)[:, None]
        return compensated_mean(_or((rows - centre) ** 2, mask, 0.0), counts)


def _deviation(rows: Floats, mask: Mask, steps: slice) -> Floats:
    return np.sqrt(_variance(rows, mask, steps))


def _quantile(rows: Floats, mask: Mask, fraction: Numbers) -> Floats:
    """By linear interpolation; NaN counts as smaller than every number."""
    ordered = np.sort(_or(rows, mask, np.nan), axis=1)
    counts = mask.sum(axis=1)
    nans = counts - (~np.isnan(ordered)).sum(axis=1)
    rank = np.where((fraction >= 0) & (fraction <= 1), fraction, 0) * np.maximum(counts - 1, 0)
    lower = np.floor(rank).astype(np.int64)
    upper = np.minimum(lower + 1, np.maximum(counts - 1, 0))
    weight = rank - lower
    with np.errstate(all="ignore"):
        between = _ranked(ordered, lower, nans) * (1 - weight) + _ranked(ordered, upper, nans) * weight
    return outside_quantile(between, fraction)


def _ranked(ordered: Floats, rank: Indices, nans: Indices) -> Floats:
    place = np.maximum(rank - nans, 0)
    return np.where(rank < nans, np.nan, np.take_along_axis(ordered, place[:, None], axis=1)[:, 0])


def _or(values: Floats, mask: Mask, absent: float) -> Floats:
    return values if mask.all() else np.where(mask, values, absent)


def _topk(node: Aggregate, table: Table, wanted: Numbers) -> Table:
    return _best(node, table, wanted, -table.values)


def _bottomk(node: Aggregate, table: Table, wanted: Numbers) -> Table:
    return _best(node, table, wanted, table.values)


def _limitk(node: Aggregate, table: Table, wanted: Numbers) -> Table:
    return _best(node, table, wanted, np.zeros(table.values.shape))


def _limit_ratio(_node: Aggregate, table: Table, ratio: Numbers) -> Table:
    if not table.labels:
        return table
    return replace(table, present=table.present & sampling.chosen(table.labels, ratio))


def _best(node: Aggregate, table: Table, wanted: Numbers, cost: Floats) -> Table:
    """The `wanted` cheapest series of each group, NaN last; in order of group and cost at the last step."""
    if not table.labels:
        return table
    groups = _groups(node, table)
    nan = np.isnan(cost)
    members = np.broadcast_to(groups.of_row[:, None], cost.shape)
    order = np.lexsort((np.where(nan, 0, cost), nan, ~table.present, members), axis=0)
    rank = np.empty(order.shape, np.int64)
    place = np.arange(len(order)) - np.repeat(groups.starts, groups.sizes)
    np.put_along_axis(rank, order, np.broadcast_to(place[:, None], order.shape), axis=0)
    best = replace(table, present=table.present & (rank < np.floor(wanted)))
    last = order[:, -1]
    return best.rows(last[np.logical_or.reduce(best.present, axis=1)[last]])


def _count_values(node: Aggregate, table: Table, name: str, hold: Hold) -> Table:
    if node.operator != "count_values":
        return _unsupported(node)
    if not name:
        raise BadQuery('invalid label name "" in count_values; give a name')
    row, step = np.nonzero(table.present)
    bits = np.ascontiguousarray(table.values[table.present]).view(np.int64)
    distinct, number = np.unique(bits, return_inverse=True)  # 0 and -0 are two texts
    pairs, pair = np.unique(row * max(1, len(distinct)) + number, return_inverse=True)
    hold(len(pairs), table.values.shape[1])
    texts = [number_text(value) for value in distinct.view(np.float64).tolist()]
    owners, values = np.divmod(pairs, max(1, len(distinct)))
    own = [group_labels(node, labels) for labels in table.labels]
    found = zip(owners.tolist(), values.tolist(), strict=True)
    groups, labels = grouped([with_label(own[owner], name, texts[value]) for owner, value in found])
    counts = np.zeros((len(labels), table.values.shape[1]))
    np.add.at(counts, (groups[pair], step), 1)
    return Table(labels, counts, counts > 0)


def number_text(value: float) -> str:
    """A number as Prometheus writes it: the shortest digits that give it back, no exponent."""
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return np.format_float_positional(value, trim="-")


def _extremes(parameter: Numbers) -> Numbers:
    """NaN where it is one of them, the largest, and the smallest below zero: of all others nothing is said."""
    unknown = np.isnan(parameter)
    known = np.append(parameter[~unknown], 0.0)
    return np.append(parameter[unknown][:1], [known.max(), known.min()])


def _check_parameter(operator: str, parameter: Numbers, notes: Notes) -> None:
    """Raises BadQuery for what is no number of series, or no share of them."""
    if operator == "quantile":
        return
    if np.isnan(parameter).any():
        raise BadQuery("Ratio value is NaN" if operator == "limit_ratio" else "Parameter value is NaN")
    least, most = float(parameter.min()), float(parameter.max())
    if operator == "limit_ratio":
        if most > 1:
            notes.ratio(most, 1)
        if least < -1:
            notes.ratio(least, -1)
    elif most >= 1 and (least <= -_BEYOND or most >= _BEYOND):
        beyond, how = (least, "underflows") if least <= -_BEYOND else (most, "overflows")
        raise BadQuery(f"Scalar value {number_said(beyond)} {how} int64")


def _unsupported(node: Aggregate) -> Table:
    raise Unsupported(f"the aggregation {node.operator} is not supported")


_REDUCED: Mapping[str, Reduce] = {
    "sum": _sum,
    "avg": _mean,
    "min": _minimum,
    "max": _maximum,
    "count": _count,
    "group": _one,
    "stddev": _deviation,
    "stdvar": _variance,
}
_CHOSEN: Mapping[str, Callable[[Aggregate, Table, Numbers], Table]] = {
    "topk": _topk,
    "bottomk": _bottomk,
    "limitk": _limitk,
    "limit_ratio": _limit_ratio,
}
