"""The functions by name. A new one is one entry in `FUNCTIONS`.

Most are one of the sorts of `calls.py`: `each` changes every value, `over` makes one value of a window, `number` needs no vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gwanje.keep.promql import absence, calendar, info, labelling, ordering, over_time, rates, trends
from gwanje.keep.promql.calls import Asked, Floats, Function, Value, counting, each, number, of_time, over
from gwanje.keep.promql.histograms import histogram_fraction, histogram_quantile
from gwanje.keep.promql.selection import Unsupported
from gwanje.keep.promql.table import Numbers, Table, drop_names, one_row
from gwanje.keep.promql.windows import Ranged

NATIVE = frozenset({"histogram_avg", "histogram_count", "histogram_stddev", "histogram_stdvar", "histogram_sum"})
"""Functions that have an answer for native histograms alone."""


def call(asked: Asked) -> Value:
    """What a call is worth. Raises Unsupported for a function that is not kept here."""
    name = asked.node.function
    function = FUNCTIONS.get(name)
    if function is None:
        why = "reads native histograms, which are not kept" if name in NATIVE else "is experimental in Prometheus"
        raise Unsupported(f"the function {name}() is not supported: it {why}")
    return function(asked)


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


def _quantile_over_time(asked: Asked) -> Table:
    fraction, ranged = asked.numbers(0), asked.arguments[1]
    table = ranged.reduced(lambda window: over_time.quantile(window, fraction))
    asked.notes.quantile("quantile_over_time", fraction[table.present.any(axis=0)])
    return drop_names(table)


def _scalar(asked: Asked) -> Numbers:
    """The value of the only series, NaN at steps where there is none or more than one."""
    table: Table = asked.arguments[0]
    alone = table.present.sum(axis=0) == 1
    if not table.labels:
        return np.full(asked.steps.count, np.nan)
    return np.where(alone, table.values[table.present.argmax(axis=0), np.arange(len(alone))], np.nan)


def _vector(asked: Asked) -> Table:
    return one_row(asked.numbers(0))


def _lesser(values: Floats, bound: Numbers) -> Floats:
    """NaN wins over every number, and -Inf over NaN."""
    return np.where(np.isneginf(values) | np.isneginf(bound), -np.inf, np.minimum(values, bound))


def _greater(values: Floats, bound: Numbers) -> Floats:
    """NaN wins over every number, and +Inf over NaN."""
    return np.where(np.isposinf(values) | np.isposinf(bound), np.inf, np.maximum(values, bound))


def _clamped(asked: Asked) -> Table:
    table: Table = asked.arguments[0]
    low, high = asked.numbers(1), asked.numbers(2)
    values = _greater(_lesser(table.values, high), low)
    return drop_names(replace(table, values=values, present=table.present & ~(low > high)))


def _round(values: Floats, nearest: Numbers) -> Floats:
    """To the nearest multiple, halves up."""
    inverse = 1.0 / nearest
    return np.floor(values * inverse + 0.5) / inverse


def _histogram_quantile(asked: Asked) -> Table:
    return histogram_quantile(asked.numbers(0), asked.arguments[1], asked.notes)


def _histogram_fraction(asked: Asked) -> Table:
    return histogram_fraction(asked.numbers(0), asked.numbers(1), asked.arguments[2], asked.notes)


FUNCTIONS: Mapping[str, Function] = {
    "abs": each(np.abs),
    "absent": absence.absent,
    "absent_over_time": absence.absent_over_time,
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
    "clamp_max": each(_lesser, np.nan),
    "clamp_min": each(_greater, np.nan),
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
    "info": info.info,
    "irate": over(rates.irate),
    "label_join": labelling.label_join,
    "label_replace": labelling.label_replace,
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
    "sort": ordering.by_value,
    "sort_by_label": ordering.by_label,
    "sort_by_label_desc": ordering.by_label_down,
    "sort_desc": ordering.by_value_down,
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
