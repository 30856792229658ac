"""A query reads tile by tile, from packed blocks and the newest samples; it must see what reading every sample sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from gwanje.keep import promql
from gwanje.keep.promql import Matcher
from gwanje.keep.promql.values import Matrix, Vector
from gwanje.keep.samples.local import LocalSamples, making
from gwanje.keep.samples.local.blocks import Block
from gwanje.keep.samples.local.chosen import Remembered
from gwanje.keep.samples.local.index import Index
from gwanje.keep.samples.local.packed import pack
from gwanje.keep.samples.local.runs import Ids
from gwanje.model import METRIC, STALE
from gwanje.testing.samples import series
from gwanje.wire.columns import Labels
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.encode import body_of

Reopen = Callable[..., LocalSamples]

NOW_MS = 1_700_000_000_000
STEP_MS = 15_000
SERIES = [((METRIC, "m"), ("host", f"web-{host}"), ("i", str(number))) for host in range(7) for number in (3, 1, 2, 10, 11)]
QUERIES = (
    "m",
    'm{host="web-3",i="1"}',
    "sum by (host) (rate(m[2m]))",
    "max by (host) (max_over_time(m[1m]))",
    "min_over_time(m[41s])",
    "avg_over_time(m[90s] offset 3m)",
    "count_over_time(m[10m])",
    "m @ end() - m offset 5m",
    "topk(3, m)",
    "last_over_time(m[20m])",
    "changes(m[5m:30s])",
    "absent_over_time(m[1m])",
)


def batches(seed: int, count: int, missing: float) -> list[bytes]:
    """Scrapes of all series, each at its own phase; some samples are missing, some are stale, values are decimals or not."""
    random = np.random.default_rng(seed)
    phase = random.integers(0, STEP_MS, len(SERIES))
    bodies = []
    for batch in range(count):
        at = NOW_MS + batch * STEP_MS + phase + random.integers(-40, 41, len(SERIES))
        there = random.random(len(SERIES)) >= missing
        values = [
            STALE
            if random.random() < missing / 4
            else round(batch * 7.5 + number, number % 3)
            if number % 5
            else float(random.normal())
            for number in range(len(SERIES))
        ]
        rows = [(SERIES[i], [(int(at[i]), float(values[i]))]) for i in np.flatnonzero(there).tolist()]
        bodies.append(body_of(rows))
    return bodies


async def filled(reopen: Reopen, missing: float, *blocks_after: int) -> LocalSamples:
    store = reopen()
    for number, body in enumerate(batches(len(blocks_after), 60, missing)):
        await store.append(decode(body), NOW_MS + number * STEP_MS)
        if number in blocks_after:
            await store.write_block()
    return store


def answers(store: LocalSamples, fetch: Any) -> list[dict[Labels, Sequence[Any]]]:
    end = NOW_MS + 60 * STEP_MS
    found: list[dict[Labels, Sequence[Any]]] = []
    for query in QUERIES:
        for at in (end, end - 4 * STEP_MS + 7, NOW_MS + 20 * STEP_MS):
            answer = promql.instant(query, at, fetch)
            assert isinstance(answer, Vector)
            found.append(dict(zip(answer.labels, answer.values.tolist(), strict=True)))
        found.append(by_series(promql.range_(query, NOW_MS, end, 41_000, fetch)))
    return found


def by_series(matrix: Matrix) -> dict[Labels, Sequence[Any]]:
    rows = ((own, slice(*matrix.offsets[row : row + 2])) for row, own in enumerate(matrix.labels))
    return {own: (matrix.times[part].tolist(), matrix.values[part].tolist()) for own, part in rows}


@pytest.mark.parametrize(
    ("missing", "blocks_after"),
    [
        pytest.param(0.0, (), id="all in the head"),
        pytest.param(0.0, (59,), id="all in a block"),
        pytest.param(0.0, (10, 30), id="regular, in blocks and head"),
        pytest.param(0.02, (10, 30), id="few are missing"),
        pytest.param(0.5, (10, 30, 50), id="half are missing"),
    ],
)
async def test_a_query_sees_what_reading_every_sample_sees(
    reopen: Reopen, monkeypatch: pytest.MonkeyPatch, missing: float, blocks_after: tuple[int, ...]
) -> None:
    store = await filled(reopen, missing, *blocks_after)
    expected = answers(store, store._store.fetch)

    for cells, unlaid_from in ((1 << 15, 256), (40, 256), (1 << 15, 0), (40, 0)):
        monkeypatch.setattr("gwanje.keep.promql.selection.TILE_CELLS", cells)
        monkeypatch.setattr("gwanje.keep.samples.local.reading._MANY", unlaid_from)
        monkeypatch.setattr("gwanje.keep.samples.local.reading._TO_AN_END", unlaid_from)
        for got, wanted in zip(answers(store, store._store.find), expected, strict=True):
            assert got.keys() == wanted.keys()
            for labels, own in wanted.items():
                np.testing.assert_equal(got[labels], own)


async def test_what_comes_late_is_read_in_its_place(reopen: Reopen) -> None:
    store = await filled(reopen, 0.0, 30)
    late = [(SERIES[4], [(NOW_MS + 40 * STEP_MS + 1, 12345.0)])]
    await store.append(decode(body_of(late)), NOW_MS + 61 * STEP_MS)

    found = promql.instant('max_over_time(m{host="web-0"}[10m])', NOW_MS + 60 * STEP_MS, store._store.find)

    assert isinstance(found, Vector)
    assert max(found.values) == 12345.0


async def test_a_selector_sees_the_series_that_came_after_it_was_asked_first(reopen: Reopen) -> None:
    store = reopen()
    a, b = ((METRIC, "m"), ("host", "a")), ((METRIC, "m"), ("host", "b"))
    await store.append(decode(body_of([(b, [(NOW_MS, 1.0)])])), NOW_MS)
    first = store._store.find([Matcher(METRIC, "=", "m")], 0, NOW_MS)
    again = store._store.find([Matcher(METRIC, "=", "m")], 0, NOW_MS)
    await store.append(decode(body_of([(a, [(NOW_MS, 2.0)]), (((METRIC, "other"),), [(NOW_MS, 3.0)])])), NOW_MS)
    grown = store._store.find([Matcher(METRIC, "=", "m")], 0, NOW_MS)

    assert again.names is first.names
    assert list(first.names) == [b]
    assert list(grown.names) == [a, b]
    assert grown.last()[1].tolist() == [2.0, 1.0]


async def test_the_newest_sample_past_the_time_asked_for_is_not_the_answer(reopen: Reopen) -> None:
    store = reopen()
    rows = [(SERIES[0], [(NOW_MS, 1.0), (NOW_MS + 10, 2.0)]), (SERIES[1], [(NOW_MS, 3.0)]), (SERIES[2], [(NOW_MS + 10, 4.0)])]
    await store.append(decode(body_of(rows)), NOW_MS)

    found = promql.instant("m", NOW_MS + 5, store._store.find)

    assert isinstance(found, Vector)
    assert dict(zip(found.labels, found.values.tolist(), strict=True)) == {SERIES[0]: 1.0, SERIES[1]: 3.0}


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        pytest.param([1.0, 2.0, 3.0], 0, id="whole"),
        pytest.param([0.25, 50.0, -7.5], 2, id="decimals"),
        pytest.param([0.1, -0.0, 3.0], 1, id="minus zero"),
        pytest.param([0.1, STALE, float("inf")], 1, id="no numbers"),
        pytest.param([1e300, 2.0**40, 1 / 3], -1, id="long ones"),
        pytest.param([2.0**40, 1.0, 2.0], 0, id="large ones"),
    ],
)
@pytest.mark.parametrize("apart", [0, 40, 1 << 20, 1 << 40])
def test_what_is_packed_comes_out_bit_by_bit(values: list[float], decimals: int, apart: int) -> None:
    offsets = np.array([0, 2, 3], np.int64)
    times = np.array([NOW_MS, NOW_MS + STEP_MS + apart, NOW_MS - apart], np.int64)

    unpacked = pack(offsets, times, np.array(values), decimals).columns()

    assert unpacked[0].tolist() == times.tolist()
    assert unpacked[1].view(np.uint64).tolist() == np.array(values).view(np.uint64).tolist()


class _GrowingIndex(Index):
    """An index to which a series is added between a reader's look at how many there are and its selection."""

    def __init__(self) -> None:
        super().__init__()
        self.late: list[Labels] = []

    def select(self, matchers: Sequence[Matcher]) -> Ids:
        if self.late:
            self.add(self.late.pop())
        return super().select(matchers)


