"""A series' own label `severity` beside that of its alert."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as having
from hypothesis import strategies as st

from gwanje.judge.rules import texts
from gwanje.judge.rules.evaluate import found
from gwanje.judge.rules.exported import exported, given
from gwanje.judge.rules.label_sets import possible
from gwanje.judge.rules.questions import curve
from gwanje.judge.rules.spec import Rule
from gwanje.keep.samples.base import Vector

_NAMES = ["host", "severity", "exported_severity", "exported_exported_severity"]


def _rule(**keys: object) -> Rule:
    return Rule.model_validate({"name": "findings", "expr": "findings", "critical": "> 5"} | keys)


def test_e2_two_series_that_differ_only_in_severity_are_two_alerts_and_no_error() -> None:
    labels = [(("host", "web-1"), ("severity", text)) for text in ("high", "low")]
    seen = found(_rule(), [Vector(labels, np.array([9.0, 1.0]), 0)], 0)
    assert [dict(one) for one in seen.known.labels] == [
        {"host": "web-1", "exported_severity": "high"},
        {"host": "web-1", "exported_severity": "low"},
    ]
    assert len(set(seen.identities)) == 2
    assert seen.levels.tolist() == [0, -1]


def test_what_was_exported_before_keeps_its_name_and_labels_of_the_rule_theirs() -> None:
    result = {"severity": "high", "exported_severity": "low"}
    assert _rule().labels_of(result) == {"exported_severity": "low", "exported_exported_severity": "high"}
    named = _rule(labels={"exported_severity": "fixed"})
    carried = named.labels_of({"severity": "high"})
    assert carried == {"exported_severity": "fixed", "exported_exported_severity": "high"}
    assert named.given(carried) == {"severity": "high"}


@having(labels=st.dictionaries(st.sampled_from(_NAMES), st.sampled_from("ab")), taken=st.sets(st.sampled_from(_NAMES[2:])))
def test_what_was_exported_is_found_again(labels: dict[str, str], taken: set[str]) -> None:
    own = {name: text for name, text in labels.items() if name not in taken}
    if "severity" in own:
        assert given(exported(own, taken), taken) == own


@pytest.mark.parametrize("grouped", ["severity", "exported_severity"])
def test_the_query_of_an_alert_and_its_groups_name_it_as_the_series_does(grouped: str) -> None:
    rule = _rule(expr=f"max by ({grouped}) (findings)", labels={"team": "ops"})
    assert possible(rule, rule.labels_of({grouped: "high"}))
    assert not possible(rule, rule.labels_of({grouped: "high", "host": "web-1"}))
    assert curve(_rule(), {"exported_severity": "high"}) == 'findings{severity="high"}'


def test_templates_read_the_series_own_severity_as_prometheus_fills_them() -> None:
    rule = _rule(templates="prometheus", annotations={"summary": "{{ $labels.severity }}", "more": "{{ $labels.severity }}!"})
    carried = rule.labels_of({"severity": "high"})
    assert texts.summary(rule, carried, 9.0, "> 5")["en"] == "high"
    assert texts.others(rule, carried, 9.0) == {"more": "high!"}
