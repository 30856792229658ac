"""What a rule may say, and which sentence answers what it may not."""

import pytest
from pydantic import ValidationError

from gwanje.judge.rules.spec import Rule, Threshold, parse_threshold


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">= 0.85", Threshold(">=", 0.85)),
        ("<10", Threshold("<", 10.0)),
        (" == -1e3 ", Threshold("==", -1000.0)),
        ("!= .5", Threshold("!=", 0.5)),
    ],
)
def test_a_condition_is_an_operator_and_a_number(text: str, expected: Threshold) -> None:
    assert parse_threshold(text) == expected


@pytest.mark.parametrize("text", ["0.85", "=> 1", ">= ", ">= NaN", ">= 1e999", "> 1 and < 2", "", ">= 1%"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a condition"):
        parse_threshold(text)


@pytest.mark.parametrize(
    ("operator", "value", "holds"),
    [(">=", 0.2, True), (">", 0.2, False), ("<=", 0.2, True), ("<", 0.2, False), ("==", 0.2, True), ("!=", 0.2, False)],
)
def test_e3_an_operator_means_exactly_what_it_says_at_the_threshold(operator: str, value: float, *, holds: bool) -> None:
    assert Threshold(operator, 0.2).holds(value) is holds


@pytest.mark.parametrize(
    ("fire", "clear"),
    [(">= 0.85", "< 0.80"), (">= 0.85", "< 0.85"), ("> 0.85", "<= 0.85"), ("<= 10", "> 12"), ("< 10", ">= 10")],
)
def test_s5_a_clear_condition_lies_on_the_good_side(fire: str, clear: str) -> None:
    assert Rule.model_validate({"name": "a", "expr": "up", "critical": fire, "clear": clear}).clear is not None


@pytest.mark.parametrize(
    ("fire", "clear"),
    [(">= 0.85", "< 0.90"), (">= 0.85", "<= 0.85"), (">= 0.85", "> 0.80"), ("<= 10", "> 8"), ("<= 10", "< 12"), ("!= 1", "== 1")],
)
def test_s5_a_clear_condition_on_the_wrong_side_is_a_mistake(fire: str, clear: str) -> None:
    with pytest.raises(ValidationError, match="wrong side"):
        Rule.model_validate({"name": "a", "expr": "up", "critical": fire, "clear": clear})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"expr": None}, "either `expr` or `ratio`", id="no condition to look at"),
        pytest.param({"ratio": {"failed": "f", "total": "t", "over": "5m"}}, "either `expr` or `ratio`", id="both forms"),
        pytest.param({"critical": None}, "needs `warning` or `critical`", id="no threshold"),
        pytest.param({"expr": "up +"}, "not valid PromQL", id="PromQL that does not parse"),
        pytest.param({"labels": {"v": "{{ value }}"}}, "holds a template", id="G1 a value in a label"),
        pytest.param({"labels": {"severity": "critical"}}, "cannot be a label", id="E10 severity as a label"),
        pytest.param({"interval": "100ms"}, "shortest interval", id="an interval below a second"),
        pytest.param({"annotations": {"summary": {"fr": "x"}}}, "must be a text", id="a language nobody speaks"),
        pytest.param({"annotations": {"summary": "{{ nothing }}"}}, "cannot be filled|can be filled", id="a name nobody knows"),
        pytest.param({"annotations": {"summary": "{{ ''.__class__.__mro__ }}"}}, "unsafe", id="a way out of the sandbox"),
        pytest.param({"annotations": {"runbook": 3}}, "must be a text", id="an annotation that is no text"),
        pytest.param(
            {"expr": None, "ratio": {"failed": "rate(f[1m])", "total": "t", "over": "5m"}},
            "not a selector",
            id="a ratio of rates",
        ),
        pytest.param(
            {"expr": None, "ratio": {"failed": "f", "total": "t", "over": "0s"}}, "longer than 0s", id="a window of nothing"
        ),
    ],
)
def test_what_a_rule_may_not_say_is_told_in_a_sentence(change: dict[str, object], sentence: str) -> None:
    written = {"name": "a", "expr": "up", "critical": "< 1"} | change
    with pytest.raises(ValidationError, match=sentence):
        Rule.model_validate({key: value for key, value in written.items() if value is not None})
