"""Relabelling does what Prometheus does."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from pydantic import ValidationError

from gwanje.collect.scrape.relabel import Step, relabelled

WEB = {"a": "foo", "b": "bar", "c": "baz"}


def after(labels: dict[str, str], *steps: dict[str, Any]) -> dict[str, str] | None:
    return relabelled([labels], [Step.model_validate(step) for step in steps])[0]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        pytest.param(
            {"target_label": "d", "source_labels": ["a"], "regex": "f(.*)", "replacement": "ch${1}-ch${1}"},
            WEB | {"d": "choo-choo"},
            id="a group, twice",
        ),
        pytest.param({"target_label": "d", "source_labels": ["a", "b"]}, WEB | {"d": "foo;bar"}, id="values are joined by `;`"),
        pytest.param(
            {"target_label": "d", "source_labels": ["a", "x", "b"], "separator": "/"},
            WEB | {"d": "foo//bar"},
            id="an absent label joins as nothing",
        ),
        pytest.param({"target_label": "d", "source_labels": ["a"], "regex": "o"}, WEB, id="a part of a value is no match"),
        pytest.param(
            {"target_label": "d", "source_labels": ["a"], "regex": "f|foo"},
            WEB | {"d": ""},
            id="alternatives are anchored together",
        ),
        pytest.param(
            {"target_label": "d", "source_labels": ["a"], "regex": "(f)(o)o", "replacement": "$2$1"},
            WEB | {"d": "of"},
            id="groups by number",
        ),
        pytest.param(
            {"target_label": "d", "source_labels": ["a"], "regex": "f(.)o", "replacement": "${1}1$1x"},
            WEB | {"d": "o1"},
            id="`$1x` is a group named 1x, which is none",
        ),
        pytest.param(
            {"target_label": "d", "source_labels": ["a"], "regex": "(?P<rest>f.*)", "replacement": "${rest}!"},
            WEB | {"d": "foo!"},
            id="a group by name",
        ),
        pytest.param(
            {"target_label": "d", "source_labels": ["a"], "replacement": "$$1"}, WEB | {"d": "$1"}, id="two dollars are one"
        ),
        pytest.param(
            {"target_label": "d", "replacement": "fixed"}, WEB | {"d": "fixed"}, id="without a source it is written always"
        ),
        pytest.param(
            {"target_label": "a", "source_labels": ["x"]}, {"b": "bar", "c": "baz"}, id="writing nothing takes the label away"
        ),
        pytest.param({"target_label": "a", "replacement": ""}, {"b": "bar", "c": "baz"}, id="also said outright"),
        pytest.param(
            {"target_label": "d_${1}", "source_labels": ["a"], "replacement": "x"}, WEB | {"d_foo": "x"}, id="a name from a group"
        ),
        pytest.param(
            {"target_label": "${1}", "source_labels": ["b"], "regex": "(b)ar", "replacement": "x"},
            WEB | {"b": "x"},
            id="a name that is all group",
        ),
        pytest.param(
            {"target_label": "${2}", "source_labels": ["a"], "regex": "f(oo)", "replacement": "x"},
            WEB,
            id="a name that is empty writes nothing",
        ),
        pytest.param(
            {"target_label": "${1}", "source_labels": ["c"], "regex": "()baz", "replacement": "x"},
            WEB,
            id="nor one that no label has",
        ),
        pytest.param({"action": "keep", "source_labels": ["a"], "regex": "foo"}, WEB, id="keep what matches"),
        pytest.param({"action": "keep", "source_labels": ["a"], "regex": "fo"}, None, id="keep is anchored"),
        pytest.param(
            {"action": "keep", "source_labels": ["x"], "regex": ""}, WEB, id="an empty expression matches what is not there"
        ),
        pytest.param({"action": "keep", "source_labels": ["x"], "regex": ".+"}, None, id="and `.+` does not"),
        pytest.param({"action": "drop", "source_labels": ["a", "b"], "regex": "foo;b.r"}, None, id="drop what matches"),
        pytest.param({"action": "drop", "source_labels": ["a"], "regex": "bar"}, WEB, id="and nothing else"),
        pytest.param(
            {"action": "Drop", "source_labels": ["a"], "regex": "FOO"}, WEB, id="values in another case do not match, actions do"
        ),
        pytest.param({"action": "drop", "source_labels": ["a"], "regex": "(?i)FOO"}, None, id="unless asked for"),
        pytest.param({"action": "keepequal", "source_labels": ["a"], "target_label": "b"}, None, id="keep what is equal"),
        pytest.param({"action": "keepequal", "source_labels": ["x"], "target_label": "y"}, WEB, id="nothing is equal to nothing"),
        pytest.param({"action": "dropequal", "source_labels": ["a"], "target_label": "a"}, None, id="drop what is equal"),
        pytest.param({"action": "dropequal", "source_labels": ["a"], "target_label": "b"}, WEB, id="and keep the other"),
        pytest.param(
            {"action": "labelmap", "regex": "(a|b)", "replacement": "my_$1"},
            WEB | {"my_a": "foo", "my_b": "bar"},
            id="labels get second names",
        ),
        pytest.param(
            {"action": "labelmap", "regex": "a", "replacement": "b"},
            {"a": "foo", "b": "foo", "c": "baz"},
            id="over one that is there",
        ),
        pytest.param({"action": "labeldrop", "regex": "a|b"}, {"c": "baz"}, id="labels that match go"),
        pytest.param({"action": "labelkeep", "regex": "a|b"}, {"a": "foo", "b": "bar"}, id="labels that match stay"),
        pytest.param(
            {"action": "uppercase", "source_labels": ["a", "b"], "target_label": "d"}, WEB | {"d": "FOO;BAR"}, id="upper case"
        ),
        pytest.param(
            {"action": "lowercase", "source_labels": ["x"], "target_label": "a"},
            {"b": "bar", "c": "baz"},
            id="lower case of nothing",
        ),
    ],
)
def test_one_step(step: dict[str, Any], expected: dict[str, str] | None) -> None:
    found = after(WEB, step)
    assert found == (expected and {name: value for name, value in expected.items() if value})


@pytest.mark.parametrize(("text", "modulus"), [("foo", 8), ("http://127.0.0.1:9100", 1000), ("", 3), ("관제", 1 << 63)])
def test_targets_are_shared_out_as_prometheus_does(text: str, modulus: int) -> None:
    found = after({"a": text}, {"action": "hashmod", "source_labels": ["a"], "target_label": "h", "modulus": modulus})
    wanted = int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[16:], 16) % modulus
    assert found is not None
    assert found["h"] == str(wanted)


def test_steps_follow_one_another_and_each_set_goes_its_own_way() -> None:
    steps = [
        Step(source_labels=("kind",), regex="web", action="keep"),
        Step(source_labels=("host",), regex=r"([^.]+)\..*", target_label="host"),
        Step(source_labels=("host",), regex="db", action="drop"),
        Step(regex="kind", action="labeldrop"),
    ]
    sets = [
        {"kind": "web", "host": "web-1.example"},
        {"kind": "mail"},
        {"kind": "web", "host": "db.x"},
        {"kind": "web", "empty": ""},
    ]
    assert relabelled(sets, steps) == [{"host": "web-1"}, None, None, {}]
    assert sets[0]["host"] == "web-1.example"  # what came in is not changed


def test_names_are_any_text() -> None:
    steps = [
        Step(source_labels=("http.method",), target_label="http.verb"),
        Step(regex=r"http\.(.+)", replacement="my.$1", action="labelmap"),
        Step(source_labels=("empty",), target_label="$1"),
    ]
    assert relabelled([{"http.method": "GET"}], steps) == [
        {"http.method": "GET", "http.verb": "GET", "my.method": "GET", "my.verb": "GET"}
    ]


def test_a_line_break_is_matched_by_a_dot() -> None:
    assert after({"a": "x\ny"}, {"source_labels": ["a"], "target_label": "b"}) == {"a": "x\ny", "b": "x\ny"}


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        pytest.param({"regex": "("}, "cannot be used", id="an expression that is none"),
        pytest.param({"regex": r"(?=a)", "action": "keep"}, "cannot be used", id="one that RE2 does not have"),
        pytest.param({"replacement": "x"}, "needs `target_label`", id="nowhere to write"),
        pytest.param({"action": "lowercase", "target_label": "${1}"}, "no template", id="a template where a name is needed"),
        pytest.param({"action": "hashmod", "target_label": "a"}, "needs `modulus`", id="a hash of no modulus"),
        pytest.param({"action": "labelmap", "replacement": ""}, "needs `replacement`", id="no name for a label"),
        pytest.param(
            {"action": "labeldrop", "regex": "a", "source_labels": ["b"]}, "does not use `source_labels`", id="a setting in vain"
        ),
        pytest.param({"action": "keepequal", "target_label": "a", "regex": "b"}, "does not use `regex`", id="another"),
        pytest.param({"action": "replaces"}, "replace", id="an unknown action"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused(step: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Step.model_validate(step)
