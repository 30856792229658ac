"""Evaluate a plan: one value for all steps at once, from the selectors up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from gwanje.errors import BadQuery, QueryLimit
from gwanje.keep.promql.aggregations import aggregate
from gwanje.keep.promql.binary import binary
from gwanje.keep.promql.calls import Asked, Value
from gwanje.keep.promql.functions import call
from gwanje.keep.promql.info import facts_of
from gwanje.keep.promql.names import Names, names_of
from gwanje.keep.promql.notes import Notes
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
from gwanje.keep.promql.selection import Abandoned, Fetch, Found, Limits, Samples, Selected, Unanswerable, Unsupported
from gwanje.keep.promql.table import Indices, Numbers, Steps, Table, at, drop_names, empty, ranges
from gwanje.keep.promql.values import Answer, Matrix, Scalar, Text, Vector
from gwanje.keep.promql.windows import Ranged, newest, stale
from gwanje.wire.columns import Labels, Times

LOOK_BACK_MS = 5 * 60 * 1000
"""How long a sample stands for its series when no newer one came."""
SUBQUERY_STEP_MS = 60 * 1000
"""The step of a subquery that names none."""
CELL_BYTES = 17
"""A value, its time, and whether it is there."""


Watch = Callable[[], bool]
"""True when nobody waits for the answer any more. Asked from the thread that evaluates."""


def _nobody() -> bool:
    return False


def instant(query: str, at_ms: int, fetch: Fetch, limits: Limits | None = None, watch: Watch = _nobody) -> Answer:
    """Answer a query at one instant; a range vector gives its raw samples.

    `watch` is asked again and again on the way; when it says True, the query ends with Abandoned.

    Raises BadQuery for what does not parse, is not supported or has no answer, QueryLimit for what would touch too much.
    """
    limits = limits or Limits()
    with np.errstate(all="ignore"):  # NaN and Inf are answers
        node = plan(query, limits.query_length)
        notes = Notes(query)
        value = _evaluated(Evaluation(fetch, at(at_ms), limits, watch, notes), node)
        if isinstance(value, Ranged):
            return _raw(value)
    warnings, infos = notes.said()
    if isinstance(value, Table):
        there = value.rows(value.present[:, 0])
        values = np.ascontiguousarray(there.values[:, 0])
        return Vector(there.labels, values, at_ms, warnings=warnings, infos=infos)
    if isinstance(value, str):
        return Text(value, at_ms)
    return Scalar(float(value[0]), at_ms, warnings=warnings, infos=infos)


def range_(  # noqa: PLR0917 -- the order of Prometheus's own API
    query: str, start_ms: int, end_ms: int, step_ms: int, fetch: Fetch, limits: Limits | None = None, watch: Watch = _nobody
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
        node = plan(query, limits.query_length)
        notes = Notes(query)
        value = _evaluated(Evaluation(fetch, steps, limits, watch, notes), node)
    if isinstance(value, Ranged | str):
        what = "string" if isinstance(value, str) else "range vector"
        raise BadQuery(f'invalid expression type "{what}" for range query, must be Scalar or instant Vector')
    if not isinstance(value, Table):
        value = Table([()], value[None, :], np.ones((1, steps.count), np.bool_))
    return _matrix(value, steps, notes)


def _evaluated(evaluation: Evaluation, node: Node) -> Value:
    try:
        return evaluation.value(node, evaluation.query)
    except Unsupported:
        raise
    except BadQuery as error:
        raise Unanswerable(str(error)) from error


class Evaluation:
    """One query on its way: what it may still read, and the range that `@ start()` and its like mean."""

    def __init__(self, fetch: Fetch, query: Steps, limits: Limits, watch: Watch, notes: Notes) -> None:
        self._fetch = fetch
        self._watch = watch
        self._notes = notes
        self.query = query
        self._limits = limits
        self._samples_left = limits.samples
        self._memory_left = limits.memory

    def value(self, node: Node, steps: Steps) -> Value:
        """The value of an expression at all these steps."""
        if steps.count > 1 and fixed(node) and not isinstance(node, Range | Subquery | Literally):
            once = self._value(node, at(steps.start_ms))
            return _everywhere(once, steps.count)
        return self._value(node, steps)

    def _value(self, node: Node, steps: Steps) -> Value:  # noqa: PLR0911 -- one answer a sort of node
        self._go_on()
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
                return binary(node, cast("Any", left), cast("Any", right), self._hold)
            case Aggregate():
                return self._aggregate(node, steps)
            case Call():
                return self._call(node, steps)

    def _aggregate(self, node: Aggregate, steps: Steps) -> Table:
        parameter = self.value(node.parameter, steps) if node.parameter is not None else None
        table = cast("Table", self.value(node.expression, steps))
        return aggregate(node, table, cast("Any", parameter), self._notes, self._hold)

    def _call(self, node: Call, steps: Steps) -> Value:
        if node.function == "timestamp" and isinstance(node.arguments[0], Select):
            table, times = self._newest(node.arguments[0], steps)
            return drop_names(replace(table, values=times / 1000))
        if node.function == "timestamp":
            table = cast("Table", self.value(node.arguments[0], steps))
            return drop_names(replace(table, values=np.broadcast_to(steps.times / 1000, table.values.shape)))
        if node.function == "info":
            facts, times = self._newest(facts_of(node), steps)
            arguments: list[Value] = [self.value(node.arguments[0], steps), replace(facts, values=times.astype(np.float64))]
        else:
            arguments = [self.value(argument, steps) for argument in node.arguments]
        return call(Asked(node, arguments, steps, self.query, self._notes))

    def _newest(self, node: Select, steps: Steps) -> tuple[Table, Times]:
        ends = self._ends(node.at, node.offset_ms, steps)
        found = self._find(node, int(ends[0]) - LOOK_BACK_MS, int(ends[-1]), steps)
        names, shape = found.names, (len(found.names), steps.count)
        if ends[0] == ends[-1]:
            times, values = found.last()
            self._read(len(times))
            present = (times > ends[0] - LOOK_BACK_MS) & ~stale(values)
            column = (np.broadcast_to(own[:, None], shape) for own in (values, present, times))
            values, present, times = column
            return Table(names, values, present, node.one_metric), times
        values, present, times = np.zeros(shape), np.zeros(shape, np.bool_), np.zeros(shape, np.int64)
        for rows, read in found.tiles(steps.count):
            samples = read()
            self._take(samples)
            values[rows], present[rows], times[rows] = newest(samples, ends, LOOK_BACK_MS)
        return Table(names, values, present, node.one_metric), times

    def _range(self, node: Range, steps: Steps) -> Ranged:
        ends = self._ends(node.select.at, node.select.offset_ms, steps)
        found = self._find(node.select, int(ends[0]) - node.range_ms, int(ends[-1]), steps)
        return Ranged(found, ends, steps.times, node.range_ms, node.select.one_metric, self._take)

    def _subquery(self, node: Subquery, steps: Steps) -> Ranged:
        """Evaluate below at multiples of the subquery's step, and take the answers as samples."""
        ends = self._ends(node.at, node.offset_ms, steps)
        step = node.step_ms or SUBQUERY_STEP_MS
        start = (int(ends.min()) - node.range_ms) // step * step + step
        inner = Steps(start, int(ends.max()), step)
        self._hold(1, inner.count)
        table = cast("Table", self.value(node.expression, inner)) if inner.count else empty(0)
        offsets = np.concatenate(([0], np.cumsum(table.present.sum(axis=1))))
        times = np.broadcast_to(inner.times, table.values.shape)[table.present]
        selected = Selected(table.labels, offsets, times, table.values[table.present])
        return Ranged(selected, ends, steps.times, node.range_ms, table.one_metric)

    def _ends(self, fixed_at: AtTime, offset_ms: int, steps: Steps) -> Times:
        """Where the ranges of the steps end; they rise, or are all the same."""
        times = steps.times
        if fixed_at is not None:
            named = {"start": self.query.start_ms, "end": self.query.end_ms}
            times = np.full(len(times), named[fixed_at] if isinstance(fixed_at, str) else fixed_at)
        return times - offset_ms

    def _find(self, node: Select, start_ms: int, end_ms: int, steps: Steps) -> Found:
        found = self._fetch(node.matchers, start_ms, end_ms)
        self._hold(len(found.names), steps.count)
        return found

    def _take(self, samples: Samples) -> None:
        self._go_on()
        self._read(len(samples.values))

    def _hold(self, series: int, steps: int) -> None:
        self._memory_left -= series * steps * CELL_BYTES
        if self._memory_left < 0:
            raise QueryLimit(
                f"{series:,} series at {steps:,} steps are more than the {self._limits.memory >> 20} MiB that one query may take "
                "(setting `query_bytes`); select fewer series or give a larger step"
            )

    def _read(self, samples: int) -> None:
        self._samples_left -= samples
        if self._samples_left < 0:
            raise QueryLimit(
                f"the query reads more than the {self._limits.samples:,} samples that are allowed (setting `query_samples`); "
                "select fewer series or less time"
            )

    def _go_on(self) -> None:
        if self._watch():
            raise Abandoned("the query was ended because nobody waits for its answer")


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


