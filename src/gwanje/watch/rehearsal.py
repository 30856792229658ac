"""Rules judged in memory, told the time: the evaluator and the life cycle as they run, without state and without telling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from gwanje.errors import GwanjeError
from gwanje.judge.lifecycle import Instance, State
from gwanje.judge.rules import gotemplate, texts
from gwanje.judge.rules.found import Known, written
from gwanje.judge.rules.recording import Recording, recorded
from gwanje.judge.rules.spec import Rule
from gwanje.judge.rules.thresholds import Thresholds
from gwanje.judge.standing import Change, Standing
from gwanje.keep.samples.base import Labels, Queryable
from gwanje.model import METRIC, STALE, to_ms
from gwanje.watch.evaluator import Evaluator

START: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""When a test begins, as in promtool."""
_NONE_SET: Final = Thresholds()


class Stage(Queryable, Protocol):
    """Samples in memory that can be added to."""

    def append(self, metric: str, labels: Mapping[str, str], value: float, at_ms: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Named:
    """A rule under test, and what its file calls it: Prometheus's `severity` is a label of any text, ours one of three."""

    rule: Rule
    alert: str
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A firing alert as a test sees it."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Alone:
    """What stands of the one rule that is looked at."""

    standing: Standing

    def open(self, _rule: str) -> Mapping[str, Instance]:
        return self.standing.open

    def missing(self, _rule: str, known: Known) -> Mapping[str, Mapping[str, str]]:
        return self.standing.missing(known)


class Judged:
    """One rule and what it made of its alerts so far. `step` is called with times that only grow."""

    def __init__(self, rule: Rule, samples: Queryable, thresholds: Thresholds = _NONE_SET) -> None:
        self.standing = Standing(rule)
        self.failed = ""
        self._thresholds = thresholds
        self._evaluator = Evaluator(samples, _Alone(self.standing), timedelta())

    async def step(self, at: datetime) -> list[Change]:
        """What one evaluation changed. One that fails changes nothing; `failed` says why."""
        evaluation = await self._evaluator.evaluate(self.standing.rule, at, self._thresholds)
        self.failed = evaluation.failed
        if evaluation.found is None:
            return []
        if self.standing.steady(evaluation.found, at):
            self.standing.note(evaluation.found, at)
            return []
        return self.standing.step(evaluation.found, at)


class Rehearsal:
    """Rules and recording rules over samples in memory, evaluated together in the order of their files."""

    def __init__(self, written_rules: Sequence[Named | Recording], stage: Stage, every: timedelta) -> None:
        self._stage = stage
        self._every = every
        self._next = START
        self._present: dict[int, dict[Labels, float]] = {}
        self._steps: list[tuple[Named, Judged] | Recording] = [
            one
            if isinstance(one, Recording)
            else (one, Judged(one.rule.model_copy(update={"interval": every, "delay": timedelta()}), stage))
            for one in written_rules
        ]

    async def until(self, moment: timedelta) -> None:
        """Evaluate everything up to and at a time since the start. Raises GwanjeError where a rule cannot be evaluated."""
        while self._next <= START + moment:
            for place, one in enumerate(self._steps):
                if isinstance(one, Recording):
                    await self._record(place, one, self._next)
                else:
                    await one[1].step(self._next)
                    if one[1].failed:
                        raise GwanjeError(f"the rule {one[0].rule.name!r} could not be evaluated: {one[1].failed}")
            self._next += self._every

    def firing(self, alert: str) -> list[Shown]:
        """The alerts of the rules of this name that people know as firing."""
        found: list[Shown] = []
        for one in self._steps:
            if not isinstance(one, Recording) and one[0].alert == alert:
                one[1].standing.catch_up()
                told = [instance for instance in one[1].standing.open.values() if _fires(instance)]
                found += [_shown(one[0], instance, one[1].standing) for instance in told]
        return found

    async def _record(self, place: int, recording: Recording, at: datetime) -> None:
        """Keep the answer, and a stale marker for what it no longer has."""
        found = recorded(recording, await self._stage.instant(recording.expr, to_ms(at)))
        gone = dict.fromkeys(self._present.get(place, {}).keys() - found.keys(), STALE)
        for labels, value in {**found, **gone}.items():
            own = dict(labels)
            self._stage.append(own.pop(METRIC), own, value, to_ms(at))
        self._present[place] = found


def _fires(instance: Instance) -> bool:
    return instance.fired_at is not None and instance.state in {State.FIRING, State.RECOVERING, State.NO_DATA}


def _shown(named: Named, instance: Instance, standing: Standing) -> Shown:
    rule, labels, value = named.rule, instance.labels, instance.value
    if rule.templates == "prometheus":
        # There a rule's own severity takes the place of the result's, and without one the result's stays.
        carried = {**rule.given(labels), **{name: labels[name] for name in rule.labels if name in labels}}
        carried |= {"alertname": named.alert, **({"severity": named.severity} if named.severity else {})}
        known = texts.known(rule, labels)
        return Shown(carried, {name: gotemplate.render(str(text), known, value) for name, text in rule.annotations.items()})
    carried = {**labels, "alertname": named.alert, "severity": str(instance.severity)}
    condition = written(standing.worst[instance.fingerprint].threshold, rule.value_unit)
    said = texts.summary(rule, labels, value, condition) if "summary" in rule.annotations else {}
    return Shown(carried, {**texts.others(rule, labels, value), **({"summary": said["en"]} if said else {})})
