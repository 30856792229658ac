"""Evaluate a plan: one value for all steps at once, from the selectors up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np

from gwanje.errors import BadQuery, QueryLimit
from gwanje.keep.promql.aggregations import aggregate
from gwanje.keep.promql.binary import binary
from gwanje.keep.promql.functions import Asked, Value, call
from gwanje.keep.promql.plan import (
    Aggregate,
    AtTime,
    Binary,
    Call,
    Literally,
    Negate,
    Node,
    Number,
    Range,
    Select,
    Subquery,
    fixed,
    plan,
)
from gwanje.keep.promql.selection import Fetch, Limits, Selected
from gwanje.keep.promql.table import Numbers, Steps, Table, at, drop_names
from gwanje.keep.promql.values import Answer, Matrix, Scalar, Text, Vector
from gwanje.keep.promql.windows import Windows, newest, windows
from gwanje.wire.columns import Times

LOOK_BACK_MS = 5 * 60 * 1000
"""How long a sample stands for its series when no newer one came."""
SUBQUERY_STEP_MS = 60 * 1000
"""The step of a subquery that names none."""


def instant(query: str, at_ms: int, fetch: Fetch, limits: Limits | None = None) -> Answer:
    """Answer a query at one instant; a range vector gives its raw samples.

    Raises BadQuery for what does not parse, is not supported or has no answer, QueryLimit for what would touch too much.
    """
    limits = limits or Limits()
    with np.errstate(all="ignore"):  # NaN and Inf are answers
        value = Evaluation(fetch, at(at_ms), limits).value(plan(query, limits.query_length), at(at_ms))
    if isinstance(value, Windows):
        return _raw(value)
    if isinstance(value, Table):
        there = value.rows(value.present[:, 0])
        return Vector(there.labels, np.ascontiguousarray(there.values[:, 0]), at_ms)
    return Text(value, at_ms) if isinstance(value, str) else Scalar(float(value[0]), at_ms)


def range_(  # noqa: PLR0917 -- the order of Prometheus's own API
    query: str, start_ms: int, end_ms: int, step_ms: int, fetch: Fetch, limits: Limits | None = None
) -> Matrix:
    """Answer a query at every step from start to end; series in order of their labels. Raises as `instant` does."""
    limits = limits or Limits()
    if step_ms <= 0:
        raise BadQuery("zero or negative query resolution step widths are not accepted; give a positive step")
    if end_ms < start_ms:
        raise BadQuery("the end of the range is before its start; exchange them")
    steps = Steps(start_ms, end_ms, step_ms)
    if steps.count > limits.steps:
        raise QueryLimit(f"exceeded maximum resolution of {limits.steps:,} points per series; give a larger step")
    with np.errstate(all="ignore"):
        value = Evaluation(fetch, steps, limits).value(plan(query, limits.query_length), steps)
    if isinstance(value, Windows | str):
        what = "string" if isinstance(value, str) else "range vector"
        raise BadQuery(f'invalid expression type "{what}" for range query, must be Scalar or instant Vector')
    if not isinstance(value, Table):
        value = Table([()], value[None, :], np.ones((1, steps.count), np.bool_))
    return _matrix(value, steps)


class Evaluation:
    """One query on its way: what it may still read, and the range that `@ start()` and its like mean."""

    def __init__(self, fetch: Fetch, query: Steps, limits: Limits) -> None:
        self._fetch = fetch
        self._query = query
        self._limits = limits
        self._samples_left = limits.samples

    def value(self, node: Node, steps: Steps) -> Value:
        """The value of an expression at all these steps."""
        if steps.count > 1 and fixed(node) and not isinstance(node, Range | Subquery | Literally):
            once = self._value(node, at(steps.start_ms))
            return _everywhere(once, steps.count)
        return self._value(node, steps)

    def _value(self, node: Node, steps: Steps) -> Value:  # noqa: PLR0911 -- one answer a sort of node
        match node:
            case Number():
                return np.full(steps.count, node.value)
            case Literally():
                return node.text
            case Select():
                return self._newest(node, steps)[0]
            case Range():
                return self._range(node, steps)
            case Subquery():
                return self._subquery(node, steps)
            case Negate():
                return _negated(self.value(node.expression, steps))
            case Binary():
                left, right = self.value(node.left, steps), self.value(node.right, steps)
                return binary(node, cast("Any", left), cast("Any", right))
            case Aggregate():
                return self._aggregate(node, steps)
            case Call():
                return self._call(node, steps)

    def _aggregate(self, node: Aggregate, steps: Steps) -> Table:
        parameter = self.value(node.parameter, steps) if node.parameter is not None else None
        return aggregate(node, cast("Table", self.value(node.expression, steps)), cast("Any", parameter))

    def _call(self, node: Call, steps: Steps) -> Value:
        if node.function == "timestamp" and isinstance(node.arguments[0], Select):
            table, times = self._newest(node.arguments[0], steps)
            return drop_names(replace(table, values=times / 1000))
        if node.function == "timestamp":
            table = cast("Table", self.value(node.arguments[0], steps))
            return drop_names(replace(table, values=np.broadcast_to(steps.times / 1000, table.values.shape)))
        return call(Asked(node, [self.value(argument, steps) for argument in node.arguments], steps, self._query))

    def _newest(self, node: Select, steps: Steps) -> tuple[Table, Times]:
        ends = self._ends(node.at, node.offset_ms, steps)
        selected = self._read(node, int(ends.min()) - LOOK_BACK_MS, int(ends.max()), steps)
        return newest(selected, ends, LOOK_BACK_MS, one_metric=node.one_metric)

    def _range(self, node: Range, steps: Steps) -> Windows:
        ends = self._ends(node.select.at, node.select.offset_ms, steps)
        oldest, newest_end = int(ends.min()), int(ends.max())
        selected = self._read(node.select, oldest - node.range_ms, newest_end, steps)
        same = oldest == newest_end
        return windows(selected, ends, steps.times, node.range_ms, one_metric=node.select.one_metric, exact=same)

    def _subquery(self, node: Subquery, steps: Steps) -> Windows:
        """Evaluate below at multiples of the subquery's step, and take the answers as samples."""
        ends = self._ends(node.at, node.offset_ms, steps)
        step = node.step_ms or SUBQUERY_STEP_MS
        start = (int(ends.min()) - node.range_ms) // step * step + step
        inner = Steps(start, max(start, int(ends.max())), step)
        if inner.count > self._limits.cells:
            raise QueryLimit(f"a subquery has {inner.count:,} steps; give it a larger step")
        table = cast("Table", self.value(node.expression, inner))
        offsets = np.concatenate(([0], np.cumsum(table.present.sum(axis=1))))
        times = np.broadcast_to(inner.times, table.values.shape)[table.present]
        selected = Selected(table.labels, offsets, times, table.values[table.present])
        return windows(selected, ends, steps.times, node.range_ms, one_metric=table.one_metric)

    def _ends(self, fixed_at: AtTime, offset_ms: int, steps: Steps) -> Times:
        times = steps.times
        if fixed_at is not None:
            named = {"start": self._query.start_ms, "end": self._query.end_ms}
            times = np.full(len(times), named[fixed_at] if isinstance(fixed_at, str) else fixed_at)
        return times - offset_ms

    def _read(self, node: Select, start_ms: int, end_ms: int, steps: Steps) -> Selected:
        selected = self._fetch(node.matchers, start_ms, end_ms)
        self._samples_left -= len(selected.times)
        if self._samples_left < 0:
            raise QueryLimit(f"the query reads more than {self._limits.samples:,} samples; select fewer series or less time")
        if len(selected.labels) * steps.count > self._limits.cells:
            raise QueryLimit(
                f"{len(selected.labels):,} series at {steps.count:,} steps are more than {self._limits.cells:,} values; "
                "select fewer series or give a larger step"
            )
        return selected


