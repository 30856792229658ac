"""Alerts that speak for others: while the switch is down, nobody needs to hear of each host behind it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
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


def inhibited(alerts: Iterable[Firing], rules: Sequence[Inhibition]) -> dict[str, str]:
    """The episodes that another alert speaks for, each with the oldest of those that do.

    No alert inhibits itself; and, as in Alertmanager, one that both sides of a rule match is not inhibited by another such,
    so that two alerts never silence each other.
    """
    listed = list(alerts)
    found: dict[str, str] = {}
    for rule in rules:
        sources = sorted(
            (alert for alert in listed if matches(rule.source, alert.routed_by)), key=attrgetter("episode"), reverse=True
        )
        # By the labels that must agree: one look for each target, however many sources there are. The oldest stays, being last.
        loud = {_agreed(rule, alert): alert.episode for alert in sources}
        plain = {_agreed(rule, alert): alert.episode for alert in sources if not matches(rule.target, alert.routed_by)}
        for alert in listed if loud else ():
            if matches(rule.target, alert.routed_by):
                both = matches(rule.source, alert.routed_by)
                speaks = (plain if both else loud).get(_agreed(rule, alert))
                if speaks is not None:
                    found.setdefault(alert.episode, speaks)
    return found


def _agreed(rule: Inhibition, alert: Firing) -> tuple[str, ...]:
    return tuple(alert.routed_by.get(name, "") for name in rule.equal)
