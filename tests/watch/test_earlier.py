"""What answered before a rule's first evaluation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gwanje.errors import RetryLater
from gwanje.judge.rules.evaluate import found
from gwanje.judge.rules.questions import questions
from gwanje.judge.rules.spec import Rule
from gwanje.keep.samples.base import Matrix
from gwanje.model import to_ms
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.earlier import answered

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
RULES: dict[str, dict[str, Any]] = {
    "value": {"expr": "cpu"},
    "labels": {"expr": "max by (host) (cpu)", "labels": {"team": "ops"}},
    "time": {"metric": "cpu", "over": "5m", "min_samples": 3},
    "ratio": {"ratio": {"failed": 'f{outcome="failed"}', "total": "f", "over": "5m", "by": ["host"]}},
    "anomaly": {"expr": "cpu", "anomaly": {"window": 3, "every": "1m"}},
}


class _Counted(MemorySamples):
    ranges = 0

    async def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Matrix:
        self.ranges += 1
        if "broken" in query:
            raise RetryLater("the store does not answer")
        return await MemorySamples.range(self, query, start_ms, end_ms, step_ms)


def _rule(name: str, **keys: Any) -> Rule:
    return Rule.model_validate({"name": name, "critical": "> 0", "interval": "1m", "no_data": "alert", **keys})


@pytest.fixture
def samples() -> _Counted:
    made = _Counted()
    for minute in range(-20, -6):
        for outcome in ("failed", "ok"):
            made.append("f", {"host": "web-1", "outcome": outcome}, 1.0, to_ms(NOW + timedelta(minutes=minute)))
        made.append("cpu", {"host": "web-1"}, 1.0, to_ms(NOW + timedelta(minutes=minute)))
    return made


async def test_n3_what_answered_in_the_hour_before_is_known_by_one_question_a_rule(samples: _Counted) -> None:
    rules = [_rule(name, **keys) for name, keys in RULES.items()]
    told = await answered(samples, [(rule, NOW) for rule in rules], lambda _, at: at)
    assert samples.ranges == len(rules)
    assert [(rule.name, at) for rule, _, at in told] == [(name, NOW) for name in RULES]
    then = to_ms(NOW - timedelta(minutes=7))
    for rule, known, _ in told:
        answers = [await samples.instant(one.query, then) for one in questions(rule)]
        assert list(known.identities) == list(found(rule, answers, then).identities), rule.name
        assert known.identities, rule.name


async def test_n3_what_cannot_be_said_of_one_rule_is_known_of_the_others(samples: _Counted) -> None:
    rules = [_rule("broken", expr="broken"), _rule("value", expr="cpu")]
    told = await answered(samples, [(rule, NOW) for rule in rules], lambda _, at: at)
    assert [rule.name for rule, _, _ in told] == ["value"]


async def test_n3_the_hour_before_is_that_of_the_samples_a_rule_looks_at(samples: _Counted) -> None:
    late = timedelta(hours=1)
    rules = [(_rule("value", expr="cpu"), NOW + timedelta(hours=1, minutes=55))]
    (told,) = await answered(samples, rules, lambda _, at: at)
    assert not told[1].identities
    (told,) = await answered(samples, rules, lambda _, at: at - late)
    assert told[1].identities
