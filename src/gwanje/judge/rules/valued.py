"""Queries that put values into labels: each value would be another alert. Pure."""

from __future__ import annotations

import promql_parser as grammar

from gwanje.because import Because
from gwanje.judge.rules.looks import tree

_WHOLE_SERIES = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})


def checked_identity(query: str) -> str:
    """The query, when no label of its results holds a value. Raises ValueError, also for what is no PromQL."""
    label = _valued(tree(query))
    if label:
        sentence = (
            f"`count_values` puts values into the label {label!r}, and each value would be another alert; "
            f"count them: 'count(count_values({label!r}, …))'"
        )
        raise ValueError(Because(sentence, "value_in_label", label=label))
    return query


def _valued(node: grammar.Expr | None) -> str:
    """The label of the results that holds a value; empty where there is none, or where it is grouped away."""
    match node:
        case grammar.ParenExpr() | grammar.UnaryExpr() | grammar.SubqueryExpr():
            return _valued(node.expr)
        case grammar.BinaryExpr():
            return _valued(node.lhs) or ("" if str(node.op) in {"and", "unless"} else _valued(node.rhs))
        case grammar.Call():
            return next(filter(None, map(_valued, node.args)), "")
        case grammar.AggregateExpr():
            return _kept(node, _valued(node.expr))
    return ""


def _kept(node: grammar.AggregateExpr, label: str) -> str:
    """What an aggregation makes of it."""
    if str(node.op) == "count_values":
        return node.param.val if isinstance(node.param, grammar.StringLiteral) else ""
    if not label or str(node.op) in _WHOLE_SERIES:
        return label
    grouped = node.modifier.labels if node.modifier else []
    by = node.modifier is None or node.modifier.type == grammar.AggModifierType.By
    return label if (label in grouped) == by else ""
