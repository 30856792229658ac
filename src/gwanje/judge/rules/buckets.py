"""Histograms that a rule merges: in a query of people's own, what tells whether all of them have the same buckets. Pure.

Merging buckets of different bounds gives a number that means nothing. Prometheus answers with it, and with a hint where the
counts do not grow from bound to bound; a rule must not fire by it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import promql_parser as grammar

from gwanje.judge.rules.looks import tree

_SUM: Final = "sum"


@lru_cache(maxsize=4096)
def merged(expr: str) -> str:
    """PromQL that counts the series of each bucket in each group whose percentile `expr` gives; empty where it gives none.

    Looked through are comparisons and arithmetic with a number, which leave a result its labels.
    """
    found = _percentile(tree(expr))
    if found is None:
        return ""
    summed = _inner(found.args[1])
    if not isinstance(summed, grammar.AggregateExpr):
        return ""
    written = summed.prettify()
    return "count" + written.removeprefix(_SUM) if written.startswith(f"{_SUM} ") else ""


def _percentile(node: grammar.Expr) -> grammar.Call | None:
    node = _inner(node)
    if isinstance(node, grammar.BinaryExpr):
        sides = [_inner(side) for side in (node.lhs, node.rhs)]
        rest = [side for side in sides if not isinstance(side, grammar.NumberLiteral)]
        return _percentile(rest[0]) if len(rest) == 1 else None
    if isinstance(node, grammar.Call) and node.func.name == "histogram_quantile":
        return node
    return None


def _inner(node: grammar.Expr) -> grammar.Expr:
    while isinstance(node, grammar.ParenExpr):
        node = node.expr
    return node