def test_a_series_that_comes_while_a_selector_is_looked_up_is_chosen_once() -> None:
    index = _GrowingIndex()
    index.add(series("fetches", outcome="succeeded"))
    index.late = [series("fetches", outcome="failed")]
    remembered = Remembered(index)
    asked = (Matcher(METRIC, "=", "fetches"),)
    remembered.by(asked)
    assert sorted(remembered.by(asked).ids.tolist()) == [0, 1]
    assert len(remembered.by(asked).names.rows) == 2


async def test_row_groups_whose_samples_lie_before_the_range_are_not_read(
    reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "_ROWS_OF_GROUP", 100)
    store = reopen()
    for minute in range(100):  # the first five series are gone after fifty minutes, when the others come
        there = range(5) if minute < 50 else range(5, 10)
        at_ms = NOW_MS + minute * 60_000
        await store.append(decode(body_of([(series("m", i=str(number)), [(at_ms, 1.5)]) for number in there])), at_ms)
    await store.write_block()
    read: list[list[int]] = []
    columns = Block._columns

    def noted(block: Block, groups: list[int], column: str) -> list[Any]:
        read.append(groups)
        return columns(block, groups, column)

    monkeypatch.setattr(Block, "_columns", noted)
    late = await store.instant("count(count_over_time(m[40m]))", NOW_MS + 99 * 60_000)
    assert isinstance(late, Vector)
    assert (late.values.tolist(), read) == ([5.0], [[2, 3, 4]])
    early = await store.instant("count(count_over_time(m[40m]))", NOW_MS + 49 * 60_000)
    assert isinstance(early, Vector)
    assert (early.values.tolist(), read) == ([5.0], [[2, 3, 4], [0, 1]])