def _negated(value: Value) -> Value:
    if isinstance(value, Table):
        return drop_names(replace(value, values=-value.values))
    return -cast("Numbers", value)


def _everywhere(value: Value, steps: int) -> Value:
    """The one step's value at all steps."""
    if isinstance(value, Table):
        shape = (len(value.labels), steps)
        return replace(value, values=np.broadcast_to(value.values, shape), present=np.broadcast_to(value.present, shape))
    return np.broadcast_to(cast("Any", value), (steps,))


def _matrix(table: Table, steps: Steps) -> Matrix:
    there = np.flatnonzero(table.present.any(axis=1)).tolist()
    table = table.rows(np.array(sorted(there, key=lambda row: table.labels[row]), np.int64))
    offsets = np.concatenate(([0], np.cumsum(table.present.sum(axis=1))))
    times = np.broadcast_to(steps.times, table.values.shape)[table.present]
    return Matrix(table.labels, offsets, times, table.values[table.present])


def _raw(window: Windows) -> Matrix:
    """The samples of a range vector; series that have none are left out."""
    there = np.flatnonzero(window.lengths[:, 0])
    lengths = window.lengths[there, 0]
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    index = np.repeat(window.first[there, 0] - offsets[:-1], lengths) + np.arange(offsets[-1])
    return Matrix([window.selected.labels[row] for row in there.tolist()], offsets, window.times[index], window.values[index])
