"""Thresholds that inherit: the rule's own, then those of the host's groups, of the host, of the container. Pure.

No rule is copied for it: what counts for one alert, and where it comes from, is a `Standard`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from gwanje.because import Because
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.threshold import Threshold, clears, parse_threshold
from gwanje.keep.said import Override
from gwanje.model import Severity

_PARTS: Final = ("critical", "warning", "clear")

HostGroups = Mapping[str, Sequence[str]]
"""Names of groups, each with its hosts: names, or regular expressions that match a whole name."""


@dataclass(frozen=True, slots=True)
class Standard:
    """The thresholds that count for one alert. `origins` says where those come from that are not the rule's own."""

    conditions: tuple[tuple[Severity, Threshold], ...]
    clear: Threshold | None = None
    origins: tuple[tuple[str, str], ...] = ()

    def origin(self, severity: Severity) -> str:
        """`host web-1`; empty for the rule's own."""
        return dict(self.origins).get(str(severity), "")


@dataclass(frozen=True)
class Thresholds:
    """What people set apart from the rules. Made anew when one of them changes."""

    overrides: Sequence[Override] = ()
    groups: HostGroups = field(default_factory=dict)

    def touch(self, rule: Rule) -> bool:
        """Whether anything is set apart for this rule; where not, its own thresholds are everybody's."""
        return rule.name in self._by_rule

    def of(self, rule: Rule, labels: Mapping[str, str]) -> Standard:
        """What counts for one label set: the narrowest place that says something wins, each threshold by itself."""
        found = {str(severity): condition for severity, condition in rule.conditions}
        if rule.clear is not None:
            found["clear"] = rule.clear
        origins: dict[str, str] = {}
        known = self._by_rule.get(rule.name, {})
        for place in self._places(labels):
            override = known.get(place)
            for part in _PARTS if override else ():
                text = getattr(override, part)
                if text is not None:
                    found[part] = parse_threshold(text)
                    origins[part] = " ".join(place)
        conditions = tuple((severity, found[str(severity)]) for severity in Severity if str(severity) in found)
        clear = found.get("clear")
        if clear is not None and not all(clears(condition, clear) for _, condition in conditions):
            clear = None  # inherited, and on the wrong side of what was set here: over as soon as no threshold holds
        return Standard(conditions, clear, tuple(sorted(origins.items())))

    @cached_property
    def _by_rule(self) -> Mapping[str, Mapping[tuple[str, str], Override]]:
        found: dict[str, dict[tuple[str, str], Override]] = {}
        for one in self.overrides:
            found.setdefault(one.rule, {})[one.scope, one.name] = one
        return found

    @cached_property
    def _patterns(self) -> Sequence[tuple[str, re.Pattern[str]]]:
        return [(group, re.compile("|".join(f"(?:{one})" for one in hosts))) for group, hosts in self.groups.items() if hosts]

    def _places(self, labels: Mapping[str, str]) -> list[tuple[str, str]]:
        """The places of one label set, the widest first; of several groups, the one written last wins."""
        host, container = labels.get("host", ""), labels.get("container", "")
        places = [("group", group) for group, pattern in self._patterns if host and pattern.fullmatch(host)]
        if host:
            places.append(("host", host))
        if container:
            places += [("container", container), ("container", f"{host}/{container}")]
        return places


def joined(files: Iterable[Override], kept: Iterable[Override]) -> list[Override]:
    """Those of the files and those set by people, who win where both speak of one rule and place."""
    every = {(one.rule, one.scope, one.name): one for one in (*files, *kept)}
    return list(every.values())


def mistake(rule: Rule, override: Override) -> str:
    """What is wrong with setting this apart; empty when nothing is. Asked before it is kept."""
    said = [(part, getattr(override, part)) for part in _PARTS if getattr(override, part) is not None]
    if not said:
        return Because("needs `warning`, `critical` or `clear`", "threshold_needed")
    if rule.severity is not None:
        sentence = f"the rule {rule.name!r} has its condition inside `expr`, so no threshold can be set for it"
        return Because(sentence, "condition_inside")
    try:
        parts = {part: parse_threshold(text) for part, text in said}
    except ValueError as error:
        return str(error)
    clear = parts.get("clear", rule.clear)
    for severity, condition in rule.conditions:
        counts = parts.get(str(severity), condition)
        if clear is not None and "clear" in parts and not clears(counts, clear):
            sentence = f"`clear: {clear}` is on the wrong side of `{severity}: {counts}`"
            return Because(sentence, "clear_on_wrong_side", clear=str(clear), severity=str(severity), condition=str(counts))
        if rule.side and counts.operator[0] != condition.operator[0]:
            sentence = f"`{severity}: {counts}` looks the other way than the rule's own `{condition}`"
            return Because(sentence, "looks_other_way", severity=str(severity), condition=str(counts), own=str(condition))
    return ""
