"""A query as the tree of its parts, in the words of Prometheus's `/api/v1/parse_query`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import promql_parser as grammar

from gwanje.errors import BadQuery
from gwanje.model import METRIC, to_ms
from gwanje.wire.exposition.encode import number

_NO_EXPRESSIONS: Final = {"offsetExpr": None}
"""Durations that would be worked out are not read."""
_CARDS: Final = {
    "OneToOne": "one-to-one",
    "ManyToOne": "many-to-one",
    "OneToMany": "one-to-many",
    "ManyToMany": "many-to-many",
}
_MATCHES: Final = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


def tree(node: grammar.Expr) -> dict[str, Any]:  # noqa: C901, PLR0911 -- one answer a sort of node
    """One part with those below it; times in milliseconds."""
    match node:
        case grammar.NumberLiteral():
            return {"type": "numberLiteral", "val": number(node.val)}
        case grammar.StringLiteral():
            return {"type": "stringLiteral", "val": node.val}
        case grammar.ParenExpr():
            return {"type": "parenExpr", "expr": tree(node.expr)}
        case grammar.UnaryExpr():
            return {"type": "unaryExpr", "op": "-", "expr": tree(node.expr)}
        case grammar.VectorSelector():
            return {"type": "vectorSelector", **_selector(node)}
        case grammar.MatrixSelector():
            span = {"range": _ms(node.range), "rangeExpr": None}
            return {"type": "matrixSelector", **_selector(node.vector_selector), **span}
        case grammar.SubqueryExpr():
            return _subquery(node)
        case grammar.AggregateExpr():
            return _aggregation(node)
        case grammar.BinaryExpr():
            return _binary(node)
        case grammar.Call():
            return _call(node)
    raise BadQuery(f"{type(node).__name__} is not supported yet")


def _selector(node: grammar.VectorSelector) -> dict[str, Any]:
    named = [{"name": METRIC, "type": "=", "value": node.name}] if node.name is not None else []
    labels = [{"name": one.name, "type": _MATCHES[_word(one.op)], "value": one.value} for one in node.matchers.matchers]
    return {
        "name": node.name or "",
        "matchers": [*labels, *named],
        "offset": _ms(node.offset),
        **_NO_EXPRESSIONS,
        **_at(node.at),
        "anchored": False,
        "smoothed": False,
    }


def _subquery(node: grammar.SubqueryExpr) -> dict[str, Any]:
    return {
        "type": "subquery",
        "expr": tree(node.expr),
        "range": _ms(node.range),
        "rangeExpr": None,
        "step": _ms(node.step),
        "stepExpr": None,
        "offset": _ms(node.offset),
        **_NO_EXPRESSIONS,
        **_at(node.at),
    }


def _aggregation(node: grammar.AggregateExpr) -> dict[str, Any]:
    grouping = node.modifier
    return {
        "type": "aggregation",
        "op": str(node.op),
        "expr": tree(node.expr),
        "param": tree(node.param) if node.param is not None else None,
        "grouping": list(grouping.labels) if grouping is not None else [],
        "without": grouping is not None and grouping.type == grammar.AggModifierType.Without,
    }


def _binary(node: grammar.BinaryExpr) -> dict[str, Any]:
    vectors = _is_vector(node.lhs) and _is_vector(node.rhs)
    return {
        "type": "binaryExpr",
        "op": str(node.op),
        "lhs": tree(node.lhs),
        "rhs": tree(node.rhs),
        "matching": _matching(node) if vectors else None,
        "bool": node.modifier is not None and node.modifier.return_bool,
    }


def _matching(node: grammar.BinaryExpr) -> dict[str, Any]:
    modifier = node.modifier
    labels = modifier.matching if modifier is not None else None
    many = str(node.op) in {"and", "or", "unless"}
    return {
        "card": "many-to-many" if many else _CARDS[_word(modifier.card)] if modifier is not None else "one-to-one",
        "labels": list(labels.labels) if labels is not None else [],
        "on": labels is not None and labels.type == grammar.LabelModifierType.Include,
        "include": list(modifier.group_labels or ()) if modifier is not None else [],
        "fillValues": {"lhs": None, "rhs": None},
    }


def _call(node: grammar.Call) -> dict[str, Any]:
    function = node.func
    about = {
        "name": function.name,
        "argTypes": [_word(one).lower() for one in function.arg_types],
        "variadic": function.variadic,
        "returnType": _word(function.return_type).lower(),
    }
    return {"type": "call", "func": about, "args": [tree(one) for one in node.args]}


def _is_vector(node: grammar.Expr) -> bool:
    match node:
        case grammar.ParenExpr() | grammar.UnaryExpr():
            return _is_vector(node.expr)
        case grammar.BinaryExpr():
            return _is_vector(node.lhs) or _is_vector(node.rhs)
        case grammar.Call():
            return _word(node.func.return_type) == "Vector"
        case _:
            return isinstance(node, grammar.VectorSelector | grammar.AggregateExpr)


def _at(modifier: grammar.AtModifier | None) -> dict[str, Any]:
    if modifier is None:
        return {"timestamp": None, "startOrEnd": None}
    if modifier.type in (grammar.AtModifierType.Start, grammar.AtModifierType.End):
        return {"timestamp": None, "startOrEnd": _word(modifier.type).lower()}
    return {"timestamp": to_ms(modifier.at) if modifier.at is not None else None, "startOrEnd": None}


def _word(value: object) -> str:
    """The last part of an enumeration's name."""
    return str(value).rpartition(".")[2]


def _ms(duration: timedelta | None) -> int:
    return 0 if duration is None else duration // timedelta(milliseconds=1)
