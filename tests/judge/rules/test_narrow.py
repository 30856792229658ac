"""A query narrowed to one alert, where names are more than letters, digits and `_`."""

from __future__ import annotations

import pytest

from gwanje.judge.rules.narrow import narrowed


@pytest.mark.parametrize(
    ("expr", "narrow"),
    [
        pytest.param("up", r'up{"a.b"="c\"",host="web-1"}', id="labels in quotes"),
        pytest.param('{"my.metric"} > 1', r'{"my.metric","a.b"="c\"",host="web-1"} > 1', id="a metric in quotes"),
        pytest.param(
            'sum by ("a.b") (rate({"my.metric","x.y"="z"}[5m]))',
            r'sum by ("a.b") (rate({"my.metric","x.y"="z","a.b"="c\"",host="web-1"}[5m]))',
            id="beside others",
        ),
    ],
)
def test_every_selector_gets_the_labels_of_the_alert(expr: str, narrow: str) -> None:
    assert narrowed(expr, {"host": "web-1", "a.b": 'c"'}) == narrow
