"""Queries with variables."""

from __future__ import annotations

import pytest

from gwanje.show.dashboards import expressions


@pytest.mark.parametrize(
    "query",
    [
        'node_load1{host=~"$host"}',
        "node_load1{host=~'${host}'}",
        "sum(rate(x[$__rate_interval]))",
        "max_over_time(x[$__range:$__interval])",
        "x offset $__interval",
        "histogram_quantile($quantile, sum by (le) (x))",
        "topk(${n}, x)",
        "sum by ($label) (x)",
        "$metric{a='b'}",
        "x # $not a ( variable",
        "time() / $__range_s",
    ],
)
def test_variables_may_stand_where_grafana_takes_them(query: str) -> None:
    assert expressions.check(query) == query


@pytest.mark.parametrize("query", ["sum(x", "x[$__rate_interval", 'x{host=~"$host}', "rate(x)", "x $y"])
def test_what_is_no_query_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="not valid PromQL"):
        expressions.check(query)


def test_variables_that_nothing_declares_are_named_once() -> None:
    query = 'x{a="$host", b=~"${hots}", c="$hots"}[$__rate_interval:$__speed]'
    assert expressions.unknown(query, ["host"]) == ["hots", "__speed"]
