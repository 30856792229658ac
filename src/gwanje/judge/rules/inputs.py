"""When the inputs of a result last reported. PromQL answers with the last sample for five minutes after a series stopped.

Two looks: how old the newest samples are, which is cheap; and only where one is old, the samples themselves, which tell
how often the series reports at all. Pure.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
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
from gwanje.keep.samples.base import Answer, Matrix, Vector
from gwanje.model import METRIC, to_ms

EVERY: Final = timedelta(seconds=10)
"""How often the inputs of open alerts are looked at."""

_PRESENCE: Final = frozenset({"absent", "absent_over_time", "timestamp", "count_over_time", "present_over_time"})
"""Functions that ask whether samples are there: what stopped is just what they look for."""
_PLAIN: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_RANGE: Final = "10m"
_MS: Final = timedelta(milliseconds=1)


def due(rule: Rule, at: datetime) -> bool:
    """Whether the inputs are looked at in this evaluation: every ten seconds, each rule at a time of its own."""
    if rule.interval >= EVERY:
        return True
    shifted = to_ms(at) + zlib.crc32(rule.name.encode()) % (EVERY // _MS)
    return shifted % (EVERY // _MS) < rule.interval // _MS


def ages(rule: Rule) -> tuple[Question, ...]:
    """What gives the time of the newest sample of each input; nothing where a rule counts what is there."""
    return tuple(Question(f"timestamp({selector})") for selector in _selectors(value(rule)))


def rhythms(rule: Rule) -> tuple[Question, ...]:
    """What gives the newest samples themselves."""
    return tuple(Question(f"{selector}[{_RANGE}]") for selector in _selectors(value(rule)))


def selectors(rule: Rule) -> tuple[str, ...]:
    """The selectors whose samples the rule looks at, each once."""
    if rule.ratio is None:
        return _selectors(value(rule))
    return tuple(dict.fromkeys((*_selectors(rule.ratio.failed), *_selectors(rule.ratio.total))))


def suspect(answers: Iterable[Answer], at_ms: int) -> bool:
    """Whether any input is so old that its rhythm matters."""
    oldest = [float(answer.values.min()) for answer in answers if isinstance(answer, Vector) and len(answer.values)]
    return bool(oldest) and at_ms - min(oldest) * 1000 > SHORTEST_ABSENCE / _MS


def stopped(sets: Mapping[str, Mapping[str, str]], answers: Iterable[Answer], at_ms: int) -> dict[str, str]:
    """The label sets, by identity, whose inputs stopped, and since when.

    Of several inputs, the one that reported last longest ago counts. A set that no input belongs to is not among them;
    `unreported` finds those.
    """
    why: dict[str, str] = {}
    for inputs in map(_Inputs.of, _matrices(answers)):
        for identity, labels in sets.items():
            silent = [inputs.silence(place, at_ms) for place in inputs.belonging(labels)]
            longest = max(silent, default=0)
            if longest:
                why[identity] = _old(timedelta(seconds=longest // 1000))
    return why


def unreported(sets: Mapping[str, Mapping[str, str]], answers: Iterable[Answer]) -> dict[str, str]:
    """The label sets that have no input at all."""
    every = list(map(_Inputs.of, _matrices(answers)))
    why = Because("no sample any more", "no_sample")
    return {one: why for one, labels in sets.items() if every and not any(of.belonging(labels) for of in every)}


def _old(age: timedelta) -> Because:
    return Because(f"the last sample is {format_duration(age)} old", "last_sample_old", seconds=age.total_seconds())


def _matrices(answers: Iterable[Answer]) -> Iterator[Matrix]:
    return (answer for answer in answers if isinstance(answer, Matrix))


@dataclass(slots=True)
class _Inputs:
    """The series of one selector, found by the labels that a result shares with them."""

    samples: Matrix
    labels: list[dict[str, str]]
    names: frozenset[str]
    by_names: dict[tuple[str, ...], dict[tuple[str, ...], list[int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, samples: Matrix) -> _Inputs:
        labels = [dict(one) for one in samples.labels]
        return cls(samples, labels, frozenset(name for one in labels for name in one) - {METRIC})

    def belonging(self, result: Mapping[str, str]) -> list[int]:
        """The places of the series that have the result's labels."""
        shared = tuple(sorted(self.names & result.keys()))
        places = self.by_names.get(shared)
        if places is None:
            places = self.by_names[shared] = {}
            for place, labels in enumerate(self.labels):
                places.setdefault(tuple(labels.get(name, "") for name in shared), []).append(place)
        return places.get(tuple(result[name] for name in shared), [])

    def silence(self, place: int, at_ms: int) -> int:
        return _silence(self.samples, place, at_ms)


def _silence(answer: Matrix, index: int, at_ms: int) -> int:
    """How long a series has been silent, in ms; 0 while it may still be in its rhythm."""
    times = answer.times[int(answer.offsets[index]) : int(answer.offsets[index + 1])]
    if len(times) < 2:
        return 0
    interval = float(np.median(np.diff(times[-20:])))
    age = at_ms - int(times[-1])
    return age if age > max(MISSED * interval, SHORTEST_ABSENCE / _MS) else 0


@lru_cache(maxsize=8192)
def _selectors(query: str) -> tuple[str, ...]:
    """The selectors of a query whose newest samples say whether its inputs still report, each once."""
    return tuple(dict.fromkeys(_text(one) for one in _walk(tree(query)))) if query else ()


def _walk(node: grammar.Expr) -> Iterator[grammar.VectorSelector]:
    match node:
        case grammar.VectorSelector():
            if not node.offset and node.at is None:
                yield node
        case grammar.MatrixSelector():
            yield from _walk(node.vector_selector)
        case grammar.Call():
            if node.func.name not in _PRESENCE:
                for argument in node.args:
                    yield from _walk(argument)
        case grammar.BinaryExpr():
            yield from _walk(node.lhs)
            yield from _walk(node.rhs)
        case grammar.SubqueryExpr() if node.offset or node.at is not None:
            return
        case grammar.ParenExpr() | grammar.AggregateExpr() | grammar.UnaryExpr() | grammar.SubqueryExpr():
            yield from _walk(node.expr)


def _text(selector: grammar.VectorSelector) -> str:
    """The selector with every matcher in its braces; the parser's own printing leaves out escapes."""
    matchers = [(METRIC, "=", selector.name)] if selector.name is not None else []
    matchers += [(one.name, _OPERATORS[str(one.op)], one.value) for one in selector.matchers.matchers]
    return "{" + ",".join(f'{_named(name)}{sign}"{_escaped(text)}"' for name, sign, text in matchers) + "}"


def _named(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else f'"{_escaped(name)}"'


_OPERATORS: Final[Mapping[str, str]] = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}


def _escaped(text: str) -> str:
    return re.sub(r'[\\"]', r"\\\g<0>", text).replace("\n", "\\n")
