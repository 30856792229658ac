"""Alerts about rules themselves: one that fails again and again, one that found more alerts than it may have."""

from __future__ import annotations

from typing import Final

from gwanje.because import Because
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.threshold import ALWAYS
from gwanje.judge.rules.verdict import Breach, Good, Verdict
from gwanje.model import Severity

FAILURES: Final = 3
"""After so many failed evaluations in a row, people are told."""
OF_RULE: Final = "failed_rule"
"""The label that names the rule that is in trouble."""

RULE_ERROR: Final = Rule.model_validate(
    {
        "name": "rule error",
        "expr": "gwanje_rule_errors_total",
        "severity": "warning",
        "annotations": {
            "summary": {
                "ko": "규칙 '{{ labels.failed_rule }}'을(를) 제대로 평가할 수 없습니다 ({{ labels.problem }})",
                "en": "The rule '{{ labels.failed_rule }}' cannot be judged as it should ({{ labels.problem }})",
            }
        },
    }
)
"""The rule by which such alerts live."""


def failing(rule: str, failures: int, reason: str) -> Verdict:
    """Whether a rule fails too often; `failures` counts those in a row."""
    labels = {OF_RULE: rule, "problem": "evaluation failed"}
    if failures >= FAILURES:
        sentence = f"{failures} evaluations failed: {reason}"[:200]
        why = Because(
            sentence, "evaluations_failed", count=failures, error=reason if isinstance(reason, Because) else reason[:200]
        )
        return Breach(labels, float(failures), Severity.WARNING, ALWAYS, why)
    return Good(labels, float(failures), cleared=failures == 0, why=Because("evaluated again", "evaluated_again"))


def overfull(rule: Rule, refused: int) -> Verdict:
    """Whether a rule found more alerts than it may have open."""
    labels = {OF_RULE: rule.name, "problem": "too many alerts"}
    if refused:
        sentence = f"{refused} new alerts were refused, because {rule.max_instances} are open (`max_instances`)"
        why = Because(sentence, "alerts_refused", count=refused, most=rule.max_instances)
        return Breach(labels, float(refused), Severity.WARNING, ALWAYS, why)
    return Good(labels, 0.0, cleared=True, why=Because("no alert was refused", "none_refused"))
