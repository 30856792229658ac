"""What people read of an alert, in the language of templates that its rule is written in."""

from __future__ import annotations

from collections.abc import Mapping

from gwanje.judge.rules import gotemplate
from gwanje.judge.rules import summary as own
from gwanje.judge.rules.spec import Rule


def summary(rule: Rule, labels: Mapping[str, str], value: float | None, threshold: str) -> dict[str, str]:
    """The sentence for each language."""
    written, labels = rule.annotations.get("summary"), known(rule, labels)
    if rule.templates == "prometheus" and isinstance(written, str):
        return dict.fromkeys(own.LANGUAGES, gotemplate.render(written, labels, value))
    return own.render(written, rule.name, value=value, threshold=threshold, unit=rule.value_unit, labels=labels)


def others(rule: Rule, labels: Mapping[str, str], value: float | None) -> dict[str, str]:
    """The other texts: as they are, or filled where all of them are templates."""
    texts = {name: text for name, text in rule.annotations.items() if name != "summary"}
    if rule.templates != "prometheus":
        return texts
    return {name: gotemplate.render(text, known(rule, labels), value) for name, text in texts.items()}


def known(rule: Rule, labels: Mapping[str, str]) -> Mapping[str, str]:
    """The labels that a template may ask for: those of the alert, and those of the result by the names it gave them."""
    return {**labels, **rule.given(labels)}
