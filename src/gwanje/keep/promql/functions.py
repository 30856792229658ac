"""The functions by name. A new one is one entry in `FUNCTIONS`.

Most are one of three sorts: `each` changes every value, `over` makes one value of a window, `number` needs no vector.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gwanje.errors import BadQuery
from gwanje.keep.promql import calendar, over_time, rates, trends
from gwanje.keep.promql.histograms import histogram_fraction, histogram_quantile
from gwanje.keep.promql.notes import Notes
from gwanje.keep.promql.plan import Call, Range, Select
from gwanje.keep.promql.regex import replace_full_match
from gwanje.keep.promql.selection import Column, Matcher, Unsupported
from gwanje.keep.promql.table import Numbers, Steps, Table, drop_names, label, one_row, relabelled, with_label
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

NATIVE = frozenset({"histogram_avg", "histogram_count", "histogram_stddev", "histogram_stdvar", "histogram_sum"})
"""Functions that have an answer for native histograms alone."""


def call(asked: Asked) -> Value:
    name = asked.node.function
    function = FUNCTIONS.get(name)
    if function is None:
        why = "reads native histograms, which are not kept" if name in NATIVE else "is experimental in Prometheus"
        raise Unsupported(f"the function {name}() is not supported: it {why}")
    return function(asked)


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


def _count_over_time(asked: Asked) -> Table:
    ranged: Ranged = asked.arguments[0]
    if ranged.found.rolled:
        return drop_names(ranged.reduced(over_time.sum_, "count"))
    return drop_names(ranged.reduced(over_time.count))


def _avg_over_time(asked: Asked) -> Table:
    ranged: Ranged = asked.arguments[0]
    if not ranged.found.rolled:
        return drop_names(ranged.reduced(over_time.mean))
    total, count = ranged.reduced(over_time.sum_, "sum"), ranged.reduced(over_time.sum_, "count")
    return drop_names(replace(total, values=total.values / count.values))


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


def _scalar(asked: Asked) -> Numbers:
    """The value of the only series, NaN at steps where there is none or more than one."""
    table: Table = asked.arguments[0]
    alone = table.present.sum(axis=0) == 1
    if not table.labels:
        return np.full(asked.steps.count, np.nan)
    return np.where(alone, table.values[table.present.argmax(axis=0), np.arange(len(alone))], np.nan)


def _vector(asked: Asked) -> Table:
    return one_row(asked.numbers(0))


def _absent(asked: Asked) -> Table:
    table: Table = asked.arguments[0]
    return _where_absent(asked, np.logical_or.reduce(table.present, axis=0))


def _absent_over_time(asked: Asked) -> Table:
    ranged: Ranged = asked.arguments[0]
    return _where_absent(asked, np.logical_or.reduce(ranged.reduced(over_time.present).present, axis=0))


def _where_absent(asked: Asked, there: NDArray[np.bool_]) -> Table:
    row = one_row(np.ones(len(there)), _labels_asked_for(asked.node))
    return replace(row, present=~there[None, :])


def _labels_asked_for(node: Call) -> Labels:
    """The labels that a selector fixes to one value: what the absent series would have."""
    argument = node.arguments[0]
    select = argument.select if isinstance(argument, Range) else argument
    if not isinstance(select, Select):
        return ()
    named: dict[str, list[Matcher]] = {}
    for matcher in select.matchers:
        named.setdefault(matcher.name, []).append(matcher)
    return tuple(sorted((name, own[-1].value) for name, own in named.items() if _fixes(name, own)))


def _fixes(name: str, own: Sequence[Matcher]) -> bool:
    """Prometheus's own rule: exactly one `=`, and nothing more about the label after it."""
    return name != METRIC and own[-1].op == "=" and sum(matcher.op == "=" for matcher in own) == 1 and bool(own[-1].value)


def _clamp(values: Floats, low: Numbers, high: Numbers) -> Floats:
    return np.maximum(low, np.minimum(high, values))


