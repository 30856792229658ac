"""How rules are doing: what each looks at and found when it was last evaluated, the worst first, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import numpy as np

from gwanje.because import Because, plain
from gwanje.errors import NotFound
from gwanje.judge.rules.found import BETWEEN, CLEARED, ERROR, INSUFFICIENT, STALE, Found
from gwanje.judge.rules.questions import curve
from gwanje.judge.rules.spec import Rule
from gwanje.model import Severity, to_ms
from gwanje.show.alerts import muter_plain
from gwanje.show.rooms import Rooms
from gwanje.show.thresholds import shown_rule
from gwanje.tell.muted import words
from gwanje.watch.book import Evaluation
from gwanje.watch.why import Why

MOST: Final = 100
"""So many label sets of a rule are shown, the worst; the rest is counted."""

_WORDS: Final = {CLEARED: "good", BETWEEN: "between", ERROR: "error", INSUFFICIENT: "insufficient", STALE: "stale"}
_BADNESS: Final = ("breach", "error", "failed", "missing", "stale", "insufficient", "between", "good")
_SEVERITIES: Final = [str(severity) for severity in Severity]


def overview(rooms: Rooms) -> list[dict[str, Any]]:
    """Every rule with its last evaluation: those that failed first, then those with breaches, the worst first."""
    latest = rooms.latest()
    return sorted((_rule(rooms, rule, latest.get(rule.name)) for rule in rooms.rules), key=_urgency)


def of_rule(rooms: Rooms, name: str) -> dict[str, Any]:
    """One rule, with why its last evaluation came to what it came to, label set by label set. Raises NotFound."""
    rule = next((one for one in rooms.rules if one.name == name), None)
    if rule is None:
        raise NotFound(Because(f"no rule is named {name!r}", "no_rule", name=name))
    found = sorted(rooms.why(name), key=_badness)
    return {
        **_rule(rooms, rule, rooms.latest().get(name)),
        "results": [_result(one) for one in found[:MOST]],
        "more": max(0, len(found) - MOST),
    }


def counts(found: Found) -> dict[str, int]:
    """How many label sets had which verdict; a breach counts by its severity."""
    levels, many = np.unique(found.levels, return_counts=True)
    told = Counter({_WORDS[int(level)]: int(count) for level, count in zip(levels, many, strict=True) if level < 0})
    for place in np.flatnonzero(found.levels >= 0):
        severity, _ = found.standard(int(place)).conditions[int(found.levels[place])]
        told[str(severity)] += 1
    return dict(told)


def _rule(rooms: Rooms, rule: Rule, last: Evaluation | None) -> dict[str, Any]:
    return {
        **shown_rule(rule),
        "enabled": rule.enabled,
        "file": rooms.rulebook.said(rule.name) if rule.name in rooms.rulebook.files else None,
        "looks_at": curve(rule, {}),
        "for_seconds": rule.for_.total_seconds(),
        "interval_seconds": rule.interval.total_seconds(),
        "last": None if last is None else _last(last),
    }


def _last(last: Evaluation) -> dict[str, Any]:
    return {
        "at": to_ms(last.at),
        "seconds": last.seconds,
        "failed": str(last.failed),
        "reason": plain(last.failed),
        "counts": counts(last.found) if last.found else {},
    }


def _urgency(shown: Mapping[str, Any]) -> tuple[Any, ...]:
    last = shown["last"] or {"failed": "", "counts": {}}
    found = last["counts"]
    return (not last["failed"], *(-found.get(name, 0) for name in (*_SEVERITIES, "error", "stale")), shown["name"])


def _badness(why: Why) -> tuple[Any, ...]:
    severity = why.stands.severity
    rank = _SEVERITIES.index(str(severity)) if severity else len(_SEVERITIES)
    return (_BADNESS.index(why.found), rank, sorted(why.labels.items()))


def _result(why: Why) -> dict[str, Any]:
    stands = why.stands
    return {
        "labels": why.labels,
        "found": why.found,
        "said": str(why.said),
        "reason": plain(why.said),
        "value": why.value,
        "thresholds": why.thresholds,
        "clear": why.clear,
        "origins": why.origins,
        "samples": why.samples,
        "state": stands.state,
        "severity": stands.severity,
        "since": _ms(stands.since),
        "next_change": _ms(stands.next_change),
        "episode": stands.episode,
        "muted": words(stands.muted),
        "muted_by": [muter_plain(one) for one in stands.muted],
    }


def _ms(instant: datetime | None) -> int | None:
    return to_ms(instant) if instant else None
