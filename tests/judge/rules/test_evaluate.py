"""Answers of the store → verdicts."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from gwanje.judge.rules.evaluate import RuleError, found, increments
from gwanje.judge.rules.questions import Question, curve, questions
from gwanje.judge.rules.spec import Rule, Threshold
from gwanje.judge.rules.verdict import Breach, Error, Good, Insufficient, Verdict
from gwanje.keep.samples.base import Answer, Matrix, Scalar, Text, Vector
from gwanje.model import METRIC, Severity

MINUTE = 60_000


def _rule(**keys: object) -> Rule:
    return Rule.model_validate({"name": "a", "expr": "up", "warning": ">= 0.8", "critical": ">= 0.9"} | keys)


def _ratio(min_samples: int = 3, by: Sequence[str] = ("source",)) -> Rule:
    ratio = {"failed": 'f{outcome="failed"}', "total": "f", "over": "15m", "min_samples": min_samples, "by": tuple(by)}
    return Rule.model_validate({"name": "fail rate", "ratio": ratio, "critical": ">= 0.2", "unit": "ratio"})


def _vector(*rows: tuple[Mapping[str, str], float]) -> Vector:
    labels = [tuple(sorted({METRIC: "up", **one}.items())) for one, _ in rows]
    return Vector(labels, np.array([value for _, value in rows]), 0)


def _matrix(*series: tuple[Mapping[str, str], Sequence[tuple[int, float]]]) -> Matrix:
    """Series with samples as (minute, value)."""
    flat = [sample for _, samples in series for sample in samples]
    return Matrix(
        labels=[tuple(sorted({METRIC: "f", **labels}.items())) for labels, _ in series],
        offsets=np.cumsum([0, *(len(samples) for _, samples in series)]).astype(np.int64),
        times=np.array([minute * MINUTE for minute, _ in flat], dtype=np.int64),
        values=np.array([value for _, value in flat], dtype=np.float64),
    )


def _one(rule: Rule, *answers: Answer, at_minute: int = 20) -> Verdict:
    (verdict,) = found(rule, answers, at_minute * MINUTE).verdicts()
    return verdict


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        pytest.param(0.79, None, id="below both"),
        pytest.param(0.8, Severity.WARNING, id="E3 exactly at the warning"),
        pytest.param(0.89, Severity.WARNING, id="between"),
        pytest.param(0.9, Severity.CRITICAL, id="E10 the worst that holds"),
    ],
)
def test_the_worst_condition_that_holds_is_the_verdict(value: float, severity: Severity | None) -> None:
    found = _one(_rule(), _vector(({"host": "web-1"}, value)))
    assert (found.severity if isinstance(found, Breach) else None) is severity
    assert found.labels == {"host": "web-1"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_e3_what_is_no_number_satisfies_no_comparison(value: float) -> None:
    assert isinstance(_one(_rule(warning="!= 5", critical=None), _vector(({}, value))), Error)


def test_a_scalar_is_one_result_without_labels() -> None:
    assert _one(_rule(), Scalar(0.95, 0)) == Breach({}, 0.95, Severity.CRITICAL, Threshold(">=", 0.9), "0.95 is >= 0.9")


def test_between_the_thresholds_is_good_but_not_cleared() -> None:
    found = [_one(_rule(clear="< 0.7"), _vector(({}, value))) for value in (0.75, 0.69)]
    assert [one.cleared for one in found if isinstance(one, Good)] == [False, True]


def test_e2_two_results_with_one_label_set_are_an_error_of_the_rule() -> None:
    same = Vector([((METRIC, "a"), ("host", "web-1")), ((METRIC, "b"), ("host", "web-1"))], np.array([1.0, 0.0]), 0)
    with pytest.raises(RuleError, match="two results"):
        found(_rule(), [same], 0)


@pytest.mark.parametrize("answer", [Text("x", 0), _matrix(({}, [(0, 1.0)]))], ids=["a text", "raw samples"])
def test_an_answer_that_is_no_value_is_an_error_of_the_rule(answer: Answer) -> None:
    with pytest.raises(RuleError, match="neither a number"):
        found(_rule(), [answer], 0)


def test_e2_an_empty_label_is_none_and_two_results_that_differ_by_what_it_hides_are_an_error() -> None:
    hides = _rule(labels={"host": "", "team": ""})
    assert _one(hides, _vector(({"host": "web-1"}, 1.0))).labels == {}
    with pytest.raises(RuleError, match="two results"):
        found(hides, [_vector(({"host": "web-1"}, 1.0), ({"host": "web-2"}, 0.1))], 0)
    apart = _vector(({"host": "서버"}, 1.0), ({"host": "서버 "}, 1.0), ({}, 1.0))
    assert len(set(found(_rule(), [apart], 0).identities)) == 3


def test_labels_of_the_rule_are_added() -> None:
    assert _one(_rule(labels={"team": "ops"}), _vector(({"host": "web-1"}, 1.0))).labels == {"host": "web-1", "team": "ops"}


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([(10, 5)], 0, id="one sample has grown by nothing"),
        pytest.param([(2, 3), (10, 5)], 2, id="the last sample before the window is the base"),
        pytest.param([(5, 3), (10, 5)], 2, id="a sample exactly at the start is the base"),
        pytest.param([(2, 3), (5, 4), (10, 5)], 1, id="only the last one before"),
        pytest.param([(6, 0), (10, 2)], 2, id="a series born inside counts from its first value"),
        pytest.param([(6, 7), (10, 8)], 1, id="whatever that value is"),
        pytest.param([(4, 9), (10, 2), (12, 3)], 3, id="after a reset it grew by what it shows"),
        pytest.param([(4, 9), (10, 0), (12, 0)], 0, id="a reset to zero is no growth"),
        pytest.param([(1, 1), (2, 4)], 0, id="all before the window"),
    ],
)
def test_e4_increments_are_counted_exactly(samples: list[tuple[int, float]], expected: float) -> None:
    times = np.array([minute for minute, _ in samples], dtype=np.int64)
    values = np.array([value for _, value in samples], dtype=np.float64)
    assert increments(times, values, 5) == expected


def test_e4_one_of_five_is_exactly_a_fifth_and_a_breach() -> None:
    failed = _matrix(({"source": "shop", "outcome": "failed"}, [(6, 0), (10, 1)]))
    total = _matrix(
        ({"source": "shop", "outcome": "failed"}, [(6, 0), (10, 1)]),
        ({"source": "shop", "outcome": "succeeded"}, [(6, 0), (9, 4)]),
    )
    assert _one(_ratio(), failed, total) == Breach(
        {"source": "shop"}, 0.2, Severity.CRITICAL, Threshold(">=", 0.2), "20.0 % (1 of 5 in 15m) is >= 20.0 %"
    )


def test_e4_below_min_samples_nothing_is_said() -> None:
    one = _matrix(({"source": "shop", "outcome": "failed"}, [(6, 0), (10, 2)]))
    assert _one(_ratio(), one, one) == Insufficient({"source": "shop"}, "2 of 2 in 15m, 3 are needed")


def test_e4_exactly_min_samples_are_enough() -> None:
    total = _matrix(({"source": "shop"}, [(6, 0), (10, 3)]))
    assert isinstance(_one(_ratio(), total, total), Breach)


def test_a_source_without_failures_is_good() -> None:
    total = _matrix(({"source": "shop", "outcome": "succeeded"}, [(6, 0), (10, 4)]))
    assert _one(_ratio(), _matrix(), total) == Good({"source": "shop"}, 0.0, cleared=True, why="0.0 % (0 of 4 in 15m)")


def test_without_by_all_counters_are_one() -> None:
    total = _matrix(({"source": "shop"}, [(6, 0), (10, 4)]), ({"source": "news"}, [(6, 0), (10, 6)]))
    failed = _matrix(({"source": "news"}, [(6, 0), (10, 1)]))
    found = _one(_ratio(by=()), failed, total)
    assert isinstance(found, Good)
    assert (found.labels, found.value) == ({}, 0.1)


def test_the_questions_of_a_ratio_reach_back_to_the_base() -> None:
    assert questions(_ratio()) == (Question('f{outcome="failed"}[30m]'), Question("f[30m]"))


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        pytest.param("up", 'up{host="web-1"}', id="a metric"),
        pytest.param('up{job="a",}', 'up{job="a",host="web-1"}', id="with matchers"),
        pytest.param('{__name__="up"}', '{__name__="up",host="web-1"}', id="without a name"),
        pytest.param(
            '1 - avg by (host) (rate(c{mode="idle"}[1m]))',
            '1 - avg by (host) (rate(c{mode="idle",host="web-1"}[1m]))',
            id="in calls",
        ),
        pytest.param(
            "sum(a) by (b) / on (b) c offset 5m",
            'sum(a{host="web-1"}) by (b) / on (b) c{host="web-1"} offset 5m',
            id="in lists not",
        ),
        pytest.param("max_over_time(m[5m:1m])", 'max_over_time(m{host="web-1"}[5m:1m])', id="in ranges not"),
        pytest.param('a{x=~"b{2}\\\\d"}', 'a{x=~"b{2}\\\\d",host="web-1"}', id="braces and escapes in texts stay"),
        pytest.param("1e3 + inf > bool up", '1e3 + inf > bool up{host="web-1"}', id="numbers and words stay"),
    ],
)
def test_a_curve_is_the_rules_own_expression_for_this_alert(expr: str, expected: str) -> None:
    rule = _rule(expr=expr, labels={"team": "ops"})
    assert curve(rule, {"host": "web-1", "team": "ops"}) == expected


def test_a_label_with_quotes_stays_one_label() -> None:
    assert curve(_rule(), {"host": 'a"} or up{x="'}) == 'up{host="a\\"} or up{x=\\""}'


def test_the_curve_of_a_ratio_shows_the_ratio() -> None:
    assert curve(_ratio(), {"source": "shop"}) == (
        'sum by (source) (increase(f{outcome="failed",source="shop"}[15m])) / sum by (source) (increase(f{source="shop"}[15m]))'
    )
