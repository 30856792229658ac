"""What is short is answered where it is asked for, and nothing else is; a few series are read as all others are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from gwanje.errors import BadQuery, QueryLimit
from gwanje.keep import promql
from gwanje.keep.promql.values import Matrix, Vector
from gwanje.keep.samples.local import LocalSamples, at_hand
from gwanje.keep.samples.local.at_hand import NotAtHandError
from gwanje.model import METRIC, STALE
from gwanje.wire.columns import Labels
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.encode import body_of

Reopen = Callable[..., LocalSamples]
Samples = Sequence[tuple[int, float]]

NOW_MS = 1_700_000_000_000
STEP_MS = 15_000
END_MS = NOW_MS + 40 * STEP_MS
SERIES: list[Labels] = [((METRIC, "m"), ("host", f"web-{number}")) for number in range(6)]
ONE = 'm{host="web-3"}'


class Readers(ThreadPoolExecutor):
    """Remembers how often it was asked."""

    def __init__(self) -> None:
        super().__init__(1)
        self.asked = 0

    def submit(self, *args: Any, **named: Any) -> Future[Any]:
        self.asked += 1
        return super().submit(*args, **named)


async def append(store: LocalSamples, *rows: tuple[Labels, Samples], now_ms: int = END_MS) -> None:
    await store.append(decode(body_of(list(rows))), now_ms)


async def filled(store: LocalSamples, *blocks_after: int) -> Readers:
    """Forty samples of each series; whoever asks has asked before. Blocks are read for the first time then."""
    for number in range(40):
        at = NOW_MS + number * STEP_MS
        await append(store, *((own, [(at + place, number * 1.5 + place)]) for place, own in enumerate(SERIES)), now_ms=at)
        if number in blocks_after:
            await store.write_block()
    store._readers.shutdown()
    store._readers = readers = Readers()
    return readers


def by_series(matrix: Matrix) -> dict[Labels, tuple[list[int], list[float]]]:
    rows = ((own, slice(*matrix.offsets[row : row + 2])) for row, own in enumerate(matrix.labels))
    return {own: (matrix.times[part].tolist(), matrix.values[part].tolist()) for own, part in rows}


@pytest.mark.parametrize(
    "query",
    [
        *(ONE, 'm{host=~"web-[12]"}', f"{ONE} offset 1m", f"{ONE} @ end()", "none", "m"),
        *(f"rate({ONE}[1m])", "avg_over_time(m[2m])", "sum by (host) (max_over_time(m[2m]))", "count(m)"),
    ],
)
async def test_a_light_question_of_few_series_is_answered_without_another_thread(reopen: Reopen, query: str) -> None:
    store = reopen()
    readers = await filled(store, 10, 30)
    first = [await store.range(query, NOW_MS, END_MS, 20_000), await store.instant(query, END_MS)]
    assert readers.asked

    readers.asked = 0
    again = [await store.range(query, NOW_MS, END_MS, 20_000), await store.instant(query, END_MS)]

    assert not readers.asked
    assert isinstance(first[0], Matrix)
    assert isinstance(again[0], Matrix)
    assert by_series(again[0]) == by_series(first[0])
    assert isinstance(first[1], Vector)
    assert isinstance(again[1], Vector)
    assert (list(again[1].labels), again[1].values.tolist()) == (list(first[1].labels), first[1].values.tolist())


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(f"{ONE} + 1", id="an operator"),
        pytest.param(f"{ONE} / {ONE}", id="two selectors"),
        pytest.param(f"max_over_time({ONE}[5m:1s])", id="a subquery"),
        pytest.param(f"sum(-{ONE})", id="a part that is not light"),
        pytest.param('count_values("value", m)', id="an aggregation that works value by value"),
        pytest.param(f'label_replace({ONE}, "a", "b", "", "")', id="a function that works series by series"),
        pytest.param('m{host="web-3",' + ",".join(f'l{number}=""' for number in range(100)) + "}", id="a long text"),
    ],
)
async def test_whatever_else_is_asked_for_waits_for_a_thread(reopen: Reopen, query: str) -> None:
    store = reopen()
    readers = await filled(store)
    for asked in range(1, 4):
        await store.range(query, NOW_MS, END_MS, 20_000)
        assert readers.asked == asked


async def test_a_selector_that_takes_other_series_by_now_waits_for_a_thread(reopen: Reopen) -> None:
    store = reopen()
    readers = await filled(store)
    await store.range(ONE, NOW_MS, END_MS, 20_000)
    await append(store, (((METRIC, "m"), ("host", "web-3"), ("disk", "a")), [(END_MS, 1.0)]))

    found = await store.range(ONE, NOW_MS, END_MS, 20_000)

    assert readers.asked == 2
    assert len(found.labels) == 2


async def test_what_lies_on_the_disk_waits_for_a_thread(reopen: Reopen) -> None:
    store = reopen()
    readers = await filled(store, 39)
    await store.instant(ONE, END_MS)  # by the newest samples: no block is read
    for asked in (2, 2):
        await store.range(ONE, NOW_MS, END_MS, 20_000)
        assert readers.asked == asked


async def test_many_samples_are_not_even_begun(reopen: Reopen) -> None:
    store = reopen()
    await append(store, (SERIES[3], [(NOW_MS + number, float(number)) for number in range(40_000)]))
    store._store._memory.settled()
    span = (ONE, NOW_MS, NOW_MS + 40_000, 10_000)
    found = await store.range(*span)

    with pytest.raises(NotAtHandError):
        promql.range_(*span, store._store.find_at_hand)

    assert by_series(await store.range(*span)) == by_series(found)


async def test_an_answer_of_many_steps_waits_for_a_thread(reopen: Reopen) -> None:
    store = reopen()
    readers = await filled(store)
    for asked in range(1, 4):
        await store.range('m{host=~"web-[123]"}', NOW_MS, NOW_MS + 10_500_000, 1_000)
        assert readers.asked == asked


async def test_many_series_wait_for_a_thread(reopen: Reopen) -> None:
    store = reopen()
    readers = await filled(store)
    await append(store, *((((METRIC, "n"), ("i", str(number))), [(END_MS, 1.0)]) for number in range(1001)))
    for asked in range(1, 4):
        assert len((await store.range("n", END_MS, END_MS, 1_000)).labels) == 1001
        assert readers.asked == asked


async def test_series_in_many_places_wait_for_a_thread(reopen: Reopen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_hand, "_SOURCES", 2)
    store = reopen()
    readers = await filled(store, 10, 30)
    for asked in range(1, 4):
        await store.range("m", NOW_MS, END_MS, 20_000)
        assert readers.asked == asked


async def test_what_has_just_come_is_sorted_by_a_thread(reopen: Reopen) -> None:
    store = reopen()
    readers = await filled(store)
    await store.range("m", NOW_MS, END_MS, 20_000)
    await append(store, *((own, [(END_MS, 7.0)]) for own in SERIES))
    for _ in range(2):
        found = await store.range("m", NOW_MS, END_MS, 20_000)
        assert found.values[-1] == 7
        assert readers.asked == 2


async def test_series_that_lie_unlike_are_put_together_by_a_thread(reopen: Reopen) -> None:
    store = reopen()
    series: list[Labels] = [((METRIC, "n"), ("i", f"{number:02}")) for number in range(20)]
    counts = [[9 * row + 1, 9 * (7 * row % 20) + 1] for row in range(len(series))]
    for part in range(2):
        at = NOW_MS + 100_000 * part
        rows = [(own, [(at + 100 * number, 1.0) for number in range(1, counts[row][part] + 1)]) for row, own in enumerate(series)]
        await append(store, *rows)
        await store.write_block()
    readers = await filled(store)
    for asked in range(1, 4):
        found = await store.range("count_over_time(n[10m])", END_MS, END_MS, 1_000)
        assert found.values.tolist() == [sum(both) for both in counts]
        assert readers.asked == asked


async def test_what_is_not_allowed_is_not_allowed_at_hand(reopen: Reopen) -> None:
    store = reopen(query_samples=10)
    await filled(store)
    for _ in range(2):
        with pytest.raises(QueryLimit, match="query_samples"):
            await store.range(ONE, NOW_MS, END_MS, 20_000)
    with pytest.raises(BadQuery):
        await store.range("m{", NOW_MS, END_MS, 20_000)


LATE: list[Samples] = [
    [(NOW_MS + 5 * STEP_MS + 500, 1234.5)],
    [(END_MS + 1, STALE)],
    [(END_MS + 1, 1.0), (END_MS + 2, 2.0)],
    [(END_MS + 2, 2.0), (END_MS + 1, 1.0)],
]


@pytest.mark.parametrize("late", LATE, ids=["late", "stale", "two at once", "two in no order"])
@pytest.mark.parametrize("blocks_after", [(), (10, 30), (39,)], ids=["head", "blocks and head", "blocks"])
async def test_a_few_series_are_read_as_every_sample_is(reopen: Reopen, blocks_after: Sequence[int], late: Samples) -> None:
    store = reopen()
    await filled(store, *blocks_after)
    await append(store, (SERIES[2], late), (SERIES[4], [(END_MS + 7, 3.0)]))

    for query in ('m{host="web-2"}', 'm{host=~"web-[1234]"}', 'count_over_time(m{host=~"web-[12]|none"}[2m])'):
        for start, end in ((-1, 41), (15, 32)):
            span = (query, NOW_MS + start * STEP_MS, NOW_MS + end * STEP_MS, 7_000)
            before, of_all = await store.range(*span), promql.range_(*span, store._store.fetch)
            again = await store.range(*span)
            assert by_series(before) == by_series(of_all) == by_series(again)


async def test_for_a_few_series_nothing_is_sorted(reopen: Reopen) -> None:
    store = reopen()
    await filled(store)
    store._store._memory.settled()
    for number in range(4):
        await append(store, (SERIES[number], [(END_MS + number, -1.0)]))

    found = await store.range(ONE, NOW_MS, END_MS + STEP_MS, STEP_MS)

    assert len(store._store._memory.view.staged) == 4
    assert found.values.tolist() == [*(number * 1.5 + 3 for number in range(40)), -1.0]


async def test_for_many_batches_all_is_sorted_once(reopen: Reopen) -> None:
    store = reopen()
    await filled(store)
    assert len(store._store._memory.view.staged) == 40

    found = await store.range(ONE, NOW_MS, END_MS, STEP_MS)

    assert not store._store._memory.view.staged
    assert found.values.tolist() == [number * 1.5 + 3 for number in range(40)]