def _clamped(asked: Asked) -> Table:
    table: Table = asked.arguments[0]
    low, high = asked.numbers(1), asked.numbers(2)
    return drop_names(replace(table, values=_clamp(table.values, low, high), present=table.present & ~(low > high)))


def _round(values: Floats, nearest: Numbers) -> Floats:
    """To the nearest multiple, halves up."""
    inverse = 1.0 / nearest
    return np.floor(values * inverse + 0.5) / inverse


def _quantile_over_time(asked: Asked) -> Table:
    fraction, ranged = asked.numbers(0), asked.arguments[1]
    table = ranged.reduced(lambda window: over_time.quantile(window, fraction))
    asked.notes.quantile("quantile_over_time", fraction[table.present.any(axis=0)])
    return drop_names(table)


def counting(reduce: Callable[..., Result]) -> Function:
    """As `over`, for what is made of counters alone."""

    def apply(asked: Asked) -> Table:
        table = asked.arguments[0].reduced(reduce)
        if table.labels and table.present.any():
            asked.notes.rate(asked.node.function, label(table.labels[0], METRIC))
        return drop_names(table)

    return apply


def _sorted(asked: Asked) -> Table:
    return _in_order(asked, sign=1)


def _sorted_down(asked: Asked) -> Table:
    return _in_order(asked, sign=-1)


def _in_order(asked: Asked, sign: int) -> Table:
    """By the value at the last step, NaN at the end. The order is lost in a range query."""
    table: Table = asked.arguments[0]
    if asked.query.count > 1:
        asked.notes.sorted_range()
    if not table.labels:
        return table
    return table.rows(np.argsort(sign * table.values[:, -1], kind="stable"))


def _by_label(asked: Asked) -> Table:
    return _in_label_order(asked, reverse=False)


def _by_label_down(asked: Asked) -> Table:
    return _in_label_order(asked, reverse=True)


def _in_label_order(asked: Asked, *, reverse: bool) -> Table:
    table: Table = asked.arguments[0]
    if asked.query.count > 1:
        asked.notes.sorted_range()
    names: Sequence[str] = asked.arguments[1:]

    def key(row: int) -> tuple[list[Any], Labels]:
        return [_natural(label(table.labels[row], name)) for name in names], table.labels[row]

    return table.rows(np.array(sorted(range(len(table.labels)), key=key, reverse=reverse), np.int64))


