"""Series come and go: what nothing holds any more leaves the index, and nobody who reads is given another's labels."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from gwanje.keep.promql import Matcher
from gwanje.keep.samples.base import Labels
from gwanje.keep.samples.local import LocalSamples
from gwanje.keep.samples.local.index import Index
from gwanje.model import METRIC
from gwanje.testing.samples import DAY, NOW_MS, columns, held, load, series


def of(host: str) -> Labels:
    return series("node_load1", host=host)


def forget(index: Index, *numbers: int) -> None:
    index.begin_to_forget(np.array(numbers))
    while index.sweep(1):
        pass
    index.forget(index.swept())


@pytest.fixture
def index() -> Index:
    """Three hosts, each with a key."""
    index = Index()
    for host in ("web-1", "web-2", "db-1"):
        index.remember("text", host.encode(), index.add(of(host)))
    return index


def hosts(index: Index, pattern: str) -> list[str]:
    return [dict(labels)["host"] for labels in index.labels(index.select([Matcher("host", "=~", pattern)]))]


def test_a_series_that_was_forgotten_is_not_found_by_labels_key_or_matcher(index: Index) -> None:
    forget(index, 1)
    assert index.number(of("web-2")) is None
    assert index.known("text", [b"web-1", b"web-2"]) == [0, None]
    assert hosts(index, ".*") == ["web-1", "db-1"]
    assert index.select([]).tolist() == [0, 2]
    assert index.count == 2
    assert index.living().tolist() == [True, False, True]


def test_a_free_number_is_given_again_and_lists_stay_ascending(index: Index) -> None:
    forget(index, 1)
    assert index.add(of("web-9")) == 1
    assert index.select([Matcher(METRIC, "=", "node_load1")]).tolist() == [0, 1, 2]
    assert hosts(index, "web-.") == ["web-1", "web-9"]
    assert index.add(of("web-8")) == 3


def test_who_looks_keeps_the_labels_of_what_it_saw(index: Index) -> None:
    with index.looking():
        seen = index.select([Matcher("host", "=", "web-2")])
        forget(index, 1)
        with index.looking():
            assert index.add(of("web-9")) == 3
        assert index.labels(seen) == [of("web-2")]
    assert index.add(of("web-8")) == 1


@pytest.mark.parametrize(
    "named",
    [
        pytest.param(lambda index: index.number(of("web-2")), id="by its labels"),
        pytest.param(lambda index: index.remember("text", b"another spelling", 1), id="by another spelling"),
    ],
)
def test_what_is_named_again_in_time_stays(index: Index, named: Callable[[Index], Any]) -> None:
    index.begin_to_forget(np.array([0, 1]))
    while index.sweep(1):
        pass
    named(index)
    assert index.swept().tolist() == [0]


def test_a_batch_that_could_not_be_kept_is_taken_back(index: Index) -> None:
    forget(index, 0)
    index.begin_batch()
    assert [index.add(of("new-1")), index.add(of("new-2"))] == [0, 3]
    index.forget_batch()
    assert hosts(index, ".*") == ["web-2", "db-1"]
    index.begin_batch()
    assert sorted([index.add(of("new-3")), index.add(of("new-4"))]) == [0, 3]


# --- the whole store -----------------------------------------------------------------------------------------------------


async def test_under_churn_the_index_holds_what_is_there(reopen: Callable[..., LocalSamples]) -> None:
    store = reopen(retention=timedelta(hours=60), rollups={})
    most = 0
    for day in range(30):
        now_ms = NOW_MS + day * DAY
        batch = [load(f"pod-{day}-{i}", now_ms, float(i)) for i in range(50)]
        await store.append(columns(load("web-1", now_ms, float(day)), *batch), now_ms)
        await store.write_block()
        await store.compact()
        for i in range(4):  # what was found is let go in small steps
            await store.append(columns(load("web-1", now_ms + 1 + i, float(day))), now_ms + 1 + i)
        most = max(most, int(store.own_samples()["gwanje_store_series"]))
        found = await held(store, until_ms=now_ms, reach="60d")
        assert found.keys() == {of("web-1"), *(of(f"pod-{d}-{i}") for d in range(max(0, day - 2), day + 1) for i in range(50))}
        assert all(found[of(f"pod-{day}-{i}")] == [(now_ms, float(i))] for i in range(50))
    assert most <= 1 + 4 * 50
    assert len(store._store._memory.index) <= 1 + 6 * 50
    await store.close()
    store = reopen(retention=timedelta(hours=60), rollups={})
    assert store.own_samples()["gwanje_store_series"] == 1 + 3 * 50


async def test_a_series_that_comes_back_while_it_is_let_go_stays(reopen: Callable[..., LocalSamples]) -> None:
    store = reopen(retention=timedelta(hours=60), rollups={})
    await store.append(columns(load("web-1", NOW_MS, 1.0), load("web-2", NOW_MS, 1.0)), NOW_MS)
    await store.write_block()
    now_ms = NOW_MS + 3 * DAY
    await store.append(columns(load("db-1", now_ms, 1.0)), now_ms)
    await store.write_block()
    await store.compact()
    for i, host in enumerate(["db-1", "web-1", "db-1", "db-1", "db-1", "web-2"]):
        await store.append(columns(load(host, now_ms + 1 + i, 2.0)), now_ms)
    assert await held(store, "node_load1", until_ms=now_ms + 9, reach="1h") == {
        of("db-1"): [(now_ms, 1.0), *((now_ms + 1 + i, 2.0) for i in (0, 2, 3, 4))],
        of("web-1"): [(now_ms + 2, 2.0)],
        of("web-2"): [(now_ms + 6, 2.0)],
    }
