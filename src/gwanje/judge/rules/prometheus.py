"""Prometheus's rule files as they are: groups of alerting and recording rules, turned into what our own files say.

`a > 5` becomes `a` with the threshold `> 5`, so that a good value is seen and not only an answer that is missing. Any other
query fires for each of its results, as in Prometheus. The label `severity` becomes our severity and no part of the identity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import promql_parser as grammar

from gwanje.judge.rules.looks import tree
from gwanje.model import Severity

_SEVERITIES: Final[Mapping[str, Severity]] = {
    **dict.fromkeys(("critical", "page", "error", "high", "emergency", "fatal", "disaster"), Severity.CRITICAL),
    **dict.fromkeys(("warning", "warn", "medium", "average", "ticket"), Severity.WARNING),
    **dict.fromkeys(("info", "information", "informational", "none", "low", "notice", "debug"), Severity.INFO),
}
_COMPARED: Final = re.compile(
    r"(?P<left>.*?)\s*(?P<sign>>=|<=|==|!=|>|<)\s*(?P<number>[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*", re.DOTALL
)
_INTERVAL: Final = "15s"
"""How often a group is evaluated that does not say so."""
_COPIED: Final = ("for", "keep_firing_for", "annotations")
_ALERT: Final = frozenset({"alert", "expr", "labels", *_COPIED})
_RECORD: Final = frozenset({"record", "expr", "labels"})
_GROUP: Final = frozenset({"name", "interval", "rules", "labels", "limit", "query_offset", "partial_response_strategy"})


@dataclass(frozen=True, slots=True)
class Translated:
    """One rule of a file in our words, and where it stands. `unknown` names keys that are not understood."""

    place: tuple[str | int, ...]
    values: dict[str, Any]
    unknown: Sequence[str] = ()


def translated(groups: object) -> Iterator[Translated]:
    """Every rule of a file's `groups`. Raises ValueError where they are no groups."""
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise ValueError("must be a list of groups: `- {name: …, rules: […]}`")
    names: dict[str, int] = {}
    for index, group in enumerate(groups):
        rules = group.get("rules") or []
        if not isinstance(rules, list):
            raise ValueError(f"`rules` of the group {group.get('name')!r} must be a list")  # noqa: TRY004 - a mistake of the file
        for number, rule in enumerate(rules):
            place = ("groups", index, "rules", number)
            if not isinstance(rule, dict) or ("alert" in rule) == ("record" in rule):
                raise ValueError(f"rule {number + 1} of the group {group.get('name')!r} needs either `alert` or `record`")
            unknown = [*sorted(map(str, group.keys() - _GROUP)), *sorted(map(str, rule.keys() - (_ALERT | _RECORD)))]
            values = _recording(rule, group) if "record" in rule else _alerting(rule, group, names)
            yield Translated(place, values, unknown)


def condition(expr: str) -> tuple[str, str] | None:
    """A query that ends in a comparison with a number, as what is compared and the condition; None of any other."""
    match = _COMPARED.fullmatch(expr.strip())
    try:
        whole = tree(expr)
        left = tree(match["left"]) if match else None
    except ValueError:
        return None
    if match is None or not isinstance(whole, grammar.BinaryExpr) or isinstance(whole.lhs, grammar.NumberLiteral):
        return None
    as_bool = whole.modifier is not None and whole.modifier.return_bool
    if as_bool or str(left) != str(whole.lhs) or not isinstance(whole.rhs, grammar.NumberLiteral | grammar.UnaryExpr):
        return None
    return match["left"].strip(), f"{match['sign']} {match['number']}"


def _alerting(rule: Mapping[str, Any], group: Mapping[str, Any], names: dict[str, int]) -> dict[str, Any]:
    labels = {**(group.get("labels") or {}), **(rule.get("labels") or {})}
    severity = _SEVERITIES.get(str(labels.pop("severity", "warning")).lower(), Severity.WARNING)
    expr = str(rule.get("expr", ""))
    values: dict[str, Any] = {
        "name": _alone(str(rule["alert"]), severity, names),
        "labels": {name: str(text) for name, text in labels.items()},
        "interval": group.get("interval", _INTERVAL),
        "templates": "prometheus",
        **{key: rule[key] for key in _COPIED if key in rule},
    }
    if group.get("limit"):
        values["max_instances"] = group["limit"]
    if "query_offset" in group:
        values["delay"] = group["query_offset"]
    split = condition(expr)
    if split is None or severity is Severity.INFO:
        return {**values, "expr": expr, "severity": severity}
    return {**values, "expr": split[0], str(severity): split[1]}


def _recording(rule: Mapping[str, Any], group: Mapping[str, Any]) -> dict[str, Any]:
    labels = {**(group.get("labels") or {}), **(rule.get("labels") or {})}
    return {
        "record": rule["record"],
        "expr": str(rule.get("expr", "")),
        "labels": {name: str(text) for name, text in labels.items()},
        "interval": group.get("interval", _INTERVAL),
    }


def _alone(name: str, severity: Severity, names: dict[str, int]) -> str:
    """Prometheus lets several rules have one name, often one for each severity; ours tell them apart."""
    for wanted in (name, f"{name} ({severity})"):
        if wanted not in names:
            names[wanted] = 1
            return wanted
    names[f"{name} ({severity})"] += 1
    return f"{name} ({severity} {names[f'{name} ({severity})']})"
