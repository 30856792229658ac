"""Series that report more seldom than PromQL looks back: nothing is wrong between two of their samples. Pure.

A query gives nothing of them then; data are missing only when three of their own intervals were missed. Asked only about
results that are gone, once each time they are: how often their inputs reported in the hours before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gwanje.because import Because
from gwanje.config import format_duration
from gwanje.judge.lifecycle import MISSED
from gwanje.judge.rules.inputs import LOOK_BACK, Inputs, selectors
from gwanje.judge.rules.questions import Question
from gwanje.judge.rules.spec import Rule
from gwanje.keep.samples.base import Answer, Matrix
from gwanje.wire.names import label, one_of

BACK: Final = timedelta(hours=3)
"""How far back the rhythm of a series is looked for: what reports once an hour is known."""
_NARROWED: Final = 100
"""Of more results than so many at once, the selectors are asked as they are."""
_MS: Final = timedelta(milliseconds=1)

Sets = Mapping[str, Mapping[str, str]]
"""Label sets as the query gives them, by identity."""


@dataclass(frozen=True, slots=True)
class Seldom:
    """How often the inputs of a result report that has no value now, and when they did last."""

    newest: datetime
    """By the clock of evaluations: later than the sample where these look back."""
    every: timedelta

    @property
    def patience(self) -> timedelta:
        """For how long after the newest sample nothing is missing."""
        return MISSED * self.every

    @property
    def why(self) -> Because:
        sentence = f"between two samples, which come every {format_duration(self.every)}"
        return Because(sentence, "between_samples", seconds=self.every.total_seconds())


def samples(rule: Rule, sets: Sets) -> tuple[Question, ...]:
    """What gives the samples of the results' inputs, one question for each selector of the rule."""
    more = _matchers(list(sets.values()))
    return tuple(Question(f"{selector[:-1]}{more}}}[{format_duration(BACK)}]") for selector in selectors(rule))


def rhythms(sets: Sets, answers: Iterable[Answer], at: datetime, at_ms: int) -> dict[str, Seldom]:
    """Those of the label sets whose inputs report seldom, by the answers to `samples` as of `at_ms`.

    A result of several selectors comes back when each of them has a value, of which the first that does not counts; of
    several series of one selector, the one that is due last, because it is enough for a value.
    """
    found: dict[str, Seldom] = {}
    for answer in answers:
        if not isinstance(answer, Matrix):
            continue
        inputs = Inputs.of(answer.labels)
        for identity, labels in sets.items():
            rhythm = _rhythm([_times(answer, place) for place in inputs.belonging(labels)], at, at_ms)
            if rhythm is not None:
                found[identity] = min(rhythm, found.get(identity, rhythm), key=_ends)
    return {identity: one for identity, one in found.items() if one.patience > LOOK_BACK}


def _rhythm(series: Iterable[NDArray[np.int64]], at: datetime, at_ms: int) -> Seldom | None:
    """That of the series that is due last; None where one of them has a value, or none reported twice."""
    every: list[Seldom] = []
    for times in series:
        if len(times) and at_ms - int(times[-1]) < LOOK_BACK / _MS:
            return None
        if len(times) > 1:
            seconds = round(float(np.median(np.diff(times[-20:]))) / 1000)
            every.append(Seldom(at - (at_ms - int(times[-1])) * _MS, timedelta(seconds=seconds)))
    return max(every, key=_ends, default=None)


def _times(answer: Matrix, place: int) -> NDArray[np.int64]:
    return answer.times[int(answer.offsets[place]) : int(answer.offsets[place + 1])]


def _ends(one: Seldom) -> datetime:
    return one.newest + one.patience


def _matchers(sets: Sequence[Mapping[str, str]]) -> str:
    """Matchers of the labels that all these sets have, with every value that one of them has there."""
    if not sets or len(sets) > _NARROWED:
        return ""
    names = sorted(set.intersection(*(set(one) for one in sets)))
    return "".join(f",{label(name)}=~{one_of({one[name] for one in sets})}" for name in names)
