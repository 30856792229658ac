"""Why an evaluation came to what it came to, of each label set: value, threshold and its origin, samples, state, what is next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gwanje.judge.lifecycle import NO_ANSWER, Instance, State
from gwanje.judge.rules.found import Found, written
from gwanje.judge.rules.verdict import Breach, Error, Good, Insufficient, Stale, Verdict
from gwanje.judge.standing import Standing
from gwanje.model import Severity
from gwanje.tell.muted import Muter
from gwanje.watch.book import Evaluation
from gwanje.watch.mutings import Muters

_FIRST_YEAR: Final = 1
_LAST_YEAR: Final = 9999


@dataclass(frozen=True, slots=True)
class Stands:
    """The state of one label set. `episode` is empty while it is ok."""

    state: State = State.OK
    severity: Severity | None = None
    since: datetime | None = None
    next_change: datetime | None = None
    """When its state changes, if every evaluation until then finds the same; None when it does not."""
    episode: str = ""
    muted: tuple[Muter, ...] = ()
    """What keeps people from being told of it."""


@dataclass(frozen=True, slots=True)
class Why:
    """One label set of one rule at its last evaluation."""

    rule: str
    labels: Mapping[str, str]
    at: datetime
    found: str
    """`breach`, `good`, `between`, `insufficient`, `error`, `stale`, `missing`, or `failed` where the query was."""
    said: str
    """The finding in words: `0.95 is >= 0.9`."""
    value: float | None
    thresholds: Mapping[Severity, str]
    """The conditions that count here."""
    clear: str
    origins: Mapping[str, str]
    """Where those come from that are not the rule's own: `critical` → `host web-1`."""
    samples: float | None
    """Of how many samples the value was made, where that was counted."""
    stands: Stands
    """What has become of it."""


def explained(evaluation: Evaluation, standing: Standing | None, muters: Muters) -> list[Why]:
    """Each result of the evaluation, and each open alert that it did not mention. `muters` says what mutes which episode."""
    return [_muted(one, muters.get(one.stands.episode, ())) for one in _each(evaluation, standing)]


def _each(evaluation: Evaluation, standing: Standing | None) -> list[Why]:
    found, open_ = evaluation.found, dict(standing.open) if standing else {}
    told: list[Why] = []
    if found is not None:
        for place, identity in enumerate(found.identities):
            told.append(_of_result(evaluation, found, place, open_.pop(identity, None), standing))
    return told + [_of_unmentioned(evaluation, instance, standing) for instance in open_.values()]


def _muted(one: Why, by: tuple[Muter, ...]) -> Why:
    return replace(one, stands=replace(one.stands, muted=by)) if by else one


def _of_result(evaluation: Evaluation, found: Found, place: int, instance: Instance | None, standing: Standing | None) -> Why:
    verdict, standard, unit = found.verdict(place), found.standard(place), evaluation.rule.value_unit
    level = int(found.levels[place])
    return Why(
        rule=evaluation.rule.name,
        labels=found.known.labels[place],
        at=evaluation.at,
        found=_word(verdict),
        said=verdict.why,
        value=float(found.values[place]),
        thresholds={severity: written(condition, unit) for severity, condition in standard.conditions},
        clear=written(standard.clear, unit),
        origins=dict(standard.origins),
        samples=found.samples[place] if found.samples else None,
        stands=_stands(instance, standing, level),
    )


def _of_unmentioned(evaluation: Evaluation, instance: Instance, standing: Standing | None) -> Why:
    rule = evaluation.rule
    return Why(
        rule=rule.name,
        labels=instance.labels,
        at=evaluation.at,
        found="failed" if evaluation.failed else "missing",
        said=evaluation.failed or instance.last_seen or NO_ANSWER,
        value=instance.value,
        thresholds={severity: written(condition, rule.value_unit) for severity, condition in rule.conditions},
        clear=written(rule.clear, rule.value_unit),
        origins={},
        samples=None,
        stands=_stands(instance, standing, None),
    )


def _stands(instance: Instance | None, standing: Standing | None, level: int | None) -> Stands:
    if instance is None or standing is None:
        return Stands()
    change = standing.next_change(instance, level)
    certain = change if _FIRST_YEAR < change.year < _LAST_YEAR else None
    return Stands(instance.state, instance.severity, instance.since, certain, instance.episode)


def _word(verdict: Verdict) -> str:
    match verdict:
        case Breach():
            return "breach"
        case Good(cleared=cleared):
            return "good" if cleared else "between"
        case Insufficient():
            return "insufficient"
        case Error():
            return "error"
        case Stale():
            return "stale"
