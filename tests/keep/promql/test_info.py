"""`info`: which labels a series gets from the facts about its target; beside Prometheus 3, which is asked the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gwanje.errors import BadQuery
from gwanje.keep.promql import instant
from gwanje.keep.promql.conformance.memory import Memory
from gwanje.keep.samples.base import Vector
from gwanje.model import STALE
from gwanje.wire.columns import Labels
from tests.keep.promql.beside import AT_MS, BEGIN_MS, STEP_MS, Held, asked_there, prometheus_3_of_samples, unlike
from tests.keep.promql.test_beside_prometheus_3 import asked

ENDED_MS = BEGIN_MS + 60 * STEP_MS


def series(metric: str, **labels: str) -> Labels:
    return tuple(sorted({"__name__": metric, **labels}.items()))


def held(of: Callable[[int], float] = lambda _: 1.0, first: int = 0, last: int = 130, late_ms: int = 0) -> Held:
    return [(BEGIN_MS + place * STEP_MS + late_ms, of(place)) for place in range(first, last)]


HELD: dict[Labels, Held] = {
    series("up", instance="a", job="x", az="own"): held(float),
    series("up", instance="b", job="x"): held(lambda place: place * 2.0),
    series("up", job="x"): held(lambda place: place * 3.0),
    series("up", instance="lonely"): held(),
    series("bare"): held(),
    series("target_info", instance="a", job="x", az="1", version="1"): [*held(last=60), (ENDED_MS, STALE)],
    series("target_info", instance="a", job="x", az="1", version="2"): held(first=60),
    series("target_info", instance="b", job="x", az="2"): held(),
    series("target_info", job="x", az="3"): held(),
    series("build_info", instance="a", job="x", rev="r1"): held(),
    series("build_info", instance="b", job="x", rev="r2", az="9"): held(),
    series("twin_info", instance="a", job="x", t="1"): held(),
    series("twin_info", instance="a", job="x", t="2"): held(),
    series("late_info", instance="a", job="x", t="1"): held(),
    series("late_info", instance="a", job="x", t="2"): held(first=30, last=80, late_ms=5000),
}


@pytest.fixture(scope="module")
def memory() -> Memory:
    memory = Memory()
    memory.append({labels: dict(own) for labels, own in HELD.items()})
    return memory


def found(query: str, memory: Memory) -> list[dict[str, str]]:
    answer = instant(query, AT_MS, memory.fetch)
    assert isinstance(answer, Vector)
    return [{name: value for name, value in labels if name not in {"__name__", "job"}} for labels in sorted(answer.labels)]


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        pytest.param(
            'info(up{instance="a"})', [{"instance": "a", "az": "own", "version": "2"}], id="its own labels stay as they are"
        ),
        pytest.param('info(up{instance="b"})', [{"instance": "b", "az": "2"}], id="those of its target"),
        pytest.param('info(rate(up{instance="b"}[5m]))', [{"instance": "b", "az": "2"}], id="without a name, too"),
        pytest.param('info(up{instance="a"} offset 15m)', [{"instance": "a", "az": "own", "version": "1"}], id="of its time"),
        pytest.param('info(up{instance="a"}, {az=~".+"})', [{"instance": "a", "az": "own"}], id="only the labels asked for"),
        pytest.param('info(up, {version="2"})', [{"instance": "a", "az": "own", "version": "2"}], id="only those that have them"),
        pytest.param(
            'info(up{instance="a"}, {__name__="build_info"})', [{"instance": "a", "az": "own", "rev": "r1"}], id="another metric"
        ),
        pytest.param('info(up{instance="lonely"})', [{"instance": "lonely"}], id="nothing is known"),
        pytest.param("info(target_info{version!=''})", [{"instance": "a", "az": "1", "version": "2"}], id="a fact itself"),
    ],
)
def test_a_series_gets_the_labels_of_its_target(memory: Memory, query: str, labels: list[dict[str, str]]) -> None:
    assert found(query, memory) == labels


@pytest.mark.parametrize(
    ("query", "why"),
    [
        pytest.param('info(up, {__name__="twin_info"})', "found duplicate series for info metric", id="two facts of one time"),
        pytest.param('info(up, {__name__=~"(target|build)_info"})', "conflicting label: az", id="two facts that disagree"),
        pytest.param('info(up, foo{a="b"})', "expected label selectors only", id="a series where labels are asked for"),
        pytest.param('info(up, {a=~".*"})', "name the metric, too", id="what the parser does not read"),
    ],
)
def test_what_has_no_answer_says_why(memory: Memory, query: str, why: str) -> None:
    with pytest.raises(BadQuery, match=why):
        found(query, memory)


QUESTIONS = [
    "info(up)",
    'info(up, {az=~".+"})',
    'info(up, {__name__="build_info", rev="r1"})',
    'info(up, {__name__=~"(target|build)_info"})',
    'info(up{instance="a"}, {__name__=~".+_info", __name__!~"(twin|late)_info"})',
    'info(up{instance="b"}, {__name__="twin_info"})',
    'info(up, {__name__="twin_info"})',
    'info(up, {__name__="late_info"})',
    'info(up, {az="2", version="1"})',
    'info(up, {instance="a"})',
    'info(up, {__name__="nosuch_info"})',
    'info(target_info, {az="2"})',
    'info({__name__=~"up|bare"})',
    "info(bare)",
    "info(nosuch)",
    "info(up @ start())",
    "info(up offset 15m + up offset 15m)",
    "info(up offset 15m + up)",
    "info(rate(up[5m] offset 10m))",
    "info(max_over_time((up offset 5m)[10m:1m] offset 10m))",
    "max_over_time(info(up)[10m:1m])",
    "sum by (az) (info(up))",
    'info(up, foo{a="b"})',
]


@pytest.mark.engine("prometheus 3")
def test_prometheus_3_gives_the_same_labels(memory: Memory, tmp_path: Path) -> None:
    with prometheus_3_of_samples(tmp_path, HELD) as client:
        different = [
            (query, whole, how)
            for query in QUESTIONS
            for whole in (False, True)
            if (how := unlike(query, asked(query, memory, whole=whole), asked_there(query, client, whole=whole)))
        ]
    assert different == []
