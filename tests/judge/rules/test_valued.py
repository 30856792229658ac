"""G1: no value is part of an alert's identity, by whichever way a query would put it there."""

from __future__ import annotations

import pytest

from gwanje.judge.rules.spec import Rule


def _rule(query: str) -> Rule:
    return Rule.model_validate({"name": "a", "expr": query, "warning": "> 1"})


@pytest.mark.parametrize(
    "query",
    [
        'count_values("v", up)',
        'count_values by (job) ("v", up) > 1',
        '-(abs(count_values("v", up)))',
        'sum by (v) (count_values("v", up))',
        'sum without (job) (count_values by (job) ("v", up))',
        'topk(3, count_values("v", up))',
        'up or count_values("v", up)',
        'max_over_time(count_values("v", up)[5m:1m])',
    ],
)
def test_g1_a_query_that_puts_values_into_a_label_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="puts values into the label 'v'"):
        _rule(query)


@pytest.mark.parametrize(
    "query",
    [
        'count(count_values("v", up))',
        'count by (job) (count_values by (job) ("v", up))',
        'sum without (v) (count_values("v", up))',
        'up and on() count_values("v", up)',
        "count by (v) (up)",
    ],
)
def test_g1_a_query_that_counts_them_is_none_of_these(query: str) -> None:
    assert _rule(query).expr == query
