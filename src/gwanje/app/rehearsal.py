"""`gwanje rules test`: stories about rules, in promtool's format or in ours, told to the rules as they run."""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
import yaml

from gwanje.config import Document, Reader, format_duration
from gwanje.errors import GwanjeError
from gwanje.judge.rules import prometheus
from gwanje.judge.rules.promtool import AlertTest, Case, QueryTest, Tests, said, samples
from gwanje.judge.rules.recording import Recording
from gwanje.judge.rules.spec import Rule
from gwanje.keep.samples.base import Answer, Labels, Matrix, Scalar, Vector
from gwanje.model import METRIC, to_ms
from gwanje.testing import scenarios
from gwanje.watch.rehearsal import START, Named, Rehearsal, Shown

_EXACT: Final = 1e-12
"""How far a value may be from the expected one: so much may the order of a sum change."""
_FUZZY: Final = 1e-6
"""The same where the file says `fuzzy_compare`."""

Group = tuple[str, list[Named | Recording]]


def run(files: Sequence[Path]) -> int:
    """Tell every story of the files; 1 when one came out otherwise than it says."""
    for file in files:
        if not file.is_file():
            raise GwanjeError(f"there is no file {file}")
    problems = [problem for file in files for problem in asyncio.run(_told(file))]
    wrong = [problem for problem in problems if problem]
    for problem in wrong:
        print(problem)
    passed = len(problems) - len(wrong)
    print(f"{len(wrong)} failed, {passed} passed" if wrong else f"{passed} passed")
    return 1 if wrong else 0


async def _told(file: Path) -> list[str]:
    """For each thing that a file expects, what is wrong with it; empty where nothing is. Raises GwanjeError."""
    reader = Reader(file.parent, {})
    document = reader.document(file.name)
    reader.finish()
    if "timeline" in document.values:
        return [await _story(file)]
    if "tests" not in document.values:
        raise GwanjeError(f"{file} holds neither `tests`, as promtool reads them, nor the `timeline` of a story")
    tests = reader.read(Tests, document)
    reader.finish()
    if tests is None:
        return []
    rules = _rules(file, tests)
    told: list[str] = []
    for place, case in enumerate(tests.tests):
        told += await _Case(file, document, place, case, tests).told(rules)
    return told


# --- a story of ours ---


async def _story(file: Path) -> str:
    try:
        story = scenarios.load(file)
        with structlog.testing.capture_logs(), tempfile.TemporaryDirectory() as folder:
            heard = await scenarios.play(story, Path(folder))
    except (KeyError, TypeError, ValueError) as error:
        raise GwanjeError(f"{file} cannot be told: {type(error).__name__}: {error}") from error
    wrong: list[str] = []
    for name, found in (("expect", heard.messages), ("open", heard.open), ("ended", heard.ended)):
        if story.get(name) is None:
            continue
        expected, got = scenarios.same(story[name], found)
        if expected != got:
            wrong += [f"  {name}:", *_lines("expected", expected), *_lines("found", got)]
    return "\n".join([f"{file}: told otherwise", *wrong]) if wrong else ""


def _lines(head: str, entries: Sequence[Any]) -> list[str]:
    written = [yaml.safe_dump(one, default_flow_style=True, allow_unicode=True, width=1000).strip() for one in entries]
    return [f"    {head} {one}" for one in written or ["nothing"]]


# --- promtool's format ---