def _matrix(table: Table, steps: Steps, notes: Notes) -> Matrix:
    names = names_of(table.labels)
    order = names.once("order", _in_order)
    counts = table.present.sum(axis=1).take(order)
    there = order[counts > 0]
    labels: Sequence[Labels] = names.once("in order", _ordered)
    if len(there) < len(order):
        labels, counts = [names[row] for row in there.tolist()], counts[counts > 0]
    values = table.values.take(there, 0)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    times = np.empty(values.shape, np.int64)
    times[:] = steps.times
    warnings, infos = notes.said()
    if offsets[-1] == values.size:
        return Matrix(labels, offsets, times.reshape(-1), values.reshape(-1), warnings=warnings, infos=infos)
    present = table.present.take(there, 0)
    return Matrix(labels, offsets, times[present], values[present], warnings=warnings, infos=infos)


def _ordered(labels: Sequence[Labels]) -> Names:
    return Names(sorted(labels))


def _in_order(labels: Sequence[Labels]) -> Indices:
    """The places of the series in order of their labels."""
    return np.array(sorted(range(len(labels)), key=labels.__getitem__), np.int64)


def _raw(ranged: Ranged) -> Matrix:
    """The samples of a range vector; series that have none are left out."""
    every = np.arange(len(ranged.names))
    rows, lengths, times, values = [every[:0]], [np.zeros(1, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    for some, window in ranged.tiles():
        there = np.flatnonzero(window.lengths[:, 0])
        own = window.lengths[there, 0]
        index = ranges(window.first[there, 0], own)
        rows, lengths = [*rows, every[some][there]], [*lengths, own]
        times, values = [*times, window.instants(index)], [*values, window.values[index]]
    order = np.argsort(np.concatenate(rows), kind="stable")
    ends, counts = np.cumsum(np.concatenate(lengths)), np.concatenate(lengths)[1:][order]
    index = ranges(ends[:-1][order], counts)
    labels = [ranged.names[row] for row in np.concatenate(rows)[order].tolist()]
    offsets = np.concatenate(([0], np.cumsum(counts)))
    return Matrix(labels, offsets, np.concatenate(times)[index], np.concatenate(values)[index])
