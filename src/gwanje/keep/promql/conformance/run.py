"""Runs the commands of a file and judges every `eval`: passed, failed, or left out with the reason."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gwanje.errors import BadQuery, QueryLimit
from gwanje.keep.promql.conformance.memory import Memory
from gwanje.keep.promql.conformance.script import STALE, Clear, Command, Eval, Expected, Load, Said
from gwanje.keep.promql.evaluate import instant, range_
from gwanje.keep.promql.selection import Matcher, Selected
from gwanje.keep.promql.table import label, with_label
from gwanje.keep.promql.values import Answer, Matrix, Scalar, Text, Vector
from gwanje.model import METRIC
from gwanje.wire.columns import Labels

TOLERANCE = 1e-6
BOUNDS_OF_QUERY = re.compile(r"\b(step|range|start|end)\(\)")


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Verdict:
    line: int
    query: str
    outcome: Outcome
    reason: str = ""


class _LeftOut(Exception):
    pass


class _Wrong(Exception):
    pass


Samples = dict[Labels, dict[int, float]]


def run(commands: Iterable[Command]) -> Iterator[Verdict]:
    """The verdict of every `eval`, in order."""
    loaded = _Loaded()
    for command in commands:
        match command:
            case Clear():
                loaded = _Loaded()
            case Load():
                loaded.load(command)
            case Eval():
                yield _verdict(command, loaded)


class _Loaded:
    """What the cases so far have loaded; native histograms only by name, so that cases that select one are seen."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.histograms: list[Labels] = []

    def load(self, command: Load) -> None:
        samples: Samples = {}
        for series in command.series:
            if series.histogram:
                self.histograms.append(series.labels)
            else:
                numbered = enumerate(series.values)
                samples[series.labels] = {at * command.interval_ms: value for at, value in numbered if value is not None}
            if command.with_buckets_as_histograms:
                self.histograms.append(_histogram_of(series.labels))
        self.memory.append(samples)

    def fetch(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Selected:
        if self.memory.matching(matchers, self.histograms):
            raise _LeftOut("selects native histograms")
        return self.memory.fetch(matchers, start_ms, end_ms)


def _histogram_of(labels: Labels) -> Labels:
    name = re.sub(r"_(bucket|count|sum)$", "", label(labels, METRIC))
    return with_label(with_label(labels, "le", ""), METRIC, name)


def _verdict(case: Eval, loaded: _Loaded) -> Verdict:
    try:
        _refuse_out_of_scope(case)
        _judge(case, loaded)
    except _LeftOut as reason:
        return Verdict(case.line, case.query, Outcome.LEFT_OUT, str(reason))
    except _Wrong as reason:
        return Verdict(case.line, case.query, Outcome.FAILED, str(reason))
    return Verdict(case.line, case.query, Outcome.PASSED)


def _refuse_out_of_scope(case: Eval) -> None:
    if case.expected.histogram:
        raise _LeftOut("expects native histograms")


def _judge(case: Eval, loaded: _Loaded) -> None:
    expected = case.expected
    try:
        answer = _answer(case, loaded)
    except (BadQuery, QueryLimit) as error:
        if not expected.fails:
            raise _Wrong(f"answered with the error: {error}") from error
        _same_message(expected, str(error))
        return
    if expected.fails:
        raise _Wrong("should fail, but was answered")
    _same_notes("warning", expected.warns, answer.warnings)
    _same_notes("information", expected.informs, answer.infos)
    _same(answer, case)
    if case.instant and isinstance(answer, Vector | Scalar) and not BOUNDS_OF_QUERY.search(case.query):
        _same_in_a_range(answer, case, loaded)


def _answer(case: Eval, loaded: _Loaded) -> Answer:
    if case.instant:
        return instant(case.query, case.start_ms, loaded.fetch)
    return range_(case.query, case.start_ms, case.end_ms, case.step_ms, loaded.fetch)


def _same_in_a_range(answer: Vector | Scalar, case: Eval, loaded: _Loaded) -> None:
    """The middle step of a range query says the same."""
    at_ms = case.start_ms
    matrix = range_(case.query, at_ms - 60_000, at_ms + 60_000, 60_000, loaded.fetch)
    middle = {labels: samples[at_ms] for labels, samples in _samples(matrix).items() if at_ms in samples}
    once = {(): answer.value} if isinstance(answer, Scalar) else dict(zip(answer.labels, answer.values.tolist(), strict=True))
    _same_samples({k: {at_ms: v} for k, v in middle.items()}, {k: {at_ms: v} for k, v in once.items()}, "in a range query")


def _same_message(expected: Expected, message: str) -> None:
    if expected.message and message != expected.message:
        raise _Wrong(f"failed with {message!r} instead of {expected.message!r}")
    if expected.pattern and not re.search(expected.pattern, message):
        raise _Wrong(f"failed with {message!r}, which does not match {expected.pattern!r}")


def _same_notes(sort: str, expected: Said | None, notes: Sequence[str]) -> None:
    if expected is None:
        return
    if expected.no and notes:
        raise _Wrong(f"carries the {sort} {notes[0]!r}")
    if expected.no:
        return
    if not notes:
        raise _Wrong(f"carries no {sort}")
    if expected.message and expected.message not in notes:
        raise _Wrong(f"says {notes} instead of {expected.message!r}")
    if expected.pattern and not any(re.search(expected.pattern, note) for note in notes):
        raise _Wrong(f"says {notes}, and none matches {expected.pattern!r}")


def _same(answer: Answer, case: Eval) -> None:
    expected = case.expected
    match answer:
        case Text():
            if answer.value != expected.text:
                raise _Wrong(f"{answer.value!r} instead of {expected.text!r}")
        case Scalar():
            if expected.scalar is None or not close(answer.value, expected.scalar):
                raise _Wrong(f"{answer.value!r} instead of {expected.scalar!r}")
        case Vector():
            got = dict(zip(answer.labels, answer.values.tolist(), strict=True))
            _same_samples({k: {case.start_ms: v} for k, v in got.items()}, _wanted(case))
            order = [series.labels for series in expected.series]
            if expected.ordered and list(answer.labels) != order:
                raise _Wrong(f"in the order {list(answer.labels)}")
        case Matrix():
            _same_samples(_samples(answer), _wanted(case))


def _wanted(case: Eval) -> Samples:
    if case.expected.text is not None or case.expected.scalar is not None:
        raise _Wrong("expects a string or a scalar, and the answer is another type")
    start, _, step = case.expected.raw or (case.start_ms, case.end_ms, case.step_ms)
    wanted = {}
    for series in case.expected.series:
        numbered = enumerate(series.values)
        wanted[series.labels] = {start + at * step: value for at, value in numbered if value is not None and value is not STALE}
    return {labels: samples for labels, samples in wanted.items() if samples}


def _samples(matrix: Matrix) -> Samples:
    found: Samples = {}
    for row, labels in enumerate(matrix.labels):
        own = slice(int(matrix.offsets[row]), int(matrix.offsets[row + 1]))
        found[labels] = dict(zip(matrix.times[own].tolist(), matrix.values[own].tolist(), strict=True))
    return found


def _same_samples(got: Samples, wanted: Samples, where: str = "") -> None:
    if set(got) != set(wanted):
        raise _Wrong(f"{where} series {sorted(got)} instead of {sorted(wanted)}".strip())
    for labels, samples in wanted.items():
        own = got[labels]
        if set(own) != set(samples) or not all(close(own[at], value) for at, value in samples.items()):
            raise _Wrong(f"{where} {labels}: {own} instead of {samples}".strip())


def close(got: float, wanted: float) -> bool:
    """Equal within the relative tolerance; NaN equals NaN, infinities their like."""
    if math.isnan(wanted):
        return math.isnan(got)
    if wanted == 0 or got == 0:
        return abs(got - wanted) < TOLERANCE * 2.2250738585072014e-308
    return got == wanted or math.isclose(got, wanted, rel_tol=TOLERANCE)
