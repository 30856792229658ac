"""Thresholds set apart for a group of hosts, a host, a container: what counts, and where it comes from."""

from datetime import UTC, datetime

import numpy as np
import pytest

from gwanje.judge.rules.evaluate import found
from gwanje.judge.rules.spec import Rule, Threshold
from gwanje.judge.rules.thresholds import Standard, Thresholds, joined, mistake
from gwanje.judge.rules.verdict import Breach, Good
from gwanje.keep.said import Override
from gwanje.keep.samples.base import Vector
from gwanje.model import Severity

RULE = Rule.model_validate({"name": "cpu", "expr": "cpu", "warning": ">= 0.8", "critical": ">= 0.9", "clear": "< 0.7"})
GROUPS = {"web": ["web-1", "web-.*"], "all": [".*"], "empty": []}


def _apart(scope: str, name: str, warning: str | None = None, critical: str | None = None, clear: str | None = None) -> Override:
    return Override("cpu", scope, name, warning, critical, clear, "kim", datetime(2026, 3, 1, tzinfo=UTC))


def _of(overrides: list[Override], **labels: str) -> Standard:
    return Thresholds(overrides, GROUPS).of(RULE, labels)


def test_e11_where_nothing_is_set_apart_the_rules_own_count() -> None:
    assert _of([_apart("host", "db-1", critical=">= 0.5")], host="web-1") == Standard(RULE.conditions, RULE.clear)


@pytest.mark.parametrize(
    ("overrides", "critical", "origin"),
    [
        pytest.param([("group", "web", "0.91")], 0.91, "group web", id="the group"),
        pytest.param([("group", "web", "0.91"), ("host", "web-1", "0.92")], 0.92, "host web-1", id="the host before it"),
        pytest.param([("host", "web-1", "0.92"), ("container", "nginx", "0.93")], 0.93, "container nginx", id="the container"),
        pytest.param(
            [("container", "nginx", "0.93"), ("container", "web-1/nginx", "0.94")],
            0.94,
            "container web-1/nginx",
            id="the container on this host",
        ),
        pytest.param([("group", "web", "0.91"), ("group", "all", "0.95")], 0.95, "group all", id="the group written last"),
        pytest.param([("host", "web-2", "0.92"), ("container", "db", "0.93")], 0.9, "", id="not what is said of others"),
    ],
)
def test_e11_the_narrowest_place_wins(overrides: list[tuple[str, str, str]], critical: float, origin: str) -> None:
    standard = _of([_apart(scope, name, None, f">= {text}") for scope, name, text in overrides], host="web-1", container="nginx")
    assert dict(standard.conditions)[Severity.CRITICAL] == Threshold(">=", critical)
    assert standard.origin(Severity.CRITICAL) == origin


def test_e11_each_threshold_inherits_by_itself() -> None:
    standard = _of([_apart("group", "web", warning=">= 0.75"), _apart("host", "web-1", critical=">= 0.99")], host="web-1")
    assert [str(one) for _, one in standard.conditions] == [">= 0.99", ">= 0.75"]
    assert dict(standard.origins) == {"critical": "host web-1", "warning": "group web"}


def test_e11_an_inherited_clear_on_the_wrong_side_does_not_count() -> None:
    assert _of([_apart("host", "web-1", warning=">= 0.6")], host="web-1").clear is None


def test_e11_verdicts_use_what_counts_for_each() -> None:
    answer = Vector([(("host", "db-1"),), (("host", "web-1"),)], np.array([0.95, 0.95]), 0)
    thresholds = Thresholds([_apart("host", "web-1", warning=">= 0.96", critical=">= 0.99")], GROUPS)
    one, other = found(RULE, [answer], 0, thresholds=thresholds).verdicts()
    assert isinstance(one, Breach)
    assert one.why == "0.95 is >= 0.9"
    assert isinstance(other, Good)


def test_e11_what_people_set_wins_over_what_the_files_say_of_the_same_place() -> None:
    files, people = [_apart("host", "web-1", critical=">= 0.5"), _apart("host", "db-1")], [_apart("host", "web-1")]
    assert joined(files, people) == [people[0], files[1]]


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        (_apart("host", "web-1"), "needs `warning`"),
        (_apart("host", "web-1", critical="0.9"), "is not a condition"),
        (_apart("host", "web-1", critical="<= 0.1"), "looks the other way"),
        (_apart("host", "web-1", clear="< 0.85"), "wrong side of `warning: >= 0.8`"),
        (_apart("host", "web-1", warning=">= 0.85", clear="< 0.81"), ""),
    ],
)
def test_e11_what_cannot_be_set_apart_is_refused(override: Override, sentence: str) -> None:
    said = mistake(RULE, override)
    assert sentence in said
    assert bool(said) is bool(sentence)
