"""When the inputs of a result last reported. PromQL answers with the last sample for five minutes after a series stopped.

Two looks: how old the newest samples are, which is cheap; and only where one is old, or a result has none (what looks back
over an hour answers for an hour), the samples themselves, which tell how often the series reports at all. Pure.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

import numpy as np
import promql_parser as grammar

from gwanje.because import Because
from gwanje.config import format_duration
from gwanje.judge.lifecycle import MISSED, SHORTEST_ABSENCE
from gwanje.judge.rules.looks import tree
from gwanje.judge.rules.questions import Question, value
from gwanje.judge.rules.spec import Rule
from gwanje.keep.samples.base import Answer, Labels, Matrix, Vector
from gwanje.model import METRIC, to_ms
from gwanje.wire.names import label, quoted

EVERY: Final = timedelta(seconds=10)
"""How often the inputs of open alerts are looked at."""

_PRESENCE: Final = frozenset({"absent", "absent_over_time", "timestamp", "count_over_time", "present_over_time"})
"""Functions that ask whether samples are there: what stopped is just what they look for."""
LOOK_BACK: Final = timedelta(minutes=5)
"""How long PromQL takes a series' last sample for its value."""
_RHYTHM: Final = timedelta(minutes=5)
"""What is looked at before the oldest sample that a result may be made of, so that its rhythm is known."""
_LONGEST: Final = timedelta(hours=6)
"""How far back samples are read at most."""
_MS: Final = timedelta(milliseconds=1)


