"""Prometheus's own cases, and the runner that reads them."""

import os
from collections import Counter
from pathlib import Path

import pytest

from gwanje.keep.promql.conformance import Outcome, read, run

CASES = Path(__file__).parents[3].parent / "shared" / "promqltest"

PASSED = {
    "aggregators.test": 126,
    "collision.test": 2,
    "functions.test": 323,
    "literals.test": 25,
    "operators.test": 142,
    "selectors.test": 31,
    "staleness.test": 17,
}
"""How many cases have passed; fewer is a step back. All others are left out: they need native histograms."""


@pytest.mark.parametrize(("name", "floor"), PASSED.items())
def test_prometheus_cases_pass_as_often_as_before_and_none_fails(name: str, floor: int) -> None:
    verdicts = list(run(read(_case_file(name).read_text(encoding="utf-8"))))

    failed = [
        f"{name}:{verdict.line} {verdict.query}: {verdict.reason}" for verdict in verdicts if verdict.outcome is Outcome.FAILED
    ]
    left_out = [verdict for verdict in verdicts if verdict.outcome is Outcome.LEFT_OUT]
    assert failed == []
    assert Counter(verdict.outcome for verdict in verdicts)[Outcome.PASSED] >= floor
    assert {verdict.reason for verdict in left_out} <= {"selects native histograms", "expects native histograms"}


def _case_file(name: str) -> Path:
    file = CASES / name
    if not file.exists():
        missing = f"the conformance cases are not at {CASES}"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return file


LOADED = """
load 1m
  up{host="web-1"} 1 0+1x2 _ stale
  up{host="db-1"} 1 1 NaN
"""
RANGE = 'eval range from 0 to 3m step 1m up{host="web-1"}'
RATED = 'eval instant at 1m rate(up{host="web-1"}[90s])\n  expect info\n  expect no_warn\n  {host="web-1"} 0'
SORTED = 'eval instant at 1m sort(up)\n  expect ordered\n  up{host="db-1"} 1\n  up{host="web-1"} 0'


@pytest.mark.parametrize(
    ("case", "outcome"),
    [
        pytest.param('eval instant at 1m up\n  up{host="web-1"} 0\n  up{host="db-1"} 1', "passed", id="the right answer passes"),
        pytest.param('eval instant at 1m up\n  up{host="web-1"} 0\n  up{host="db-1"} 2', "failed", id="another value fails"),
        pytest.param('eval instant at 1m up\n  up{host="web-1"} 0', "failed", id="a series too many fails"),
        pytest.param('eval instant at 1m up{host="db-1"}\n  up 1', "failed", id="other labels fail"),
        pytest.param('eval instant at 2m up{host="db-1"}\n  up{host="db-1"} NaN', "passed", id="NaN equals NaN"),
        pytest.param('eval instant at 2m up{host="db-1"}\n  up{host="db-1"} 1', "failed", id="NaN equals nothing else"),
        pytest.param("eval instant at 1m nosuch(up)\n  expect fail", "passed", id="an error that is expected passes"),
        pytest.param("eval instant at 1m up\n  expect fail", "failed", id="an answer where an error is expected fails"),
        pytest.param("eval instant at 1m nosuch(up)\n  {} 1", "failed", id="an error where an answer is expected fails"),
        pytest.param("eval instant at 1m topk(NaN, up)\n  expect fail msg: other", "failed", id="another message fails"),
        pytest.param(SORTED, "failed", id="order counts"),
        pytest.param("eval instant at 1m 1\n  2", "failed", id="another scalar fails"),
        pytest.param('eval instant at 1m "a"\n  expect string "b"', "failed", id="another text fails"),
        pytest.param(f'{RANGE}\n  up{{host="web-1"}} 1 0 1 2', "passed", id="a range passes"),
        pytest.param(f'{RANGE}\n  up{{host="web-1"}} 1 0 1', "failed", id="a step too many fails"),
        pytest.param(RATED, "passed", id="a note that is expected passes"),
        pytest.param("eval instant at 1m abs(up)\n  expect info", "failed", id="a note that is not there fails"),
        pytest.param("eval instant at 1m rate(up[5m])\n  expect no_info", "failed", id="a note too many fails"),
        pytest.param("eval instant at 1m quantile(2, up)\n  expect warn msg: other\n  {} Inf", "failed", id="another note fails"),
        pytest.param("eval instant at 1m up\n  up {{sum:1}}", "left out", id="native histograms are left out"),
    ],
)  # fmt: skip
def test_the_runner_tells_right_from_wrong(case: str, outcome: str) -> None:
    (verdict,) = run(read(f"{LOADED}\n{case}\n"))

    assert verdict.outcome == outcome, verdict.reason