def _natural(text: str) -> list[tuple[int, int, str]]:
    """A key under which `node10` comes after `node9`."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"[0-9]+|[^0-9]+", text)]


def _label_replace(asked: Asked) -> Table:
    table: Table = asked.arguments[0]
    target, template, source, pattern = (str(argument) for argument in asked.arguments[1:5])
    _refuse_label(target, "label_replace")
    texts = replace_full_match(pattern, template, [label(labels, source) for labels in table.labels])
    labels = [own if text is None else with_label(own, target, text) for own, text in zip(table.labels, texts, strict=True)]
    return relabelled(table, labels)


def _label_join(asked: Asked) -> Table:
    table: Table = asked.arguments[0]
    target, separator, *sources = (str(argument) for argument in asked.arguments[1:])
    _refuse_label(target, "label_join")
    texts = [separator.join(label(own, source) for source in sources) for own in table.labels]
    return relabelled(table, [with_label(own, target, text) for own, text in zip(table.labels, texts, strict=True)])


def _refuse_label(name: str, function: str) -> None:
    if not name:
        raise BadQuery(f'invalid destination label name in {function}(): ""')


def _histogram_quantile(asked: Asked) -> Table:
    return histogram_quantile(asked.numbers(0), asked.arguments[1], asked.notes)


def _histogram_fraction(asked: Asked) -> Table:
    return histogram_fraction(asked.numbers(0), asked.numbers(1), asked.arguments[2], asked.notes)


FUNCTIONS: Mapping[str, Function] = {
    "abs": each(np.abs),
    "absent": _absent,
    "absent_over_time": _absent_over_time,
    "acos": each(np.arccos),
    "acosh": each(np.arccosh),
    "asin": each(np.arcsin),
    "asinh": each(np.arcsinh),
    "atan": each(np.arctan),
    "atanh": each(np.arctanh),
    "avg_over_time": _avg_over_time,
    "ceil": each(np.ceil),
    "changes": over(rates.changes),
    "clamp": _clamped,
    "clamp_max": each(np.minimum, np.nan),
    "clamp_min": each(np.maximum, np.nan),
    "cos": each(np.cos),
    "cosh": each(np.cosh),
    "count_over_time": _count_over_time,
    "day_of_month": of_time(calendar.day_of_month),
    "day_of_week": of_time(calendar.day_of_week),
    "day_of_year": of_time(calendar.day_of_year),
    "days_in_month": of_time(calendar.days_in_month),
    "deg": each(np.degrees),
    "delta": over(rates.delta),
    "deriv": over(trends.slope),
    "double_exponential_smoothing": over(trends.smoothed),
    "end": number(lambda asked: asked.query.end_ms / 1000),
    "exp": each(np.exp),
    "first_over_time": over(over_time.first, keeps_name=True),
    "floor": each(np.floor),
    "histogram_fraction": _histogram_fraction,
    "histogram_quantile": _histogram_quantile,
    "hour": of_time(calendar.hour),
    "idelta": over(rates.idelta),
    "increase": counting(rates.increase),
    "irate": over(rates.irate),
    "label_join": _label_join,
    "label_replace": _label_replace,
    "last_over_time": over(over_time.last, keeps_name=True),
    "ln": each(np.log),
    "log10": each(np.log10),
    "log2": each(np.log2),
    "mad_over_time": over(over_time.median_deviation),
    "max_of": number(lambda asked: np.maximum(asked.numbers(0), asked.numbers(1))),
    "max_over_time": over(over_time.maximum, column="max"),
    "min_of": number(lambda asked: np.minimum(asked.numbers(0), asked.numbers(1))),
    "min_over_time": over(over_time.minimum, column="min"),
    "minute": of_time(calendar.minute),
    "month": of_time(calendar.month),
    "pi": number(lambda _: np.pi),
    "predict_linear": over(trends.predicted),
    "present_over_time": over(over_time.present),
    "quantile_over_time": _quantile_over_time,
    "rad": each(np.radians),
    "range": number(lambda asked: (asked.query.end_ms - asked.query.start_ms) / 1000),
    "rate": counting(rates.rate),
    "resets": over(rates.resets),
    "round": each(_round, 1.0),
    "scalar": _scalar,
    "sgn": each(np.sign),
    "sin": each(np.sin),
    "sinh": each(np.sinh),
    "sort": _sorted,
    "sort_by_label": _by_label,
    "sort_by_label_desc": _by_label_down,
    "sort_desc": _sorted_down,
    "sqrt": each(np.sqrt),
    "start": number(lambda asked: asked.query.start_ms / 1000),
    "stddev_over_time": over(over_time.deviation),
    "stdvar_over_time": over(over_time.variance),
    "step": number(lambda asked: asked.query.step_ms / 1000 if asked.query.count > 1 else 0.0),
    "sum_over_time": over(over_time.sum_, column="sum"),
    "tan": each(np.tan),
    "tanh": each(np.tanh),
    "time": number(lambda asked: asked.steps.times / 1000),
    "ts_of_first_over_time": over(over_time.time_of_first),
    "ts_of_last_over_time": over(over_time.time_of_last),
    "ts_of_max_over_time": over(over_time.time_of_maximum),
    "ts_of_min_over_time": over(over_time.time_of_minimum),
    "vector": _vector,
    "year": of_time(calendar.year),
}
