"""The newest samples of a store elsewhere: what is asked, what is made of the answers, and what when there is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gwanje.errors import RetryLater
from gwanje.keep import promql
from gwanje.keep.samples.base import Answer, Labels
from gwanje.keep.samples.recalled import Recalled, selectors
from gwanje.testing.samples import NOW_MS, SECOND, series
from gwanje.testing.scenarios import MemorySamples

A, B = series("orders_total", job="shop", instance="a"), series("orders_total", job="shop", instance="b")
A_MORE, ODD = series("carts_total", job="shop", instance="a"), series("my.metric", job="shop", instance="a")


class Asked(MemorySamples):
    """A store that remembers what it was asked, and may be away."""

    def __init__(self, kept: dict[Labels, list[tuple[int, float]]]) -> None:
        super().__init__(kept)
        self.questions: list[str] = []
        self.away = False

    async def instant(self, query: str, at_ms: int) -> Answer:
        self.questions.append(query)
        if self.away:
            raise RetryLater("nobody is there")
        return promql.instant(query, at_ms, self.fetch)


def store(*held: tuple[Labels, int, float]) -> Asked:
    """Samples by series, seconds from now and value."""
    kept: dict[Labels, list[tuple[int, float]]] = {}
    for labels, at, value in held:
        kept.setdefault(labels, []).append((NOW_MS + at * SECOND, value))
    return Asked(kept)


def recalled(samples: Asked, clock: Callable[[], float] = lambda: 0.0) -> Recalled:
    return Recalled(samples, lambda: NOW_MS, clock)


def test_each_series_gets_its_newest_sample_within_the_hour() -> None:
    samples = store((A, -120, 3.0), (A, -60, 7.0), (A_MORE, -7200, 1.0), (ODD, 2, 5.0))
    assert recalled(samples).newest([A, B, A_MORE, ODD]) == [
        (NOW_MS - 60 * SECOND, 7.0),
        None,
        None,
        (NOW_MS + 2 * SECOND, 5.0),
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param([A], ['{__name__="orders_total",instance="a",job="shop"}'], id="one series"),
        pytest.param(
            [A, A_MORE, ODD],
            ['{__name__=~"carts_total|my\\\\.metric|orders_total",instance="a",job="shop"}'],
            id="of one owner together",
        ),
        pytest.param(
            [A, B],
            ['{__name__="orders_total",instance="a",job="shop"}', '{__name__="orders_total",instance="b",job="shop"}'],
            id="each owner by itself",
        ),
        pytest.param(
            [series("a", job="x", path="/", zone="1"), series("a", job="x", path="/b", zone="1")],
            ['{__name__="a",job="x",zone="1"}'],
            id="by what all have alike",
        ),
        pytest.param([series("a", **{"b.c": 'd"'})], ['{__name__="a","b.c"="d\\""}'], id="quoted where it needs it"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_few_questions_are_asked(asked: list[Labels], expected: list[str]) -> None:
    assert list(selectors(asked)) == expected


def test_many_metrics_are_asked_for_in_parts() -> None:
    assert [one.count("|") for one in selectors([series(f"m{i}", job="x") for i in range(250)])] == [99, 99, 49]


def test_a_store_that_is_away_is_left_alone_for_a_while() -> None:
    samples, at = store((A, -60, 7.0)), [0.0]
    recall = recalled(samples, lambda: at[0])
    samples.away = True
    assert recall.newest([A]) == [None]
    samples.away = False
    at[0] = 29.0
    assert recall.newest([A]) == [None]
    assert len(samples.questions) == 1
    at[0] = 31.0
    assert recall.newest([A]) == [(NOW_MS - 60 * SECOND, 7.0)]
