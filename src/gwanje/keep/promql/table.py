"""The shape between the parts of an expression: series by steps, and which of the cells hold a value.

A cell without a value is not NaN: NaN is a value. Cells that are not present hold anything; nobody reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gwanje.errors import BadQuery
from gwanje.keep.promql.names import Names, names_of
from gwanje.model import METRIC
from gwanje.wire.columns import Labels, Times

Numbers = NDArray[np.float64]
"""A scalar: one number a step."""
Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]
Key = TypeVar("Key", bound=Hashable)
Hold = Callable[[int, int], None]
"""Told of so many series at so many steps before room is taken for them; raises QueryLimit where that is too much."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The instants of one evaluation: from `start_ms` on, `step_ms` apart, up to `end_ms`. An instant query has one."""

    start_ms: int
    end_ms: int
    step_ms: int

    @property
    def count(self) -> int:
        return (self.end_ms - self.start_ms) // self.step_ms + 1 if self.end_ms >= self.start_ms else 0

    @property
    def times(self) -> Times:
        return self.start_ms + self.step_ms * np.arange(self.count, dtype=np.int64)


def at(instant_ms: int) -> Steps:
    """The one step of an instant query."""
    return Steps(instant_ms, instant_ms, 1)


@dataclass(frozen=True, slots=True)
class Table:
    """A vector at every step. No two series have the same labels.

    `one_metric` says that the labels differ even without the metric's name, so that it can be dropped unchecked.
    """

    labels: Sequence[Labels]
    values: NDArray[np.float64]
    present: Mask
    one_metric: bool = False

    def rows(self, chosen: Indices | Mask) -> Table:
        """Only some of the series."""
        if chosen.dtype == np.bool_ and chosen.all():
            return self
        numbers = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        labels = [self.labels[row] for row in numbers.tolist()]
        return replace(self, labels=labels, values=self.values[numbers], present=self.present[numbers])

    def filled(self, fill: float) -> NDArray[np.float64]:
        """The values, with `fill` where there is none."""
        return self.values if self.present.all() else np.where(self.present, self.values, fill)


def empty(steps: int) -> Table:
    return Table([], np.empty((0, steps)), np.empty((0, steps), np.bool_), one_metric=True)


def one_row(numbers: Numbers, labels: Labels = ()) -> Table:
    """A single series that has a value at every step."""
    return Table([labels], numbers[None, :], np.ones((1, len(numbers)), np.bool_), one_metric=True)


def label(labels: Labels, name: str) -> str:
    """The value of a label, empty where there is none."""
    return next((value for key, value in labels if key == name), "")


def with_label(labels: Labels, name: str, value: str) -> Labels:
    """The same labels but for one; an empty value takes it away."""
    rest = [pair for pair in labels if pair[0] != name]
    return tuple(sorted([*rest, (name, value)])) if value else tuple(rest)


def without_name(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != METRIC)


def drop_names(table: Table) -> Table:
    """The table without metric names, as after everything that changes what a value means."""
    labels = names_of(table.labels).once("without name", _without_names)
    return replace(relabelled(table, labels, unique=table.one_metric), one_metric=True)


def _without_names(labels: Sequence[Labels]) -> Names:
    # The name comes first in nearly every series; seeing so without a call halves the time.
    return Names([own[1:] if own and own[0][0] == METRIC else without_name(own) for own in labels])


def differ(labels: Sequence[Labels]) -> bool:
    """True when no two series have the same labels."""
    return names_of(labels).once("differ", lambda rows: len(set(rows)) == len(rows))


def relabelled(table: Table, labels: Sequence[Labels], *, unique: bool = False) -> Table:
    """The table under other labels; series that become the same are joined where they never meet at one step.

    Raises BadQuery where two of them have a value at the same step.
    """
    if unique or differ(labels):
        return replace(table, labels=labels, one_metric=unique)
    groups, members = grouped(labels)
    if (group_counts(table.present, groups, len(members)) > 1).any():
        raise BadQuery("vector cannot contain metrics with the same labelset")
    return joined(table, groups, members)


def joined(table: Table, groups: Indices, labels: Sequence[Labels]) -> Table:
    """One row a group of rows that are never present at the same step."""
    values = np.zeros((len(labels), table.values.shape[1]))
    present = np.zeros(values.shape, np.bool_)
    row, column = np.nonzero(table.present)
    values[groups[row], column] = table.values[row, column]
    present[groups[row], column] = True
    return Table(labels, values, present)


def grouped(keys: Iterable[Key]) -> tuple[Indices, list[Key]]:
    """The group of each key, numbered in order of appearance, and the key of each group."""
    numbers: dict[Key, int] = {}
    groups = np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)
    return groups, list(numbers)


def group_counts(mask: Mask, groups: Indices, count: int) -> Indices:
    """How many rows of each group are set, at each step."""
    counts = np.zeros((count, mask.shape[1]), np.int64)
    if len(groups):
        order = np.argsort(groups, kind="stable")
        ordered = groups[order]
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        counts[ordered[starts]] = np.add.reduceat(mask[order], starts, axis=0, dtype=np.int64)
    return counts


def ranges(starts: Indices, counts: Indices) -> Indices:
    """`starts[0], starts[0]+1, … (counts[0] of them), starts[1], …`."""
    ends = np.cumsum(counts)
    order: Indices = np.repeat(starts - (ends - counts), counts)
    order += np.arange(len(order))
    return order