def due(rule: Rule, at: datetime) -> bool:
    """Whether the inputs are looked at in this evaluation: every ten seconds, each rule at a time of its own."""
    if rule.interval >= EVERY:
        return True
    shifted = to_ms(at) + zlib.crc32(rule.name.encode()) % (EVERY // _MS)
    return shifted % (EVERY // _MS) < rule.interval // _MS


def ages(rule: Rule) -> tuple[Question, ...]:
    """What gives the time of the newest sample of each input; nothing where a rule counts what is there."""
    return tuple(Question(f"timestamp({selector})") for selector in _reaches(rule))


def rhythms(rule: Rule) -> tuple[Question, ...]:
    """What gives the samples themselves, as far back as a result may be made of them."""
    ranges = {selector: min(max(reach, LOOK_BACK) + _RHYTHM, _LONGEST) for selector, reach in _reaches(rule).items()}
    return tuple(Question(f"{selector}[{format_duration(back)}]") for selector, back in ranges.items())


def selectors(rule: Rule) -> tuple[str, ...]:
    """The selectors whose samples the rule looks at, each once."""
    return tuple(_reaches(rule))


def suspect(rule: Rule, sets: Mapping[str, Mapping[str, str]], answers: Sequence[Answer], at_ms: int) -> bool:
    """Whether any input is so old that its rhythm matters, by the answers to `ages`."""
    newest = list(_vectors(answers))
    oldest = [float(answer.values.min()) for answer in newest if len(answer.values)]
    if oldest and at_ms - min(oldest) * 1000 > SHORTEST_ABSENCE / _MS:
        return True
    if max(_reaches(rule).values(), default=LOOK_BACK) <= LOOK_BACK:
        return False  # what answers has newest samples
    inputs = [Inputs.of(answer.labels) for answer in newest]
    return any(not of.belonging(labels) for labels in sets.values() for of in inputs)


def stopped(sets: Mapping[str, Mapping[str, str]], answers: Iterable[Answer], at_ms: int) -> dict[str, str]:
    """The label sets, by identity, whose inputs stopped, and since when, by the answers to `rhythms`.

    Of several inputs, the one that reported last longest ago counts. A set that no input belongs to is not among them;
    `gone` finds those.
    """
    why: dict[str, str] = {}
    for answer in answers:
        if not isinstance(answer, Matrix):
            continue
        inputs = Inputs.of(answer.labels)
        for identity, labels in sets.items():
            silent = [_silence(answer, place, at_ms) for place in inputs.belonging(labels)]
            longest = max(silent, default=0)
            if longest:
                why[identity] = _old(timedelta(seconds=longest // 1000))
    return why


def gone(sets: Mapping[str, Mapping[str, str]], then: Sequence[Answer], now: Sequence[Answer]) -> dict[str, str]:
    """The label sets, by identity, that had an input in a selector when they were seen last, and have none in it now.

    `then` and `now` answer `ages`. A query that counts what is there has no inputs, and nothing of it is gone.
    """
    before, after = ([Inputs.of(answer.labels) for answer in _vectors(answers)] for answers in (then, now))
    why = Because("no sample any more", "no_sample")
    return {one: why for one, labels in sets.items() if before and not _as_before(labels, before, after)}


def _as_before(labels: Mapping[str, str], before: Sequence[Inputs], after: Sequence[Inputs]) -> bool:
    then, now = ([bool(of.belonging(labels)) for of in inputs] for inputs in (before, after))
    if not any(then) and not any(now):  # labels that no input has: the query gave them, and all inputs stand for its own
        then, now = ([bool(of.labels) for of in inputs] for inputs in (before, after))
    return any(now) and all(reports for reported, reports in zip(then, now, strict=True) if reported)


def _old(age: timedelta) -> Because:
    return Because(f"the last sample is {format_duration(age)} old", "last_sample_old", seconds=age.total_seconds())


def _vectors(answers: Iterable[Answer]) -> Iterator[Vector]:
    return (answer for answer in answers if isinstance(answer, Vector))


@dataclass(slots=True)
class Inputs:
    """The series of one selector, found by the labels that a result shares with them."""

    labels: list[dict[str, str]]
    names: frozenset[str]
    by_names: dict[tuple[str, ...], dict[tuple[str, ...], list[int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, series: Iterable[Labels]) -> Inputs:
        labels = [dict(one) for one in series]
        return cls(labels, frozenset(name for one in labels for name in one) - {METRIC})

    def belonging(self, result: Mapping[str, str]) -> list[int]:
        """The places of the series that have the result's labels."""
        shared = tuple(sorted(self.names & result.keys()))
        places = self.by_names.get(shared)
        if places is None:
            places = self.by_names[shared] = {}
            for place, labels in enumerate(self.labels):
                places.setdefault(tuple(labels.get(name, "") for name in shared), []).append(place)
        return places.get(tuple(result[name] for name in shared), [])


def _silence(answer: Matrix, index: int, at_ms: int) -> int:
    """How long a series has been silent, in ms; 0 while it may still be in its rhythm."""
    times = answer.times[int(answer.offsets[index]) : int(answer.offsets[index + 1])]
    if len(times) < 2:
        return 0
    interval = float(np.median(np.diff(times[-20:])))
    age = at_ms - int(times[-1])
    return age if age > max(MISSED * interval, SHORTEST_ABSENCE / _MS) else 0


def _reaches(rule: Rule) -> Mapping[str, timedelta]:
    """The selectors whose newest samples say whether the inputs still report, each with how far back the rule looks at it."""
    if rule.ratio is None:
        return _selectors(value(rule))
    return dict.fromkeys((*_selectors(rule.ratio.failed), *_selectors(rule.ratio.total)), rule.ratio.over)


@lru_cache(maxsize=8192)
def _selectors(query: str) -> Mapping[str, timedelta]:
    found: dict[str, timedelta] = {}
    for selector, reach in _walk(tree(query)) if query else ():
        text = _text(selector)
        found[text] = max(reach, found.get(text, reach))
    return found


def _walk(node: grammar.Expr, reach: timedelta = timedelta()) -> Iterator[tuple[grammar.VectorSelector, timedelta]]:
    match node:
        case grammar.VectorSelector() | grammar.SubqueryExpr() if node.offset or node.at is not None:
            return
        case grammar.VectorSelector():
            yield node, reach
        case grammar.MatrixSelector():
            yield from _walk(node.vector_selector, reach + node.range)
        case grammar.SubqueryExpr():
            yield from _walk(node.expr, reach + (node.range or timedelta()))
        case grammar.Call() if node.func.name not in _PRESENCE:
            for argument in node.args[:1] if node.func.name == "info" else node.args:  # what `info` adds is no input
                yield from _walk(argument, reach)
        case grammar.BinaryExpr():
            yield from _walk(node.lhs, reach)
            yield from _walk(node.rhs, reach)
        case grammar.ParenExpr() | grammar.AggregateExpr() | grammar.UnaryExpr():
            yield from _walk(node.expr, reach)


def _text(selector: grammar.VectorSelector) -> str:
    """The selector with every matcher in its braces; the parser's own printing leaves out escapes."""
    matchers = [(METRIC, "=", selector.name)] if selector.name is not None else []
    matchers += [(one.name, _OPERATORS[str(one.op)], one.value) for one in selector.matchers.matchers]
    return "{" + ",".join(f"{label(name)}{sign}{quoted(text)}" for name, sign, text in matchers) + "}"


_OPERATORS: Final[Mapping[str, str]] = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}
