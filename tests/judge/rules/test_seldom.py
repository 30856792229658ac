"""N4: what reports more seldom than PromQL looks back is awaited by its own rhythm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from gwanje.judge.rules import seldom
from gwanje.judge.rules.spec import Rule
from gwanje.model import to_ms
from gwanje.testing.scenarios import MemorySamples

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def _rule(expr: str = "cpu", **keys: object) -> Rule:
    return Rule.model_validate({"name": "a", "expr": expr, "critical": "> 0", **keys})


async def _awaited(
    expr: str, series: Mapping[str, Sequence[int]], sets: Mapping[str, Mapping[str, str]]
) -> dict[str, tuple[int, int]]:
    """Of each set how often it reports and until when it is awaited, in minutes from now; samples so many minutes ago."""
    samples, rule = MemorySamples(), _rule(expr)
    for name, ago in series.items():
        metric, _, host = name.partition("/")
        for minutes in sorted(ago, reverse=True):
            samples.append(metric, {"host": host}, 1.0, to_ms(NOW - timedelta(minutes=minutes)))
    answers = [await samples.instant(one.query, to_ms(NOW)) for one in seldom.samples(rule, sets)]
    found = seldom.rhythms(sets, answers, NOW, to_ms(NOW))
    return {
        identity: (one.every // timedelta(minutes=1), (one.newest + one.patience - NOW) // timedelta(minutes=1))
        for identity, one in found.items()
    }


HOST: Mapping[str, Mapping[str, str]] = {"a": {"host": "web-1"}}


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        pytest.param([6, 16, 26], {"a": (10, 24)}, id="three of its own intervals after its newest sample"),
        pytest.param([6, 66], {"a": (60, 174)}, id="two samples tell the rhythm"),
        pytest.param([31, 41, 51], {"a": (10, -1)}, id="after that it is missing"),
        pytest.param([6], {}, id="one sample tells none"),
        pytest.param([6, 7, 8], {}, id="what PromQL would still see after three intervals is missing as ever"),
        pytest.param([4, 14, 24], {}, id="a stale marker took it away, and not its rhythm"),
        pytest.param([], {}, id="nothing for hours"),
    ],
)
async def test_n4_what_reports_seldom_is_awaited_by_its_own_intervals(ago: list[int], expected: object) -> None:
    assert await _awaited("cpu", {"cpu/web-1": ago, "cpu/db-1": [1, 2, 3]}, HOST) == expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        pytest.param("sum(cpu)", {"a": (20, 53)}, id="of an aggregate, the input that is due last is enough"),
        pytest.param('cpu{host="web-1"} / on () mem', {"a": (10, 24)}, id="of two selectors, the one that is due first counts"),
        pytest.param('cpu{host="web-1"} / on () fast', {"a": (10, 24)}, id="a selector that answers is not waited for"),
    ],
)
async def test_n4_of_several_inputs_those_count_without_which_there_is_no_result(expr: str, expected: object) -> None:
    series = {"cpu/web-1": [6, 16, 26], "cpu/web-2": [7, 27], "mem/x": [8, 38], "fast/x": [0, 1, 2]}
    assert await _awaited(expr, series, {"a": {}}) == expected


async def test_n4_many_are_asked_for_together_and_each_has_its_own_rhythm() -> None:
    sets = {name: {"host": name} for name in ('we"b.1', "db-1")}
    (question,) = seldom.samples(_rule(), sets)
    assert question.query == '{__name__="cpu",host=~"db\\\\-1|we\\"b\\\\.1"}[3h]'
    found = await _awaited("cpu", {'cpu/we"b.1': [6, 16], "cpu/db-1": [6, 36], "cpu/webs1": [7, 8]}, sets)
    assert found == {'we"b.1': (10, 24), "db-1": (30, 84)}
    (question,) = seldom.samples(_rule(), {str(place): {"host": str(place)} for place in range(101)})
    assert question.query == '{__name__="cpu"}[3h]'
