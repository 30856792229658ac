"""Stories about rules in files: what passes, what fails and where, and that promtool says the same."""

import subprocess
from pathlib import Path

import pytest

from gwanje.app import rehearsal
from gwanje.errors import GwanjeError

CASES = Path(__file__).parents[1] / "cases" / "promtool"
STORY = """
rule: {expr: cpu, critical: "> 0.9"}
timeline: [{at: 0s, host: web-1, cpu: 0.97}, {at: 30s, host: web-1, cpu: 0.97}]
expect: [{at: 0s, host: web-1, severity: %s}]
"""


def test_h4_what_promtool_calls_success_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearsal.run([CASES / "passes.yaml"]) == 0
    assert capsys.readouterr().out == "8 passed\n"


def test_h4_what_comes_out_otherwise_says_where_it_stands_and_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearsal.run([CASES / "fails.yaml", CASES / "passes.yaml"]) == 1
    assert capsys.readouterr().out.replace(str(CASES), "") == (
        "/fails.yaml:8: one host goes down: HostDown at 5m\n"
        '  unexpected {alertname="HostDown", instance="web-1", job="node", severity="critical"}'
        ' annotations {summary="web-1 of job node is down."}\n'
        "/fails.yaml:10: one host goes down: up at 1m\n"
        '  missing    {__name__="up", instance="web-1", job="node"} 1.0\n'
        '  unexpected {__name__="up", instance="web-1", job="node"} 0.0\n'
        "2 failed, 8 passed\n"
    )


@pytest.mark.engine("promtool")
@pytest.mark.parametrize("name", ["passes.yaml", "fails.yaml"])
def test_h4_promtool_says_the_same(name: str) -> None:
    theirs = subprocess.run(["promtool", "test", "rules", name], cwd=CASES, capture_output=True, check=False, timeout=60)
    assert (theirs.returncode == 0) is (rehearsal.run([CASES / name]) == 0)


@pytest.mark.parametrize(("severity", "code"), [("critical", 0), ("warning", 1)])
def test_h4_a_story_of_ours_is_told(severity: str, code: int, tmp_path: Path) -> None:
    file = tmp_path / "story.yaml"
    file.write_text(STORY % severity, encoding="utf-8")
    assert rehearsal.run([file]) == code


OWN = "rules: [{name: cpu high, expr: cpu, warning: '> 0.5', critical: '> 0.9', for: 2m, annotations: {runbook: wiki}}]"
OWN_TEST = """
rule_files: [own.yaml]
tests:
  - input_series: [{series: 'cpu{host="web-1"}', values: 0.6x2 0.95x5}]
    alert_rule_test:
      - {eval_time: 1m, alertname: cpu high}
      - eval_time: 5m
        alertname: cpu high
        exp_alerts: [{exp_labels: {host: web-1, severity: critical}, exp_annotations: {runbook: wiki}}]
"""


def test_h4_rules_of_ours_are_tested_in_promtools_format(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    (tmp_path / "tests.yaml").write_text(OWN_TEST, encoding="utf-8")
    assert rehearsal.run([tmp_path / "tests.yaml"]) == 0


SELDOM_TEST = """
rule_files: [own.yaml]
tests:
  - input_series: [{series: 'cpu{host="web-1"}', values: 0.1 _x9 0.1 _x9 0.95 _x9 0.95 _x9}]
    alert_rule_test:
      - {eval_time: 31m, alertname: cpu high}
      - {eval_time: 33m, alertname: cpu high, exp_alerts: [{exp_labels: {host: web-1, severity: critical}}]}
"""


def test_h4_n4_a_series_that_comes_every_ten_minutes_is_rehearsed_as_it_is_judged(tmp_path: Path) -> None:
    rules = "rules: [{name: cpu high, expr: cpu, critical: '> 0.9', for: 12m}]"
    (tmp_path / "own.yaml").write_text(rules, encoding="utf-8")
    (tmp_path / "tests.yaml").write_text(SELDOM_TEST, encoding="utf-8")
    assert rehearsal.run([tmp_path / "tests.yaml"]) == 0


SEVERITIES = """
groups:
  - name: g
    rules:
      - {alert: Own, expr: found > 5, labels: {severity: page}, annotations: {summary: "{{ $labels.severity }}"}}
      - {alert: Theirs, expr: found > 5}
"""
SEVERITIES_TEST = """
rule_files: [severities.yaml]
tests:
  - input_series: [{series: 'found{severity="high"}', values: 9x3}]
    alert_rule_test:
      - {eval_time: 1m, alertname: Own, exp_alerts: [{exp_labels: {severity: page}, exp_annotations: {summary: high}}]}
      - {eval_time: 1m, alertname: Theirs, exp_alerts: [{exp_labels: {severity: high}}]}
"""


def test_h4_the_severity_of_a_series_stands_where_promtool_has_it(tmp_path: Path) -> None:
    (tmp_path / "severities.yaml").write_text(SEVERITIES, encoding="utf-8")
    (tmp_path / "tests.yaml").write_text(SEVERITIES_TEST, encoding="utf-8")
    assert rehearsal.run([tmp_path / "tests.yaml"]) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("rules: []", "neither `tests`", id="neither format"),
        pytest.param("tests: [{input_serie: []}]", "tests.yaml:1", id="a key that is not known"),
        pytest.param("rule_files: [gone.yaml]\ntests: []", "gone.yaml", id="a file of rules that is not there"),
        pytest.param("tests: [{input_series: [{series: up, values: '1 {{schema:0}}'}]}]", "histograms", id="native histograms"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_mend(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "tests.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(GwanjeError, match=said):
        rehearsal.run([tmp_path / "tests.yaml"])
