"""Alerts that speak for others: while the switch is down, nobody needs to hear of each host behind it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from pydantic import field_validator

from gwanje.config import Settings
from gwanje.tell.matchers import Matcher, Matchers, matches


class Firing(Protocol):
    """An alert that fires, as far as inhibition looks at it."""

    @property
    def episode(self) -> str: ...
    @property
    def routed_by(self) -> Mapping[str, str]: ...


class Inhibition(Settings):
    """While an alert that `source` matches fires, those that `target` matches are not told, where the labels in `equal` agree."""

    source: Matchers
    """Which alerts speak for others: `rule="switch down"`."""
    target: Matchers
    """Which alerts are not told meanwhile: `severity="warning"`."""
    equal: tuple[str, ...] = ()
    """Labels whose values must be the same in both; one that is missing counts as empty."""

    @field_validator("source", "target")
    @classmethod
    def _some(cls, written: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
        if not written:
            raise ValueError("needs a matcher; without one it would speak of every alert")
        return written


def inhibited(alerts: Iterable[Firing], rules: Sequence[Inhibition]) -> frozenset[str]:
    """The episodes that another alert speaks for.

    No alert inhibits itself; and, as in Alertmanager, one that both sides of a rule match is not inhibited by another such,
    so that two alerts never silence each other.
    """
    listed = list(alerts)
    found: set[str] = set()
    for rule in rules:
        sources = [alert for alert in listed if matches(rule.source, alert.routed_by)]
        # By the labels that must agree: one look for each target, however many sources there are.
        loud = {_agreed(rule, alert) for alert in sources}
        plain = {_agreed(rule, alert) for alert in sources if not matches(rule.target, alert.routed_by)}
        for alert in listed if loud else ():
            if matches(rule.target, alert.routed_by):
                both = matches(rule.source, alert.routed_by)
                if _agreed(rule, alert) in (plain if both else loud):
                    found.add(alert.episode)
    return frozenset(found)


def _agreed(rule: Inhibition, alert: Firing) -> tuple[str, ...]:
    return tuple(alert.routed_by.get(name, "") for name in rule.equal)
