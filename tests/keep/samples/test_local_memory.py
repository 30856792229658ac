"""What the local store holds on to: a head and its caches, however much went through it."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gwanje.keep.samples.base import Columns
from gwanje.keep.samples.local import LocalSamples, pages
from gwanje.keep.samples.local.cache import Cache, Footer
from gwanje.keep.samples.local.runs import Run, merged
from gwanje.testing.samples import DAY, HOUR, NOW_MS, SECOND, held, series
from gwanje.wire.remote_write.decode import PROTOCOL, labels_of
from gwanje.wire.remote_write.encode import key_of

Reopen = Callable[..., LocalSamples]

SERIES, SAMPLES = 200, 250
"""Of one batch: 0.8 MB in the head."""
HEAD_BYTES = 2 << 20
FRAMES = 3
"""So deep below the room's own code something may be taken that still counts as its own."""
BEGIN_MS = NOW_MS - 10 * DAY


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pages, "empty", np.empty)  # what lies in pages of its own is not traced
    tracemalloc.start(FRAMES)
    yield
    tracemalloc.stop()


def batch(number: int) -> Columns:
    """The same series each time, an hour later, with values that do not compress well."""
    keys = [key_of(series("m", i=f"{i:03}")) for i in range(SERIES)]
    times = BEGIN_MS + number * HOUR + np.tile(np.arange(SAMPLES) * 10 * SECOND, SERIES)
    values = np.random.default_rng(number).normal(size=SERIES * SAMPLES)
    body = b"not looked at here, only kept in the log"
    return Columns(PROTOCOL, body, keys, np.full(SERIES, SAMPLES), times, values, labels_of, {})


async def append(store: LocalSamples, numbers: range) -> None:
    for number in numbers:
        await store.append(batch(number), NOW_MS)


def held_now() -> int:
    """Bytes that the room of samples took and still holds, without what waits for the collector.

    Only its own: threads that other tests have left take a little as well.
    """
    gc.collect()
    own = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/gwanje/keep/samples/*", all_frames=True)])
    return sum(trace.size for trace in own.traces)


@pytest.mark.usefixtures("traced")
async def test_what_went_into_blocks_leaves_memory_however_much_it_was(tmp_path: Path, reopen: Reopen) -> None:
    store = reopen(tmp_path, head_bytes=HEAD_BYTES)
    await append(store, range(20))
    await store.write_block()
    await store.compact()
    before, arrow, every = held_now(), pa.total_allocated_bytes(), tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    await append(store, range(20, 100))
    peak = tracemalloc.get_traced_memory()[1]
    await store.write_block()
    await store.compact()
    after = held_now()
    taken_in = 80 * SERIES * SAMPLES * 16
    assert after - before < taken_in / 100
    assert pa.total_allocated_bytes() - arrow < taken_in / 100
    assert peak - every < 48 << 20 < taken_in  # the head, the one that leaves, 20 MB that a merge reads, its work


def mapped_files() -> str:
    return Path("/proc/self/maps").read_text(encoding="utf-8")


async def test_blocks_that_were_read_are_not_mapped_into_memory(tmp_path: Path, reopen: Reopen) -> None:
    store = reopen(tmp_path)
    await append(store, range(2))
    await store.write_block()
    assert len(await held(store)) == SERIES
    await store.compact()
    assert str(tmp_path) not in mapped_files()


async def test_blocks_of_the_same_series_share_their_arrays(tmp_path: Path, reopen: Reopen) -> None:
    store = reopen(tmp_path)
    for number in range(2):
        await append(store, range(number * 24, number * 24 + 1))
        await store.write_block()
    first, second = store._store._memory.view.blocks  # what is shared cannot be seen from outside
    assert first.path != second.path
    for name in ("ids", "order", "offsets", "decimals"):
        assert getattr(first, name) is getattr(second, name), name


def test_the_cache_counts_footers_too() -> None:
    footers = [Footer(FooterOf(100)) for _ in range(10)]
    cache = Cache(3 * footers[0].nbytes)
    for identity, footer in enumerate(footers):
        cache.put((identity, "", 0), footer)
    assert cache.nbytes == 3 * footers[0].nbytes
    assert [cache.get((identity, "", 0)) is not None for identity in range(10)] == [False] * 7 + [True] * 3


class FooterOf:
    """A footer of so many row groups, as Arrow describes it."""

    num_columns = 4

    def __init__(self, groups: int) -> None:
        self.num_row_groups = groups


# --- merging runs --------------------------------------------------------------------------------------------------------


def run(first_ms: int, *, series_count: int = 1000, each: int = 300) -> Run:
    offsets = np.arange(series_count + 1) * each
    times = np.tile(first_ms + np.arange(each), series_count)
    values, none = times.astype(np.float64) * 2, np.zeros(series_count, np.bool_)
    return Run(np.arange(series_count), offsets, times, values, first_ms, first_ms + each - 1, none)


def test_large_runs_are_merged_piece_by_piece_into_what_they_hold_together() -> None:
    one = merged([run(0), run(200)])  # a third of each stands in both
    assert one.offsets.tolist() == (np.arange(1001) * 500).tolist()
    assert np.array_equal(one.times, np.tile(np.arange(500), 1000))
    assert np.array_equal(one.values, one.times * 2.0)
    assert one.nbytes == sum(len(column) * 8 for column in (one.ids, one.offsets, one.times, one.values)) + len(one.marked)


@pytest.mark.usefixtures("traced")
def test_merging_runs_takes_little_more_than_what_comes_out() -> None:
    runs = [run(0), run(300)]
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    nbytes = merged(runs).nbytes
    assert tracemalloc.get_traced_memory()[1] - before < 1.5 * nbytes
