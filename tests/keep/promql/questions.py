"""Questions made at random from the whole grammar: scalars, vectors and range vectors, put together where each fits.

Some make no sense on purpose: what Prometheus refuses must be refused here, too. Left out is what has no one answer: which of
equal values is the highest, which series `limitk` takes, the hour of NaN, the last digit of a sine as a label.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

SELECTORS: Final = (
    "c_total",
    'c_total{host="a"}',
    'c_total{host=~"a|c", code!="404"}',
    "g",
    'g{host!="b"}',
    'g{code=~"[24].*"}',
    'g{nosuch=""}',
    "odd",
    'odd{kind!~"n.*"}',
    '{__name__=~"g|odd"}',
    '{"dotted.name"}',
    '{"dotted.name", "the host"="a"}',
    "ended",
    "nosuch",
    "h_bucket",
    "other",
)
RANGES: Final = ("17s", "47s", "1m30s", "3m", "12m", "1h")
DURATIONS: Final = ("13s", "1m", "4m30s", "20m", "-2m", "-45s")
INSTANTS: Final = ("start()", "end()", "1700000900.5", "1700001200")
STEPS: Final = ("", "37s", "1m", "2m30s")
OVER: Final = (
    "rate", "increase", "irate", "delta", "idelta", "deriv", "changes", "resets", "avg_over_time", "sum_over_time",
    "min_over_time", "max_over_time", "count_over_time", "last_over_time", "first_over_time", "stddev_over_time",
    "stdvar_over_time", "present_over_time", "absent_over_time", "mad_over_time", "ts_of_max_over_time",
    "ts_of_min_over_time", "ts_of_first_over_time", "ts_of_last_over_time",
)  # fmt: skip
EACH: Final = (
    "abs", "absent", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "deg", "exp", "floor",
    "ln", "log10", "log2", "rad", "round", "sgn", "sin", "sinh", "sort", "sort_desc", "sqrt", "tan", "tanh", "timestamp",
    "-", "+",
)  # fmt: skip
CALENDAR: Final = ("day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year")
REDUCING: Final = ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")
DIFFERENT: Final = ("c_total", "g", 'g{host!="b"}', "timestamp(c_total)", "nosuch")
"""Vectors whose values all differ."""
GROUPINGS: Final = (
    "",
    "by (host)",
    "without (code)",
    "by (code, nosuch)",
    "without ()",
    "by ()",
    'by ("the host")',
    "by (__name__)",
)
ARITHMETIC: Final = ("+", "-", "*", "/", "%", "^", "atan2")
COMPARING: Final = ("==", "!=", ">", "<", ">=", "<=")
SETS: Final = ("and", "or", "unless")
MATCHINGS: Final = (
    "on (host)",
    "on (host, code)",
    "on ()",
    "ignoring (code)",
    "ignoring (host, code, kind, le)",
    'on ("the host")',
)
WIDENING: Final = ("group_left ()", "group_right ()", "group_left (code)", "group_right (kind)", "group_right (host)")
NUMBERS: Final = ("0", "1", "2", "-1", "0.3", "1.5", "-0.5", "NaN", "Inf", "-Inf", "1e3", "0x1F", "5m", "1e-300")
REWRITES: Final = (
    '"to", "$1-x", "host", "(.)"',
    '"host", "", "host", ".*"',
    '"to", "${2}$1", "code", "(.)(.)."',
    '"to", "$nosuch", "code", "4(.*)"',
    '"__name__", "$1", "host", "(.+)"',
    '"code", "same", "code", ".*"',
    '"to", "x", "nosuch", ""',
    '"a.b", "$1", "host", "(.*)"',
)
JOINS: Final = ('"to", "-", "host", "code"', '"host", ",", "code"', '"to", "", "nosuch"', '"to", "/", "__name__", "host"')


class Questions:
    """Makes questions, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 -- the same questions each time

    def some(self, count: int, depth: int = 3) -> list[str]:
        """That many questions, most of them for vectors."""
        return [self._scalar(depth) if self._once_in(12) else self._vector(depth) for _ in range(count)]

    def _of(self, words: Sequence[str]) -> str:
        return self._random.choice(words)

    def _once_in(self, many: int) -> bool:
        return self._random.randrange(many) == 0

    def _placed(self) -> str:
        """Offset and `@`, in either order, or none."""
        found = [f"offset {self._of(DURATIONS)}"] * self._once_in(4) + [f"@ {self._of(INSTANTS)}"] * self._once_in(6)
        self._random.shuffle(found)
        return "".join(f" {one}" for one in found)

    def _scalar(self, depth: int) -> str:
        match self._random.randrange(9) if depth else 0:
            case 0 | 1 | 2:
                return self._of(NUMBERS)
            case 3:
                return self._of(("time()", "pi()"))
            case 4 | 5:
                return f"scalar({self._vector(depth - 1)})"
            case 6:
                return f"-{self._scalar(depth - 1)}"
            case 7:
                return f"({self._scalar(depth - 1)} {self._of(COMPARING)} bool {self._scalar(depth - 1)})"
            case _:
                return f"({self._scalar(depth - 1)} {self._of(ARITHMETIC)} {self._scalar(depth - 1)})"

    def _vector(self, depth: int) -> str:
        sorts = (self._selector, self._over, self._each, self._with_arguments, self._aggregation, self._binary)
        sort = self._random.choices(sorts, weights=(2, 4, 4, 4, 4, 4) if depth else (3, 1, 0, 0, 0, 0))[0]
        return sort(max(0, depth - 1))

    def _selector(self, _depth: int) -> str:
        return self._of(SELECTORS) + self._placed()

    def _range(self, depth: int) -> str:
        if depth and self._once_in(3):
            return f"({self._vector(depth - 1)})[{self._of(RANGES)}:{self._of(STEPS)}]{self._placed()}"
        return f"{self._of(SELECTORS)}[{self._of(RANGES)}]{self._placed()}"

    def _over(self, depth: int) -> str:
        return f"{self._of(OVER)}({self._range(depth)})"

    def _each(self, depth: int) -> str:
        return f"{self._of(EACH)}({self._vector(depth)})"

    def _with_arguments(self, depth: int) -> str:
        vector, number, other = self._vector(depth), self._scalar(min(1, depth)), self._scalar(min(1, depth))
        shapes = (
            lambda: f"clamp({vector}, {number}, {other})",
            lambda: f"clamp_min({vector}, {number})",
            lambda: f"clamp_max({vector}, {number})",
            lambda: f"round({vector}, {number})",
            lambda: f"vector({number})",
            lambda: f"{self._of(CALENDAR)}({self._of(DIFFERENT)} * 1234567.8)",
            lambda: f"label_replace({vector}, {self._of(REWRITES)})",
            lambda: f"label_join({vector}, {self._of(JOINS)})",
            lambda: f'sort_by_label({vector}, "host", "code")',
            lambda: f"quantile_over_time({number}, {self._range(depth)})",
            lambda: f"predict_linear({self._range(depth)}, {number})",
            lambda: f"double_exponential_smoothing({self._range(depth)}, {self._of(('0.3', '0.9'))}, {self._of(('0.2', '0.6'))})",
            lambda: f"histogram_quantile({number}, {self._buckets(depth)})",
            lambda: f"histogram_fraction({number}, {other}, {self._buckets(depth)})",
        )
        return self._random.choice(shapes)()

    def _buckets(self, depth: int) -> str:
        plain = (
            "h_bucket",
            f"rate(h_bucket[{self._of(RANGES)}])",
            "sum by (le) (increase(h_bucket[5m]))",
            'h_bucket{le!="+Inf"}',
        )
        return self._vector(depth) if self._once_in(5) else self._of(plain)

    def _aggregation(self, depth: int) -> str:
        vector, grouping = self._vector(depth), self._of(GROUPINGS)
        match self._random.randrange(7):
            case 0:
                return f'count_values {grouping} ("{self._of(("v", "host"))}", {self._selector(0)})'
            case 1:
                return f"{self._of(('topk', 'bottomk'))} {grouping} ({self._scalar(min(1, depth))}, {self._of(DIFFERENT)})"
            case 2:
                share = self._of(("quantile", "limit_ratio"))
                return f"{share} {grouping} ({self._scalar(min(1, depth))}, {vector})"
            case 3:
                return f"count(limitk {grouping} ({self._scalar(min(1, depth))}, {vector}))"
            case 4:
                return f"{self._of(REDUCING)} ({vector}) {grouping}"
            case _:
                return f"{self._of(REDUCING)} {grouping} ({vector})"

    def _binary(self, depth: int) -> str:
        left, right = self._vector(depth), self._vector(depth)
        matching = self._of(("", "", self._of(MATCHINGS)))
        widening = self._of(("", "", self._of(WIDENING))) if matching else ""
        match self._random.randrange(5):
            case 0:
                return f"({left}) {self._of(SETS)} {matching} ({right})"
            case 1:
                sides = (left, self._scalar(min(1, depth)))
                first, second = sides if self._once_in(2) else sides[::-1]
                return f"({first}) {self._of(ARITHMETIC + COMPARING)} ({second})"
            case 2:
                return f"({left}) {self._of(COMPARING)} {self._of(('bool', ''))} {matching} {widening} ({right})"
            case _:
                return f"({left}) {self._of(ARITHMETIC)} {matching} {widening} ({right})"
