"""Figures in Prometheus's text format."""

from __future__ import annotations

import pytest

from gwanje.model import Sample
from gwanje.wire.exposition.encode import exposition, number, of_samples, series_name


def test_families_stand_together_under_their_type() -> None:
    figures = {
        'gwanje_fetch_seconds_bucket{le="+Inf"}': 2,
        "gwanje_fetch_seconds_sum": 0.25,
        "gwanje_fetch_seconds_count": 2,
        'gwanje_fetch_total{outcome="failed"}': 1,
        "node_load1": 0.5,
    }
    assert exposition(figures).splitlines() == [
        "# TYPE gwanje_fetch_seconds histogram",
        'gwanje_fetch_seconds_bucket{le="+Inf"} 2',
        "gwanje_fetch_seconds_count 2",
        "gwanje_fetch_seconds_sum 0.25",
        "# TYPE gwanje_fetch_total counter",
        'gwanje_fetch_total{outcome="failed"} 1',
        "# TYPE node_load1 gauge",
        "node_load1 0.5",
    ]


def test_values_of_labels_are_escaped() -> None:
    assert series_name("up", {"path": 'C:\\a "b"\n'}) == r'up{path="C:\\a \"b\"\n"}'


def test_samples_become_a_page_that_can_be_scraped() -> None:
    assert of_samples([Sample("up", {"host": "web-1"}, 1.0, 0)]) == '# TYPE up gauge\nup{host="web-1"} 1\n'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (0.1, "0.1"),
        (float("nan"), "NaN"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (1e300, "1e+300"),
        (-2.0, "-2"),
    ],
)
def test_numbers_are_written_as_prometheus_reads_them(value: float, text: str) -> None:
    assert number(value) == text
