"""From the text of a query to our own expression: frozen nodes, times in milliseconds, parentheses gone.

The grammar is the parser package's; whatever it accepts and we cannot answer is refused here, by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import lru_cache
from typing import Literal

import promql_parser as grammar

from gwanje.errors import BadQuery
from gwanje.keep.promql.mistakes import parsed
from gwanje.keep.promql.selection import Limits, Matcher
from gwanje.model import METRIC, to_ms

AtTime = int | Literal["start", "end"] | None
"""The instant an `@` fixes: a time, the query's start or end, or none."""


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class Literally:
    """A string."""

    text: str


@dataclass(frozen=True, slots=True)
class Select:
    """An instant vector selector."""

    matchers: tuple[Matcher, ...]
    offset_ms: int = 0
    at: AtTime = None

    @property
    def one_metric(self) -> bool:
        return any(matcher.name == METRIC and matcher.op == "=" for matcher in self.matchers)


@dataclass(frozen=True, slots=True)
class Range:
    """A range vector selector."""

    select: Select
    range_ms: int


@dataclass(frozen=True, slots=True)
class Subquery:
    """A range vector made by evaluating an expression again and again; `step_ms` 0 is the default interval."""

    expression: Node
    range_ms: int
    step_ms: int
    offset_ms: int
    at: AtTime


@dataclass(frozen=True, slots=True)
class Negate:
    expression: Node


@dataclass(frozen=True, slots=True)
class Matching:
    """How two vectors find each other: `on` these labels or ignoring them; `many` names the side that may have several."""

    on: bool
    labels: tuple[str, ...]
    many: Literal["left", "right", "neither"] = "neither"
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: Node
    right: Node
    matching: Matching
    as_bool: bool


@dataclass(frozen=True, slots=True)
class Aggregate:
    operator: str
    expression: Node
    parameter: Node | None
    labels: tuple[str, ...]
    without: bool


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple[Node, ...]


Node = Number | Literally | Select | Range | Subquery | Negate | Binary | Aggregate | Call

CHANGES_WITH_TIME = frozenset(
    {
        "time", "predict_linear", "days_in_month", "day_of_month", "day_of_week", "day_of_year",
        "hour", "minute", "month", "year", "timestamp",
    }
)  # fmt: skip
"""Functions whose answer depends on the step even where all selectors below are fixed by `@`."""

_LONGEST = Limits().query_length
_SHORT = 500
"""Characters of a query that is parsed in no time."""
_LIGHT = frozenset(
    {
        "rate", "increase", "irate", "delta", "idelta",
        "avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time", "last_over_time",
        "avg", "min", "max", "sum", "count",
    }
)  # fmt: skip
"""Functions and aggregations of one argument that work on all windows, or all series, at once."""


@lru_cache(maxsize=512)
def plan(query: str, limit: int) -> Node:
    """The expression of a query; dashboards and rules ask the same ones again and again.

    Raises BadQuery for what does not parse or is not supported.
    """
    tree = parsed(query, limit)
    try:
        return _node(tree)
    except (ValueError, OverflowError) as error:
        raise BadQuery(f"the query has a time or a duration that is too large: {error}") from error


def light(query: str) -> Select | None:
    """The selector of an expression that takes little longer than its samples take to be read; None for every other.

    That is one selector, by itself or in what boards ask for most: a function over windows, an aggregation. Raises BadQuery as
    `plan` does.
    """
    return _only(plan(query, _LONGEST)) if len(query) <= _SHORT else None


def _only(node: Node) -> Select | None:
    match node:
        case Select():
            return node
        case Range():
            return node.select
        case Call():
            return _only(node.arguments[0]) if node.function in _LIGHT else None
        case Aggregate():
            return _only(node.expression) if node.operator in _LIGHT else None
        case _:
            return None


def matchers(selector: str) -> list[Matcher]:
    """The matchers of one selector without range, offset or `@`, as the endpoints for series and labels take it."""
    node = plan(selector, _LONGEST)
    if not isinstance(node, Select) or node.offset_ms or node.at is not None:
        raise BadQuery(f'{selector!r} is not a selector; give something like up{{job="node"}}')
    return list(node.matchers)


def fixed(node: Node) -> bool:  # noqa: PLR0911 -- one answer a sort of node
    """True when the answer is the same at every step: every selector in it is fixed by `@`."""
    match node:
        case Number() | Literally():
            return True
        case Select():
            return node.at is not None
        case Range():
            return fixed(node.select)
        case Subquery():
            return node.at is not None
        case Negate():
            return fixed(node.expression)
        case Binary():
            return fixed(node.left) and fixed(node.right)
        case Aggregate():
            return fixed(node.expression) and (node.parameter is None or fixed(node.parameter))
        case Call():
            return node.function not in CHANGES_WITH_TIME and all(fixed(argument) for argument in node.arguments)


def _node(tree: grammar.Expr) -> Node:  # noqa: C901, PLR0911 -- one answer a sort of node
    match tree:
        case grammar.NumberLiteral():
            return Number(tree.val)
        case grammar.StringLiteral():
            return Literally(tree.val)
        case grammar.ParenExpr():
            return _node(tree.expr)
        case grammar.VectorSelector():
            return _select(tree)
        case grammar.MatrixSelector():
            return Range(_select(tree.vector_selector), _ms(tree.range))
        case grammar.SubqueryExpr():
            return _subquery(tree)
        case grammar.UnaryExpr():
            return _negated(_node(tree.expr))
        case grammar.BinaryExpr():
            return _binary(tree)
        case grammar.AggregateExpr():
            return _aggregate(tree)
        case grammar.Call():
            return _call(tree)
    raise BadQuery(f"{type(tree).__name__} is not supported yet")


def _call(tree: grammar.Call) -> Call:
    arguments = tuple(_node(argument) for argument in tree.args)
    if tree.func.name == "info":
        arguments = (arguments[0], _of_facts(tree.args[1]) if len(arguments) > 1 else _FACTS)
    return Call(tree.func.name, arguments)


def _of_facts(tree: grammar.Expr) -> Select:
    """The second argument of `info`: matchers of labels alone, of `target_info` where they name no metric. Raises BadQuery."""
    if not isinstance(tree, grammar.VectorSelector) or tree.name is not None or tree.offset or tree.at is not None:
        raise BadQuery('expected label selectors only as the second argument to the info function, as {__name__="target_info"}')
    selector = _select(tree)
    named = any(matcher.name == METRIC for matcher in selector.matchers)
    return selector if named else Select(_FACTS.matchers + selector.matchers)


def _select(tree: grammar.VectorSelector) -> Select:
    if tree.matchers.or_matchers:
        raise BadQuery("`or` between label matchers is not supported yet; use a regular expression or the operator `or`")
    named = (Matcher(METRIC, "=", tree.name),) if tree.name is not None else ()
    labels = tuple(Matcher(matcher.name, _OPERATORS[str(matcher.op)], matcher.value) for matcher in tree.matchers.matchers)
    return Select(named + labels, _ms(tree.offset), _at(tree.at))


def _subquery(tree: grammar.SubqueryExpr) -> Subquery:
    return Subquery(_node(tree.expr), _ms(tree.range), _ms(tree.step), _ms(tree.offset), _at(tree.at))


def _negated(node: Node) -> Node:
    return Number(-node.value) if isinstance(node, Number) else Negate(node)


def _binary(tree: grammar.BinaryExpr) -> Binary:
    modifier = tree.modifier
    operator = str(tree.op)
    if modifier is None:
        return Binary(operator, _node(tree.lhs), _node(tree.rhs), Matching(on=False, labels=()), as_bool=False)
    if modifier.fill_values.lhs is not None or modifier.fill_values.rhs is not None:
        raise BadQuery("`fill` is not supported yet")
    labels = modifier.matching
    matching = Matching(
        on=labels is not None and labels.type == grammar.LabelModifierType.Include,
        labels=tuple(labels.labels) if labels is not None else (),
        many=_MANY.get(str(modifier.card), "neither"),
        include=tuple(modifier.group_labels or ()),
    )
    return Binary(operator, _node(tree.lhs), _node(tree.rhs), matching, modifier.return_bool)


def _aggregate(tree: grammar.AggregateExpr) -> Aggregate:
    modifier = tree.modifier
    return Aggregate(
        str(tree.op),
        _node(tree.expr),
        _node(tree.param) if tree.param is not None else None,
        tuple(modifier.labels) if modifier is not None else (),
        modifier is not None and modifier.type == grammar.AggModifierType.Without,
    )


def _at(modifier: grammar.AtModifier | None) -> AtTime:
    if modifier is None:
        return None
    if modifier.type == grammar.AtModifierType.Start:
        return "start"
    if modifier.type == grammar.AtModifierType.End:
        return "end"
    instant = modifier.at
    return to_ms(instant.astimezone(UTC)) if instant is not None else None


def _ms(duration: timedelta | None) -> int:
    return 0 if duration is None else duration // timedelta(milliseconds=1)


_FACTS = Select((Matcher(METRIC, "=", "target_info"),))
"""The labels of targets that `info` gives unless it is told of others."""
_OPERATORS: dict[str, Literal["=", "!=", "=~", "!~"]] = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}
_MANY: dict[str, Literal["left", "right", "neither"]] = {
    "VectorMatchCardinality.ManyToOne": "left",
    "VectorMatchCardinality.OneToMany": "right",
}
