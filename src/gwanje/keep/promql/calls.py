"""One call of a function, and the sorts that most functions are: what is made of a vector, of windows, of a time, of nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gwanje.keep.promql.names import names_of
from gwanje.keep.promql.notes import Notes
from gwanje.keep.promql.plan import Call
from gwanje.keep.promql.selection import Column
from gwanje.keep.promql.table import Indices, Numbers, Steps, Table, drop_names, grouped, label, one_row
from gwanje.keep.promql.windows import Ranged, Result
from gwanje.model import METRIC
from gwanje.wire.columns import Labels

Floats = NDArray[np.float64]
Value = Table | Numbers | str | Ranged
"""What an expression is worth: a vector, a scalar, a string, a range vector."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: its node, the values of its arguments, the steps it is evaluated at, those of the whole query, and its notes."""

    node: Call
    arguments: Sequence[Any]
    steps: Steps
    query: Steps
    notes: Notes

    def numbers(self, place: int, otherwise: float = np.nan) -> Numbers:
        """A scalar argument, or its default where the call leaves it out."""
        if place < len(self.arguments):
            return cast("Numbers", self.arguments[place])
        return np.full(self.steps.count, otherwise)


Function = Callable[[Asked], Value]
"""Gives what a call is worth."""


def each(change: Callable[..., Floats], *defaults: float) -> Function:
    """Change every value of a vector; the other arguments are scalars, with these defaults."""

    def apply(asked: Asked) -> Table:
        table: Table = asked.arguments[0]
        others = [asked.numbers(place + 1, default) for place, default in enumerate(defaults)]
        return drop_names(replace(table, values=change(table.values, *others)))

    return apply


def over(reduce: Callable[..., Result], *, keeps_name: bool = False, column: Column = "last") -> Function:
    """One value a window. The arguments behind the range vector are scalars.

    `column` is what of a rollup gives the same answer as the samples it stands for.
    """

    def apply(asked: Asked) -> Table:
        ranged: Ranged = asked.arguments[0]
        others = asked.arguments[1:]
        table = ranged.reduced(lambda window: reduce(window, *others), column)
        return table if keeps_name else drop_names(table)

    return apply


def counting(reduce: Callable[..., Result]) -> Function:
    """As `over`, for what is made of counters alone."""

    def apply(asked: Asked) -> Table:
        table: Table = asked.arguments[0].reduced(reduce)
        of_row, metrics = names_of(table.labels).once("metrics", _metrics)
        for number, metric in enumerate(metrics):
            if table.present.any() if len(metrics) == 1 else table.present[of_row == number].any():
                asked.notes.rate(asked.node.function, metric)
        return drop_names(table)

    return apply


def _metrics(labels: Sequence[Labels]) -> tuple[Indices, list[str]]:
    return grouped(label(own, METRIC) for own in labels)


def number(compute: Callable[[Asked], float | Numbers]) -> Function:
    """A scalar."""

    def apply(asked: Asked) -> Numbers:
        return np.broadcast_to(np.asarray(compute(asked), np.float64), (asked.steps.count,))

    return apply


def of_time(part: Callable[[Floats], Floats]) -> Function:
    """A part of the date, of a vector of seconds or of the step itself."""

    def apply(asked: Asked) -> Table:
        if not asked.arguments:
            return one_row(part(asked.steps.times / 1000))
        table: Table = asked.arguments[0]
        return drop_names(replace(table, values=part(table.values)))

    return apply
