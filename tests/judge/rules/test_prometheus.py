"""Prometheus's rule files as they are."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from gwanje import config
from gwanje.judge.identity import fingerprint
from gwanje.judge.rules import files
from gwanje.judge.rules.evaluate import RuleError, found
from gwanje.judge.rules.files import Written
from gwanje.judge.rules.found import Known
from gwanje.judge.rules.prometheus import condition
from gwanje.judge.rules.spec import Rule, Threshold
from gwanje.judge.rules.threshold import ALWAYS
from gwanje.keep.samples.base import Vector
from gwanje.model import Severity

FILE = """
groups:
  - name: node
    interval: 30s
    limit: 50
    labels: {team: ops}
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: HostHighCpuLoad
        expr: 100 - (avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[2m])) * 100) > 80
        for: 5m
        keep_firing_for: 10m
        labels: {severity: warning, area: "host"}
        annotations:
          summary: Host high CPU load (instance {{ $labels.instance }})
          description: "CPU load is > 80%\\n  VALUE = {{ $value }}"
      - alert: HostHighCpuLoad
        expr: job:cpu:ratio > 0.9
        labels: {severity: page}
      - alert: TargetMissing
        expr: up == 0
      - alert: MoreThanBefore
        expr: a > b
        labels: {severity: none}
"""


def _read(folder: Path, text: str) -> tuple[config.Reader, Written]:
    (folder / "rules").mkdir()
    (folder / "rules" / "node.yaml").write_text(text, encoding="utf-8")
    reader = config.Reader(folder, {})
    return reader, files.read(reader, reader.document("gwanje.yaml"))


def test_h4_a_rule_file_of_prometheus_is_read_as_it_is(tmp_path: Path) -> None:
    reader, written = _read(tmp_path, FILE)
    assert reader.mistakes == []
    assert [(one.record, one.labels) for one in written.recordings] == [("job:up:sum", {"team": "ops"})]
    told = {rule.name: (rule.expr, rule.conditions, rule.labels) for rule in written.rules}
    team = {"team": "ops"}
    assert told == {
        "HostHighCpuLoad": (
            '100 - (avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[2m])) * 100)',
            ((Severity.WARNING, Threshold(">", 80.0)),),
            {**team, "area": "host"},
        ),
        "HostHighCpuLoad (critical)": ("job:cpu:ratio", ((Severity.CRITICAL, Threshold(">", 0.9)),), team),
        "TargetMissing": ("up", ((Severity.WARNING, Threshold("==", 0.0)),), team),
        "MoreThanBefore": ("a > b", ((Severity.INFO, ALWAYS),), team),
    }
    first = written.rules[0]
    assert (first.for_, first.keep_firing_for, first.interval) == (
        timedelta(minutes=5),
        timedelta(minutes=10),
        timedelta(seconds=30),
    )
    assert first.max_instances == 50


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("a > 5", ("a", "> 5")),
        ("a / b >= -1.5e3", ("a / b", ">= -1.5e3")),
        ('a{x="b > 3"} != 0', ('a{x="b > 3"}', "!= 0")),
        ("a > 5 and b > 3", None),
        ("a > bool 5", None),
        ("a or b > 3", None),
        ("a > 5 * 2", None),
        ("a > b", None),
        ("5 < a", None),
        ("absent(a)", None),
        ("a > 1 > 2", ("a > 1", "> 2")),
    ],
)
def test_only_a_comparison_of_the_whole_with_a_number_is_a_threshold(expr: str, expected: tuple[str, str] | None) -> None:
    assert condition(expr) == expected


@pytest.mark.parametrize(
    ("text", "key", "sentence"),
    [
        ("groups: {a: 1}", "groups", "must be a list of groups"),
        ("groups: [{name: a, rules: [{expr: up}]}]", "groups", "either `alert` or `record`"),
        ("groups: [{name: a, rules: [{alert: b, expr: 'up +'}]}]", "groups[0].rules[0].expr", "not valid PromQL"),
        ("groups: [{name: a, rules: [{alert: b, expr: up, if: c}]}]", "if", "unknown key"),
        (
            "groups: [{name: a, rules: [{alert: b, expr: up, labels: {v: '{{ $value }}'}}]}]",
            "groups[0].rules[0].labels",
            "holds a template: {{ $value }} puts the value into a label",
        ),
        (
            "groups: [{name: a, rules: [{alert: b, expr: up, labels: {v: '{{ printf \"%.0f\" .Value }}'}}]}]",
            "groups[0].rules[0].labels",
            "puts the value into a label",
        ),
        (
            "groups: [{name: a, rules: [{alert: b, expr: up, labels: {v: '{{ query \"up\" }}'}}]}]",
            "groups[0].rules[0].labels",
            "is not understood in a label",
        ),
    ],
)
def test_what_is_wrong_in_such_a_file_is_said_with_its_place(tmp_path: Path, text: str, key: str, sentence: str) -> None:
    reader, _ = _read(tmp_path, text)
    assert [one.key for one in reader.mistakes] == [key]
    assert sentence in reader.mistakes[0].message


@pytest.mark.parametrize(
    ("written", "result", "expected"),
    [
        pytest.param("{{ $labels.host }}-x", {"host": "web-1"}, {"host": "web-1", "at": "web-1-x"}, id="from another label"),
        pytest.param("{{ .Labels.host | toUpper }}", {"host": "web-1"}, {"host": "web-1", "at": "WEB-1"}, id="by a function"),
        pytest.param("{{ $labels.zone }}", {"host": "web-1"}, {"host": "web-1"}, id="an empty one is none"),
        pytest.param("seoul", {"at": "busan"}, {"at": "seoul"}, id="a fixed one wins over the result's"),
        pytest.param(
            '{{ reReplaceAll "-.*" "" $labels.host }}', {"host": "web-1"}, {"host": "web-1", "at": "web"}, id="by a pattern"
        ),
        pytest.param('{{ "$value" }}', {}, {"at": "$value"}, id="a text that only looks like the value"),
    ],
)
def test_g1_templates_in_labels_are_filled_before_an_alert_is_identified(
    written: str, result: dict[str, str], expected: dict[str, str]
) -> None:
    rule = Rule.model_validate(
        {"name": "a", "expr": "up", "critical": "< 1", "templates": "prometheus", "labels": {"at": written}}
    )
    known = Known.of(rule, [tuple(result.items())], [result])
    assert list(known.labels) == [expected]
    assert list(known.identities) == [fingerprint("a", expected)]


def test_two_results_of_which_a_template_makes_one_are_refused() -> None:
    rule = Rule.model_validate(
        {"name": "a", "expr": "up", "critical": "< 1", "templates": "prometheus", "labels": {"host": "{{ $labels.site }}"}}
    )
    labels = [(("host", "web-1"), ("site", "a")), (("host", "web-2"), ("site", "a"))]
    with pytest.raises(RuleError, match="two results have the labels"):
        found(rule, [Vector(labels, np.array([0.0, 0.0]), 0)], 0)
