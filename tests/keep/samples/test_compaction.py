"""Merged, rolled up or past their time: what blocks become, and what queries see of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwanje.keep.promql import Matcher
from gwanje.keep.samples.base import Matrix
from gwanje.keep.samples.local import LocalSamples, decimals
from gwanje.keep.samples.local.compaction import Closing, Compaction, Job, Piece, expired, held_back, next_job, waiting
from gwanje.keep.samples.local.rollups import Rolled, combined, roll
from gwanje.model import METRIC
from gwanje.testing.samples import DAY, HOUR, MINUTE, NOW_MS, SECOND, STALE, WEB_1, WEB_2, columns, held, load, raw, series
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.encode import body_of

MIDNIGHT = NOW_MS // DAY * DAY
FIVE = 5 * MINUTE
YEAR = 365 * DAY


# --- what is done next ---------------------------------------------------------------------------------------------------


def raw_pieces(*rows: int, day: int = 0) -> list[Piece]:
    return [Piece(0, day * DAY, count, day * DAY + HOUR) for count in rows]


@pytest.mark.parametrize(
    ("pieces", "now_ms", "job"),
    [
        pytest.param([], 0, None, id="nothing is there"),
        pytest.param(raw_pieces(9, 9, 9), HOUR, None, id="three neighbours wait for a fourth"),
        pytest.param(raw_pieces(9, 9, 9, 30), HOUR, Job([0, 1, 2, 3], roll=False), id="four neighbours of like size are merged"),
        pytest.param(raw_pieces(90, 9, 9, 9), HOUR, None, id="a large one is not written again for three small ones"),
        pytest.param(raw_pieces(90, 9, 9, 9, 9), HOUR, Job([1, 2, 3, 4], roll=False), id="small ones are merged behind it"),
        pytest.param(raw_pieces(90, 9, 9), DAY + HOUR - 1, None, id="the day is over, its late samples may still come"),
        pytest.param(raw_pieces(90, 9, 9), DAY + HOUR, Job([0, 1, 2], roll=False), id="a day that is over becomes one block"),
        pytest.param(raw_pieces(90, 9), DAY + HOUR, None, id="a few late samples wait for company"),
        pytest.param(raw_pieces(900, *[9] * 8), DAY + HOUR, Job(list(range(9)), roll=False), id="and find it"),
        pytest.param(
            raw_pieces(90, *[9] * 13),
            DAY + HOUR,
            Job(list(range(1, 13)), roll=False),
            id="of many parts the smallest dozen first",
        ),
        pytest.param(raw_pieces(90), 15 * DAY + HOUR, None, id="at its retention a day stays"),
        pytest.param(raw_pieces(90), 15 * DAY + HOUR + 1, Job([0], roll=True), id="past it it is rolled up"),
        pytest.param(
            [*raw_pieces(9, 9), *raw_pieces(9, day=1)], 15 * DAY + HOUR + 1, Job([0, 1], roll=True), id="in all of its blocks"
        ),
        pytest.param(
            [Piece(FIVE, 0, 9, DAY * i) for i in range(4)], DAY, Job([0, 1, 2, 3], roll=False), id="rollups are merged too"
        ),
    ],
)
def test_the_next_job(pieces: list[Piece], now_ms: int, job: Job | None) -> None:
    assert next_job(pieces, now_ms, 15 * DAY, rolling=True) == job


@pytest.mark.parametrize(
    ("pieces", "job"),
    [
        pytest.param(raw_pieces(*[9] * 12), None, id="a dozen neighbours wait for one more"),
        pytest.param(raw_pieces(*[9] * 13), Job(list(range(12)), roll=False), id="more than a dozen do not"),
        pytest.param(
            raw_pieces(108, *[9] * 12, day=-9), Job(list(range(1, 13)), roll=False), id="the smallest, of a day that is over too"
        ),
        pytest.param(raw_pieces(90, 90, day=-9), None, id="which becomes one block afterwards"),
        pytest.param(raw_pieces(90, day=-20), Job([0], roll=True), id="rollups cannot wait"),
    ],
)
def test_the_next_job_while_samples_pour_in(pieces: list[Piece], job: Job | None) -> None:
    assert next_job(pieces, HOUR, 15 * DAY, rolling=True, pouring=True) == job


@pytest.mark.parametrize(
    ("pieces", "count"),
    [
        pytest.param([], 0, id="nothing is there"),
        pytest.param(raw_pieces(900, *[9] * 12), 0, id="those that wait for company are where they should be"),
        pytest.param(raw_pieces(900, *[9] * 14), 2, id="more of one day wait"),
        pytest.param([*raw_pieces(*[9] * 13), *raw_pieces(*[9] * 13, day=1)], 0, id="every day has its own"),
        pytest.param([*raw_pieces(*[9] * 15), *raw_pieces(*[9] * 16, day=1)], 5, id="what waits of all days is added up"),
    ],
)
def test_blocks_that_wait_to_be_merged(pieces: list[Piece], count: int) -> None:
    assert waiting(pieces) == count


def test_samples_are_held_back_the_longer_the_more_blocks_wait_and_not_without_bound() -> None:
    assert held_back(24, 10_000) == 0
    assert held_back(25, 10_000) == pytest.approx(0.001)
    assert held_back(34, 10_000) == pytest.approx(0.01)
    assert held_back(10_000, 500_000) == 1


def test_without_rollups_nothing_is_rolled_up() -> None:
    assert next_job(raw_pieces(90), YEAR, 15 * DAY, rolling=False) is None


def test_each_step_has_its_own_retention() -> None:
    pieces = [*raw_pieces(9), Piece(FIVE, 0, 9, HOUR), Piece(HOUR, 0, 9, HOUR), Piece(MINUTE, 0, 9, 20 * DAY)]
    assert expired(pieces, 16 * DAY, {0: 15 * DAY, FIVE: 90 * DAY, HOUR: YEAR}) == [0]
    assert expired(pieces, 91 * DAY, {0: YEAR, FIVE: 90 * DAY, HOUR: YEAR}) == [1, 3]


# --- values and steps ----------------------------------------------------------------------------------------------------

some_values = st.one_of(
    st.integers(-(10**12), 10**12).map(float),
    st.integers(-(10**9), 10**9).map(lambda number: number / 100),
    st.floats(),
    st.sampled_from([STALE, 0.0, -0.0, float("inf"), float("-inf"), 2.0**53, 1e-7, 1e300]),
)


@given(st.lists(st.lists(some_values, min_size=1, max_size=5), min_size=1, max_size=5))
def test_decimals_give_every_value_back_to_the_last_bit(series: list[list[float]]) -> None:
    offsets = np.cumsum([0, *map(len, series)])
    values = np.array([value for of in series for value in of], np.float64)
    of, integers, there = decimals.scaled(offsets, values)
    again = np.where(there, decimals.unscaled(integers, of, np.diff(offsets)), values)
    assert again.view(np.int64).tolist() == values.view(np.int64).tolist()


def test_a_stale_marker_does_not_spoil_its_series() -> None:
    of, integers, there = decimals.scaled(np.array([0, 3, 5, 7]), np.array([50.25, STALE, 1.5, 7.0, 8.0, 1 / 3, 1.0]))
    assert of.tolist() == [2, 0, -1]
    assert integers.tolist() == [5025, 0, 150, 7, 8, 0, 0]
    assert there.tolist() == [True, False, True, True, True, False, False]


some_samples = st.lists(
    st.lists(
        st.tuples(st.integers(1, 40), st.sampled_from([1.0, 2.0, 5.0, -3.0, STALE])),
        min_size=1,
        max_size=12,
        unique_by=lambda row: row[0],
    ),
    min_size=1,
    max_size=3,
)


def as_rows(series: list[list[tuple[int, float]]]) -> tuple[Any, Any, Any]:
    rows = [sorted(of) for of in series]
    times = np.array([at for of in rows for at, _ in of], np.int64)
    return np.cumsum([0, *map(len, rows)]), times, np.array([value for of in rows for _, value in of], np.float64)


def plain_steps(series: list[list[tuple[int, float]]], step: int) -> list[list[Any]]:
    every = []
    for of in series:
        steps: dict[int, list[tuple[int, float]]] = {}
        for at, value in sorted(of):
            steps.setdefault(-(-at // step) * step, []).append((at, value))
        every.append([_plain_step(end, rows) for end, rows in steps.items()])
    return every


def _plain_step(end: int, rows: list[tuple[int, float]]) -> list[Any]:
    alive = [value for _, value in rows if value == value]  # noqa: PLR0124 - a stale marker is a NaN, and unequal to itself
    figures = [min(alive), max(alive), sum(alive)] if alive else [None] * 3
    last = rows[-1][1]
    return [end, rows[-1][0], len(alive), *figures, last if last in alive else None]


def as_steps(rolled: Rolled) -> list[list[Any]]:
    rows = list(zip(*(column.tolist() for column in rolled[1:]), strict=True))
    shown = [[None if isinstance(one, float) and one != one else one for one in row] for row in rows]  # noqa: PLR0124 - a NaN
    edges = rolled.offsets.tolist()
    return [shown[first:end] for first, end in pairwise(edges)]


@given(some_samples, st.integers(1, 12))
def test_a_step_says_what_a_plain_loop_says(series: list[list[tuple[int, float]]], step: int) -> None:
    assert as_steps(roll(*as_rows(series), step)) == plain_steps(series, step)


@given(some_samples, st.integers(1, 12), st.integers(0, 40))
def test_steps_of_two_parts_are_those_of_the_whole(series: list[list[tuple[int, float]]], step: int, cut: int) -> None:
    early, late = ([[row for row in of if (row[0] <= cut) == first] for of in series] for first in (True, False))
    parts = [part for part in (rolled_of(early, step), rolled_of(late, step)) if part is not None]
    assert as_steps(combined(parts)) == plain_steps(series, step)


def rolled_of(series: list[list[tuple[int, float]]], step: int) -> Rolled | None:
    """The steps of a block that does not hold all of the series."""
    there = [of for of in series if of]
    if not there:
        return None
    rolled = roll(*as_rows(there), step)
    counts = iter(np.diff(rolled.offsets).tolist())
    return rolled._replace(offsets=np.cumsum([0, *(next(counts) if of else 0 for of in series)]))


# --- merging -------------------------------------------------------------------------------------------------------------


async def test_a_day_that_is_over_becomes_one_block_sorted_and_without_repeats(reopen: Callable[..., LocalSamples]) -> None:
    store = reopen(out_of_order=timedelta(hours=1))
    late = [(3, 30), (1, 10), (2, 20), (1, 11), (4, 40), (3, 31)]
    for at, value in late:
        batch = columns(load("web-1", MIDNIGHT + at * MINUTE, value / 3), load("web-2", MIDNIGHT + at * MINUTE, float(value)))
        await store.append(batch, MIDNIGHT + HOUR)
        await store.write_block()
    before = await held(store)
    await store.append(columns(load("web-1", MIDNIGHT + DAY + 2 * HOUR, 5.0)), MIDNIGHT + DAY + 2 * HOUR)
    await store.compact()
    assert await held(store) == before
    assert before[WEB_2] == [(MIDNIGHT + at * MINUTE, float(value)) for at, value in [(1, 10), (2, 20), (3, 30), (4, 40)]]
    figures = store.own_samples()
    assert (figures["gwanje_store_blocks"], figures["gwanje_store_block_samples"]) == (1, 8)
    await store.close()
    store = reopen()
    assert await held(store) == before
    assert store.own_samples()["gwanje_store_block_samples"] == 8


async def test_a_head_over_midnight_becomes_a_block_a_day(reopen: Callable[..., LocalSamples]) -> None:
    store = reopen()
    now_ms = MIDNIGHT + DAY + 10
    wanted = [(MIDNIGHT + DAY + offset, float(offset)) for offset in (-1, 0, 1)]
    await store.append(raw(WEB_1, wanted), now_ms)
    await store.append(columns(load("web-2", MIDNIGHT + DAY + 1, 1.0)), now_ms)
    await store.write_block()
    assert [(block.start_ms, block.end_ms) for block in store._store._memory.view.blocks] == [
        (MIDNIGHT + DAY - 1, MIDNIGHT + DAY),
        (MIDNIGHT + DAY + 1, MIDNIGHT + DAY + 1),
    ]
    assert (await held(store, until_ms=MIDNIGHT + 2 * DAY))[WEB_1] == wanted


async def test_a_query_beside_a_merge_sees_no_gap_and_nothing_twice(reopen: Callable[..., LocalSamples]) -> None:
    store = reopen()
    hosts = [((METRIC, "m"), ("host", f"web-{i:03}")) for i in range(50)]
    over, seen = threading.Event(), []

    def look() -> None:
        while not over.is_set():
            found = store._store.fetch([Matcher(METRIC, "=", "m")], 0, NOW_MS * 2)
            seen.append((len(found.labels), len(found.times)))

    rows = 0
    for part in range(4):
        times = [NOW_MS + (part * 200 + j) * 10 for j in range(200)]
        await store.append(decode(body_of([(labels, [(at, float(at)) for at in times]) for labels in hosts])), NOW_MS)
        rows += 200 * 50
        if part == 3:
            before = (50, rows)
            looking = threading.Thread(target=look)
            looking.start()
        await store.write_block()
    await store.compact()
    over.set()
    await asyncio.to_thread(looking.join)
    assert store.own_samples()["gwanje_store_blocks"] == 1
    assert set(seen) == {before}


# --- past the retention --------------------------------------------------------------------------------------------------


async def test_what_is_past_its_retention_is_answered_from_rollups(reopen: Callable[..., LocalSamples]) -> None:
    store = reopen()
    old = [(MIDNIGHT + minute * MINUTE, float(minute % 7)) for minute in range(1, 51)]  # the last steps of the hour are empty
    await store.append(raw(WEB_1, old), MIDNIGHT + 2 * HOUR)
    await store.write_block()
    now_ms = MIDNIGHT + 16 * DAY
    await store.append(raw(WEB_1, [(now_ms, 100.0)]), now_ms)
    await store.compact()
    figures = store.own_samples()
    assert (figures["gwanje_store_blocks"], figures["gwanje_store_rollup_blocks"]) == (0, 2)
    fives = [(at, value) for at, value in old if at % FIVE == 0]
    wanted = {WEB_1: [*fives, (now_ms, 100.0)]}
    assert await held(store, until_ms=now_ms) == wanted
    await store.close()
    store = reopen()
    assert await held(store, until_ms=now_ms) == wanted
    for column, of in (("min", min), ("max", max), ("sum", sum), ("count", len)):
        found = store._store.fetch([Matcher("host", "=", "web-1")], MIDNIGHT, MIDNIGHT + HOUR, column)
        windows = [
            [value for at, value in old if end - FIVE < at <= end] for end in range(MIDNIGHT + FIVE, MIDNIGHT + 61 * MINUTE, FIVE)
        ]
        assert found.values.tolist() == [float(of(values)) for values in windows if values], column


@pytest.mark.parametrize(
    "query",
    [
        *(
            f"{function}_over_time(node_load1[{window}])"
            for function in ("min", "max", "sum", "count", "avg", "last")
            for window in ("5m", "1h")
        ),
        "node_load1",
        "max by (host) (max_over_time(node_load1[30m]))",
    ],
)
async def test_on_the_steps_the_answer_is_the_same_from_rollups_also_over_the_border(
    reopen: Callable[..., LocalSamples], query: str
) -> None:
    store = reopen()
    # Two days, of which the first is rolled up.
    for host in ("web-1", "web-2"):
        samples = [
            (MIDNIGHT + DAY - 3 * HOUR + i * 20 * SECOND, float(i * 7 % 11))
            for i in range(1, 1081)
            if host == "web-1" or i % 7 < 4
        ]
        await store.append(raw(series("node_load1", host=host), samples), MIDNIGHT + DAY + 3 * HOUR)
    await store.append(
        columns(load("web-3", MIDNIGHT + DAY - HOUR, 1.0), load("web-3", MIDNIGHT + DAY - HOUR + SECOND, STALE)), MIDNIGHT + DAY
    )
    asked = (query, MIDNIGHT + DAY - 2 * HOUR, MIDNIGHT + DAY + 2 * HOUR, FIVE)
    before = shown(await store.range(*asked))
    await store.write_block()
    store._store._memory.now_ms = MIDNIGHT + 16 * DAY + HOUR
    await store.compact()
    figures = store.own_samples()
    assert (figures["gwanje_store_blocks"], figures["gwanje_store_rollup_blocks"]) == (1, 2)
    assert shown(await store.range(*asked)) == before
    assert before


def shown(matrix: Matrix) -> Any:
    edges = matrix.offsets.tolist()
    rows = list(zip(matrix.times.tolist(), matrix.values.tolist(), strict=True))
    return {labels: rows[edges[i] : edges[i + 1]] for i, labels in enumerate(matrix.labels)}


async def test_a_coarser_step_answers_for_what_the_finer_one_has_given_up(reopen: Callable[..., LocalSamples]) -> None:
    store = reopen(rollups={timedelta(minutes=5): timedelta(days=20), timedelta(hours=1): timedelta(days=60)})
    old = [(MIDNIGHT + minute * MINUTE, float(minute)) for minute in range(1, 181)]
    await store.append(raw(WEB_1, old), MIDNIGHT + 4 * HOUR)
    await store.write_block()
    for day, left in ((16, 36), (21, 3), (61, 0)):
        now_ms = MIDNIGHT + day * DAY
        await store.append(raw(WEB_2, [(now_ms, 1.0)]), now_ms)
        await store.write_block()
        await store.compact()
        found = await held(store, until_ms=now_ms, reach="100d")
        step = {36: FIVE, 3: HOUR}.get(left, 1)
        assert found.get(WEB_1, []) == [(at, value) for at, value in old if left and at % step == 0], day


async def test_rollups_of_several_days_are_merged(reopen: Callable[..., LocalSamples]) -> None:
    store = reopen(retention=timedelta(days=1), rollups={timedelta(hours=1): timedelta(days=90)})
    for day in range(8):
        at_ms = MIDNIGHT + day * DAY + HOUR
        await store.append(columns(load("web-1", at_ms, float(day)), load(f"web-{day}", at_ms + 1, 1 / 3)), at_ms + 1)
        await store.write_block()
        await store.compact()
    figures = store.own_samples()
    assert figures["gwanje_store_rollup_blocks"] < 5
    assert len((await held(store, until_ms=MIDNIGHT + 9 * DAY))[WEB_1]) == 9


# --- beside the work -----------------------------------------------------------------------------------------------------


async def test_a_merge_is_given_up_when_the_store_closes(reopen: Callable[..., LocalSamples], tmp_path: Path) -> None:
    store = reopen()
    closing = threading.Event()
    compaction = Compaction(store._store._memory, store._store._shelf, closing)
    with store._store._upkeep._compacting:
        for i in range(4):
            await store.append(columns(load("web-1", NOW_MS + i, float(i))), NOW_MS)
            await store.write_block()
        closing.set()
        with pytest.raises(Closing):
            compaction.step()
        assert store.own_samples()["gwanje_store_blocks"] == 4
        assert await asyncio.to_thread(list, (tmp_path / "samples" / "blocks").glob("unfinished-*")) == []
    await store.compact()
    assert store.own_samples()["gwanje_store_blocks"] == 1


async def test_a_copy_holds_what_was_answered_before_it_and_nothing_later(
    reopen: Callable[..., LocalSamples], tmp_path: Path
) -> None:
    store = reopen(segment_bytes=400)
    for i in range(9):
        await store.append(columns(load("web-1", NOW_MS + i, float(i)), load("web-2", NOW_MS + i, 0.5)), NOW_MS)
        if i in (1, 3, 4):
            await store.write_block()
    before = await held(store)
    await store.backup(tmp_path / "copy" / "samples")
    for i in range(9, 12):
        await store.append(columns(load("web-1", NOW_MS + i, float(i))), NOW_MS)
        await store.write_block()
    await store.compact()
    copy = reopen(tmp_path / "copy")
    assert await held(copy) == before
    await copy.append(columns(load("web-1", NOW_MS + 50, 50.0)), NOW_MS)
    assert (await held(copy))[WEB_1] == [*before[WEB_1], (NOW_MS + 50, 50.0)]
    assert (await held(store))[WEB_1] == [(NOW_MS + i, float(i)) for i in range(12)]