@dataclass(frozen=True, slots=True)
class _Case:
    """One entry of `tests`, and where it stands."""

    file: Path
    document: Document
    place: int
    case: Case
    tests: Tests

    async def told(self, rules: Sequence[Named | Recording]) -> list[str]:
        stage = scenarios.MemorySamples()
        for labels, values in samples(self.case, self.tests.interval(self.case)):
            own = dict(labels)
            metric = own.pop(METRIC, "")
            for at_ms, value in values.items():
                stage.append(metric, own, value, at_ms)
        rehearsal = Rehearsal(rules, stage, self.tests.evaluation_interval)
        alerts = sorted(enumerate(self.case.alert_rule_test), key=lambda one: one[1].eval_time)
        found: dict[int, str] = {}
        for number, test in alerts:
            await rehearsal.until(test.eval_time)
            found[number] = self._alerts(number, test, rehearsal.firing(test.alertname))
        await rehearsal.until(self.case.until())
        told = [found[number] for number in range(len(alerts))]
        for number, query in enumerate(self.case.promql_expr_test):
            answer = await stage.instant(query.expr, to_ms(START + query.eval_time))
            told.append(self._samples(number, query, answer))
        return told

    def _alerts(self, number: int, test: AlertTest, found: Sequence[Shown]) -> str:
        expected = [Shown({**one.exp_labels, "alertname": test.alertname}, one.exp_annotations) for one in test.exp_alerts or ()]
        head = f"{test.alertname} at {format_duration(test.eval_time)}"
        return self._difference("alert_rule_test", number, head, list(map(_alert, expected)), list(map(_alert, found)))

    def _samples(self, number: int, test: QueryTest, answer: Answer) -> str:
        expected = {one.key(): one.value for one in test.exp_samples or ()}
        got = _values(answer)
        tolerance = _FUZZY if self.tests.fuzzy_compare else _EXACT
        for labels in expected.keys() & got.keys():
            if _close(got[labels], expected[labels], tolerance):
                got[labels] = expected[labels]
        head = f"{test.expr} at {format_duration(test.eval_time)}"
        sides = [[f"{said(dict(labels))} {value!r}" for labels, value in one.items()] for one in (expected, got)]
        return self._difference("promql_expr_test", number, head, *sides)

    def _difference(self, key: str, number: int, head: str, expected: Sequence[str], found: Sequence[str]) -> str:
        """Where it stands, what is missing and what is there beyond; empty where both say the same."""
        missing, beyond = list(expected), []
        for one in found:
            if one in missing:
                missing.remove(one)
            else:
                beyond.append(one)
        if not missing and not beyond:
            return ""
        _, line = self.document.where(("tests", self.place, key, number))
        name = f"{self.case.name}: " if self.case.name else ""
        lines = [f"{self.file}:{line}: {name}{head}", *(f"  missing    {one}" for one in missing)]
        return "\n".join([*lines, *(f"  unexpected {one}" for one in beyond)])


def _alert(shown: Shown) -> str:
    return said(shown.labels) + (f" annotations {said(shown.annotations)}" if shown.annotations else "")


def _values(answer: Answer) -> dict[Labels, float]:
    match answer:
        case Scalar(value):
            return {(): value}
        case Vector(labels, values):
            return {labels_: float(value) for labels_, value in zip(labels, values, strict=True)}
        case Matrix():
            raise GwanjeError("a query under test gives a range of samples; it must give one value for each series")
    raise GwanjeError(f"a query under test gives the text {answer.value!r}; it must give one value for each series")


def _close(got: float, wanted: float, tolerance: float) -> bool:
    return (math.isnan(got) and math.isnan(wanted)) or math.isclose(got, wanted, rel_tol=tolerance)


# --- the rules under test ---


def _rules(file: Path, tests: Tests) -> list[Named | Recording]:
    """Every rule of the files that the test names, groups in `group_eval_order` first. Raises ConfigErrors."""
    groups: list[Group] = []
    reader = Reader(file.parent, {})
    for pattern in tests.rule_files:
        names = _matching(file.parent, pattern)
        if not names:
            raise GwanjeError(f"{file}: `rule_files` names {pattern}, and there is no such file beside it")
        for name in names:
            document = reader.document(name)
            groups += _of_groups(reader, document)
            groups.append(("", list(_of_list(reader, document))))
    reader.finish()
    order = {name: place for place, name in enumerate(tests.group_eval_order)}
    groups.sort(key=lambda group: order.get(group[0], len(order)))
    return [rule for _, rules in groups for rule in rules]


def _matching(folder: Path, pattern: str) -> list[str]:
    if (folder / pattern).is_file():
        return [pattern]
    absolute = Path(pattern).is_absolute()
    return [] if absolute else sorted(str(path.relative_to(folder)) for path in folder.glob(pattern) if path.is_file())


def _of_list(reader: Reader, document: Document) -> Iterator[Named | Recording]:
    for place, values in enumerate(document.values.get("rules") or ()):
        if isinstance(values, dict) and "record" in values:
            recording = reader.read(Recording, document, ("rules", place), values)
            yield from [recording] if recording else []
        else:
            rule = reader.read(Rule, document, ("rules", place), values)
            yield from [Named(rule, rule.name)] if rule else []


def _of_groups(reader: Reader, document: Document) -> list[Group]:
    written = document.values.get("groups") or []
    groups: list[Group] = [(str(group.get("name")), []) for group in written]
    try:
        for one in prometheus.translated(written):
            index, number = int(one.place[1]), int(one.place[3])
            if "record" in one.values:
                recording = reader.read(Recording, document, one.place, one.values)
                groups[index][1].extend([recording] if recording else [])
            else:
                rule = reader.read(Rule, document, one.place, one.values)
                groups[index][1].extend([_named(rule, written[index], written[index]["rules"][number])] if rule else [])
    except ValueError as error:
        reader.mistake(*document.where(("groups",)), "groups", str(error))
    return groups


def _named(rule: Rule, group: Mapping[str, Any], written: Mapping[str, Any]) -> Named:
    labels = {**(group.get("labels") or {}), **(written.get("labels") or {})}
    return Named(rule, str(written["alert"]), str(labels.get("severity", "")))
