"""Operators between two scalars, a vector and a scalar, and two vectors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from gwanje.errors import BadQuery
from gwanje.keep.promql.plan import Binary, Matching
from gwanje.keep.promql.table import (
    Hold,
    Indices,
    Mask,
    Numbers,
    Table,
    drop_names,
    group_counts,
    grouped,
    label,
    relabelled,
    with_label,
    without_name,
)
from gwanje.model import METRIC
from gwanje.wire.columns import Labels
from gwanje.wire.names import PLAIN_LABEL

Floats = NDArray[np.float64]

ARITHMETIC: Mapping[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISONS: Mapping[str, Callable[[Floats, Floats], Mask]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}
SETS = frozenset({"and", "or", "unless"})


def binary(node: Binary, left: Table | Numbers, right: Table | Numbers, hold: Hold) -> Table | Numbers:
    """Evaluate one operator. Raises BadQuery where series cannot be matched, and what `hold` raises."""
    if isinstance(left, Table) and isinstance(right, Table):
        return _sets(node, left, right) if node.operator in SETS else _vectors(node, left, right, hold)
    if isinstance(left, Table):
        return _with_scalar(node, left, left.values, cast("Numbers", right))
    if isinstance(right, Table):
        return _with_scalar(node, right, left, right.values)
    return _numbers(node.operator, left, right)


def _numbers(operator: str, left: Floats, right: Floats) -> Floats:
    if operator in COMPARISONS:
        return COMPARISONS[operator](left, right).astype(np.float64)
    return ARITHMETIC[operator](left, right)


def _with_scalar(node: Binary, table: Table, left: Floats, right: Floats) -> Table:
    """A comparison keeps the vector's own value, whichever side it stands on."""
    if node.operator in COMPARISONS and not node.as_bool:
        return replace(table, present=table.present & COMPARISONS[node.operator](left, right))
    return drop_names(replace(table, values=_numbers(node.operator, left, right)))


def _vectors(node: Binary, left: Table, right: Table, hold: Hold) -> Table:
    """Match the series of both sides and apply the operator to every pair that meets at a step."""
    many, one = (right, left) if node.matching.many == "right" else (left, right)
    groups, of_many, of_one = _signatures(node.matching, many, one)
    _refuse_several(many, one, of_one, groups, "left" if node.matching.many == "right" else "right")
    hold(_more_pairs(of_many, of_one, len(groups)), many.values.shape[1])
    row, other = _pairs(of_many, of_one, len(groups))
    present = many.present[row] & one.present[other]
    if node.matching.many == "neither":
        _refuse_many_to_one(many.present[row], present, of_many[row], len(groups))
    labels = [_result_labels(node, many.labels[i], one.labels[j]) for i, j in zip(row.tolist(), other.tolist(), strict=True)]
    own, theirs = many.values[row], one.values[other]
    first, second = (theirs, own) if node.matching.many == "right" else (own, theirs)
    try:
        together = relabelled(Table(labels, np.zeros(present.shape), present), labels)
    except BadQuery as error:
        raise BadQuery("multiple matches for labels: grouping labels must ensure unique matches") from error
    if node.operator in COMPARISONS and not node.as_bool:
        kept = present & COMPARISONS[node.operator](first, second)
        table = Table(labels, first, kept)
    else:
        table = Table(labels, _numbers(node.operator, first, second), present)
    return table if together.labels is labels else relabelled(table, labels)


def _sets(node: Binary, left: Table, right: Table) -> Table:
    groups, of_left, of_right = _signatures(node.matching, left, right)
    if node.operator == "or":
        taken = group_counts(left.present, of_left, len(groups)) > 0
        added = right.present & ~taken[of_right]
        values, present = np.concatenate((left.values, right.values)), np.concatenate((left.present, added))
        labels = [*left.labels, *right.labels]
        return relabelled(Table(labels, values, present), labels)
    there = group_counts(right.present, of_right, len(groups)) > 0
    matched = there[of_left]
    return replace(left, present=left.present & (matched if node.operator == "and" else ~matched))


def _signatures(matching: Matching, left: Table, right: Table) -> tuple[list[Labels], Indices, Indices]:
    """The labels by which series match, and which of them each row of either side has."""
    names = frozenset(matching.labels)
    if matching.on:
        keys = [tuple(pair for pair in own if pair[0] in names) for own in (*left.labels, *right.labels)]
    elif names:
        keys = [
            tuple(pair for pair in own if pair[0] not in names and pair[0] != METRIC) for own in (*left.labels, *right.labels)
        ]
    else:
        keys = [without_name(own) for own in (*left.labels, *right.labels)]
    numbers, groups = grouped(keys)
    return groups, numbers[: len(left.labels)], numbers[len(left.labels) :]


def _more_pairs(of_many: Indices, of_one: Indices, groups: int) -> int:
    """How many more pairs there are than series: many, where series of the one side took turns under one signature."""
    return max(0, int(np.bincount(of_one, minlength=groups)[of_many].sum()) - len(of_many))


def _pairs(of_many: Indices, of_one: Indices, groups: int) -> tuple[Indices, Indices]:
    """Every row of the one side with every row of the other that has the same signature."""
    order = np.argsort(of_one, kind="stable")
    sizes = np.bincount(of_one, minlength=groups)
    starts = np.cumsum(sizes) - sizes
    repeats = sizes[of_many]
    row = np.repeat(np.arange(len(of_many)), repeats)
    inside = np.arange(len(row)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    return row, order[starts[of_many[row]] + inside]


def _refuse_several(many: Table, one: Table, of_one: Indices, groups: list[Labels], side: str) -> None:
    """At steps where there is something to match."""
    several = (group_counts(one.present, of_one, len(groups)) > 1) & many.present.any(axis=0)
    if not several.any():
        return
    group, step = (int(place) for place in np.argwhere(several)[0])
    rows = np.flatnonzero((of_one == group) & one.present[:, step]).tolist()
    found = sorted(_written(one.labels[row]) for row in rows)[:2]
    raise BadQuery(
        f"found duplicate series for the match group {_written(groups[group])} on the {side} hand-side of the operation: "
        f"[{', '.join(found)}];many-to-many matching not allowed: matching labels must be unique on one side"
    )


def _refuse_many_to_one(many: Mask, present: Mask, signature: Indices, groups: int) -> None:
    if (group_counts(present & many, signature, groups) > 1).any():
        raise BadQuery("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")


def _result_labels(node: Binary, many: Labels, one: Labels) -> Labels:
    matching = node.matching
    labels = many if node.operator in COMPARISONS and not node.as_bool else without_name(many)
    if matching.many == "neither":
        if matching.on:
            return tuple(pair for pair in labels if pair[0] in matching.labels)
        return tuple(pair for pair in labels if pair[0] not in matching.labels) if matching.labels else labels
    for name in matching.include:
        labels = with_label(labels, name, label(one, name))
    return labels


def _written(labels: Labels) -> str:
    return "{" + ", ".join(f"{_name(name)}={_quoted(value)}" for name, value in labels) + "}"


def _name(name: str) -> str:
    return name if PLAIN_LABEL.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
