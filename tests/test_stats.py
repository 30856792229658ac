"""Figures over values."""

from __future__ import annotations

import pytest

from gwanje.stats import percentile


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        pytest.param([], 0.95, None, id="of nothing there is none"),
        pytest.param([7.0], 0.95, 7.0, id="of one it is that one"),
        pytest.param([3.0, 1.0, 2.0], 0.5, 2.0, id="the middle, in any order"),
        pytest.param([0.0, 10.0], 0.95, 9.5, id="between two in proportion"),
        pytest.param([1.0, 2.0, 3.0, 4.0], 0.0, 1.0, id="the least"),
        pytest.param([1.0, 2.0, 3.0, 4.0], 1.0, 4.0, id="the greatest"),
    ],
)
def test_percentile(values: list[float], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected
