"""Which label sets the text of a rule can give at all. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import promql_parser as grammar

from gwanje.judge.rules.looks import tree
from gwanje.judge.rules.questions import value
from gwanje.judge.rules.spec import Rule


def digest(rule: Rule) -> str:
    """What tells a rule's text from another; texts for people left out."""
    return hashlib.sha256(rule.model_dump_json(exclude={"annotations", "enabled"}).encode()).hexdigest()[:16]


def possible(rule: Rule, labels: Mapping[str, str]) -> bool:
    """Whether the query may give these labels, as far as its outermost grouping tells."""
    there = {name: text for name, text in labels.items() if text}
    return _may_have(rule, there.keys() - rule.labels.keys()) or _may_have(rule, set(rule.given(there)))


def _may_have(rule: Rule, names: set[str]) -> bool:
    node = tree(value(rule)) if value(rule) else None
    while isinstance(node, grammar.ParenExpr | grammar.BinaryExpr):
        node = node.expr if isinstance(node, grammar.ParenExpr) else node.lhs
    if not isinstance(node, grammar.AggregateExpr) or str(node.op) in {"topk", "bottomk"}:
        return True
    if node.modifier is None:
        return not names
    grouped = set(node.modifier.labels)
    return names <= grouped if node.modifier.type == grammar.AggModifierType.By else not names & grouped
