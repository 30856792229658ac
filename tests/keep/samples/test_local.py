"""The local store keeps the promise, and what only it promises: blocks, limits, retention, a full disk."""

from __future__ import annotations

import resource
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from gwanje.errors import Damaged, QueryLimit, StoreFull
from gwanje.keep.promql import Matcher
from gwanje.keep.samples.base import Appended, Samples
from gwanje.keep.samples.local import LocalSamples, Settings, create
from gwanje.kinds import World
from gwanje.model import METRIC, STALE_NAN_BITS, Sample
from gwanje.testing.samples import (
    DAY,
    HOUR,
    NOW_MS,
    SECOND,
    STALE,
    WEB_1,
    WEB_2,
    DurableSamplesContract,
    SamplesContract,
    columns,
    held,
    load,
    raw,
    series,
    values_of,
)
from gwanje.wire.columns import Columns
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.encode import body_of

Reopen = Callable[..., LocalSamples]


class TestInTheHead(SamplesContract):
    @pytest.fixture
    async def samples(self, reopen: Reopen) -> Samples:
        return reopen()


class TestWithABlockAfterEveryBatch(SamplesContract):
    """The same promise when everything lies in blocks: only what the counts say of older duplicates differs."""

    @pytest.fixture
    async def samples(self, reopen: Reopen) -> Samples:
        return reopen(head_bytes=0)


class TestOverARestart(DurableSamplesContract):
    @pytest.fixture
    def opened(self, reopen: Reopen) -> Callable[[], Awaitable[Samples]]:
        async def open_again() -> Samples:
            return reopen()

        return open_again


@pytest.mark.parametrize("in_a_block", [pytest.param(True, id="in a block"), pytest.param(False, id="in the log")])
async def test_names_of_any_text_are_there_after_a_restart(reopen: Reopen, *, in_a_block: bool) -> None:
    odd = series("http.server-duration", **{"http.method": "GET", "온도": "1", 'a "b"\n': "c"})
    store = reopen()
    await store.append(raw(odd, [(NOW_MS, 1.0)]), NOW_MS)
    if in_a_block:
        await store.write_block()
    await store.close()
    store = reopen()
    assert values_of(await store.instant('{"http.server-duration","http.method"="GET"}', NOW_MS)) == {odd: 1.0}
    assert await store.label_values("http.method", [], NOW_MS, NOW_MS) == ["GET"]


async def test_a_block_holds_what_the_head_held(reopen: Reopen) -> None:
    store = reopen()
    for i in range(3):
        await store.append(columns(load("web-1", NOW_MS + i, float(i)), load("web-2", NOW_MS + i, STALE)), NOW_MS)
    before = await held(store)
    await store.write_block()
    assert await held(store) == before == {WEB_1: [(NOW_MS + i, float(i)) for i in range(3)]}
    figures = store.own_samples()
    assert (figures["gwanje_store_blocks"], figures["gwanje_store_head_samples"]) == (1, 0)
    assert (figures["gwanje_store_block_samples"], figures["gwanje_store_series"]) == (6, 2)


async def test_stale_markers_keep_their_bits_in_head_log_and_block(reopen: Reopen) -> None:
    def bits(store: LocalSamples) -> list[int]:
        found = store._store.fetch([Matcher(METRIC, "=", "node_load1")], NOW_MS - 1, NOW_MS)
        return list(found.values.view(np.uint64).tolist())

    store = reopen()
    await store.append(columns(load("web-1", NOW_MS, STALE)), NOW_MS)
    assert bits(store) == [STALE_NAN_BITS]
    await store.close()
    store = reopen()
    assert bits(store) == [STALE_NAN_BITS]
    await store.write_block()
    assert bits(store) == [STALE_NAN_BITS]
    await store.close()
    assert bits(reopen()) == [STALE_NAN_BITS]


async def test_head_and_blocks_are_read_as_one(reopen: Reopen) -> None:
    store = reopen()
    wanted = {}
    for host in range(6):  # every series begins and ends elsewhere
        wanted[series("node_load1", host=f"web-{host}")] = [(NOW_MS + i, float(i)) for i in range(host % 3, 8 + host)]
    for i in range(14):
        batch = [load(f"web-{h}", NOW_MS + i, float(i)) for h in range(6) if h % 3 <= i < 8 + h]
        await store.append(columns(*batch), NOW_MS)
        if i in (3, 7):
            await store.write_block()
    assert await held(store) == wanted
    await store.close()
    store = reopen()
    assert await held(store) == wanted
    found = store._store.fetch([Matcher("host", "=~", "web-[05]")], NOW_MS + 2, NOW_MS + 9)
    assert found.offsets.tolist() == [0, 5, 12]
    assert found.times.tolist() == [NOW_MS + i for i in (3, 4, 5, 6, 7, 3, 4, 5, 6, 7, 8, 9)]


async def test_of_two_values_for_one_time_the_block_keeps_the_first(reopen: Reopen) -> None:
    store = reopen()
    await store.append(columns(load("web-1", NOW_MS, 1.0), load("web-1", NOW_MS + SECOND, 2.0)), NOW_MS)
    await store.write_block()
    await store.append(columns(load("web-1", NOW_MS, 9.0), load("web-1", NOW_MS + SECOND, 2.0)), NOW_MS)
    wanted = {WEB_1: [(NOW_MS, 1.0), (NOW_MS + SECOND, 2.0)]}
    assert await held(store) == wanted
    await store.write_block()
    assert await held(store) == wanted
    await store.close()
    assert await held(reopen()) == wanted


async def test_any_parquet_reader_opens_a_block(reopen: Reopen, tmp_path: Path) -> None:
    store = reopen()
    await store.append(columns(load("web-1", NOW_MS, 1.5), load("web-2", NOW_MS, 1 / 3)), NOW_MS)
    await store.write_block()
    (block,) = (tmp_path / "samples" / "blocks").glob("*/0*")
    series_table, samples_table = (duckdb.read_parquet(f"{block}/{name}.parquet") for name in ("series", "samples"))
    joined = (
        samples_table.join(series_table, "series")
        .order("series")
        .project("labels['host'], time_ms, coalesce(value, scaled / 10 ** decimals)")
    )
    assert joined.fetchall() == [("web-1", NOW_MS, 1.5), ("web-2", NOW_MS, 1 / 3)]


async def test_many_row_groups_are_found_again(reopen: Reopen) -> None:
    store = reopen(cache_bytes=100_000)
    hosts = [((METRIC, "m"), ("host", f"web-{i:03}")) for i in range(100)]
    body = body_of([(labels, [(NOW_MS + j, float(i * 10_000 + j)) for j in range(2_000)]) for i, labels in enumerate(hosts)])
    assert (await store.append(decode(body), NOW_MS)).accepted == 200_000
    await store.write_block()
    for i in (0, 31, 32, 33, 99):
        found = await held(store, f'm{{host="web-{i:03}"}}', until_ms=NOW_MS + 1_999, reach="3ms")
        assert found == {hosts[i]: [(NOW_MS + j, float(i * 10_000 + j)) for j in (1_997, 1_998, 1_999)]}
    total = await store.instant('sum(sum_over_time(m{host=~"web-0[0-4]."}[1h]))', NOW_MS + HOUR // 2)
    assert values_of(total) == {(): sum(float(i * 10_000 + j) for i in range(50) for j in range(2_000))}


async def test_a_block_is_written_by_itself_when_the_head_is_full_or_old(reopen: Reopen) -> None:
    store = reopen(block_span=timedelta(hours=1))
    await store.append(columns(load("web-1", NOW_MS, 1.0)), NOW_MS)
    await store.append(columns(load("web-1", NOW_MS + HOUR, 2.0)), NOW_MS + HOUR)
    assert store.own_samples()["gwanje_store_head_samples"] == 2
    await store.append(columns(load("web-1", NOW_MS + HOUR + 1, 3.0)), NOW_MS + HOUR + 1)
    await store.write_block()  # waits for the one on its way
    assert store.own_samples()["gwanje_store_blocks"] == 1


async def test_log_segments_go_when_their_block_stands(reopen: Reopen, tmp_path: Path) -> None:
    store = reopen(segment_bytes=300)
    for i in range(20):
        await store.append(columns(load("web-1", NOW_MS + i, float(i))), NOW_MS)
    assert len(list((tmp_path / "samples" / "log").iterdir())) > 3
    await store.write_block()
    (left,) = (tmp_path / "samples" / "log").iterdir()
    assert store.own_samples()["gwanje_store_log_bytes"] == left.stat().st_size < 20


async def test_blocks_past_the_retention_go_whole(reopen: Reopen) -> None:
    store = reopen(retention=timedelta(days=2), rollups={})
    for day in range(5):
        await store.append(columns(load("web-1", NOW_MS + day * DAY, float(day))), NOW_MS + day * DAY)
        await store.write_block()
    await store.compact()
    figures = store.own_samples()
    assert figures["gwanje_store_blocks"] == 3
    assert await held(store, until_ms=NOW_MS + 5 * DAY) == {WEB_1: [(NOW_MS + day * DAY, float(day)) for day in (2, 3, 4)]}
    await store.close()
    assert len(await held(reopen(), until_ms=NOW_MS + 5 * DAY)) == 1


async def test_a_late_sample_does_not_move_what_counts_as_newest(reopen: Reopen) -> None:
    store = reopen(out_of_order=timedelta(seconds=10))
    for late in (0, 8):
        assert (await store.append(columns(load("web-1", NOW_MS - late * SECOND, 1.0)), NOW_MS)).accepted == 1
    appended = await store.append(columns(load("web-1", NOW_MS - 12 * SECOND, 1.0)), NOW_MS)
    assert appended.refused == {"too_old": 1}


async def test_what_is_older_than_the_retention_is_refused(reopen: Reopen) -> None:
    appended = await reopen(retention=timedelta(days=2)).append(columns(load("web-1", NOW_MS - 2 * DAY - 1, 1.0)), NOW_MS)
    assert (appended.accepted, appended.refused) == (0, {"too_old": 1})
    assert "retention" in appended.problem


@pytest.mark.parametrize(
    ("settings", "batch", "reason", "problem"),
    [
        pytest.param(
            {"labels": 2},
            raw(series("m", a="1", b="2"), [(NOW_MS, 1.0)]),
            "label_limit",
            '{__name__="m", a="1", b="2"} has 3 labels, 2 are allowed (setting `labels`)',
            id="labels",
        ),
        pytest.param(
            {"name_length": 8},
            raw(series("m", a23456789="1"), [(NOW_MS, 1.0)]),
            "label_limit",
            "the label name a23456789… has 9 characters, 8 are allowed (setting `name_length`)",
            id="a name",
        ),
        pytest.param(
            {"value_length": 5},
            raw(series("m", a="123456"), [(NOW_MS, 1.0)]),
            "label_limit",
            "the label 'a' has 6 characters, 5 are allowed (setting `value_length`)",
            id="a value",
        ),
        pytest.param(
            {"active_series": 0},
            raw(series("m", a="1"), [(NOW_MS, 1.0)]),
            "series_limit",
            "is new, and 0 series are active already; send fewer, or raise the setting `active_series`",
            id="active series",
        ),
    ],
)
async def test_limits_are_named(reopen: Reopen, settings: Any, batch: Columns, reason: str, problem: str) -> None:
    appended = await reopen(**settings).append(batch, NOW_MS)
    assert (appended.accepted, appended.refused) == (0, {reason: 1})
    assert problem in appended.problem


async def test_at_the_series_limit_known_series_go_on(reopen: Reopen) -> None:
    store = reopen(active_series=2)
    batch = columns(load("web-1", NOW_MS, 1.0), load("web-2", NOW_MS, 1.0), load("web-3", NOW_MS, 1.0))
    appended = await store.append(batch, NOW_MS)
    assert (appended.accepted, appended.refused) == (2, {"series_limit": 1})
    assert "web-3" in appended.problem
    assert "active_series" in appended.problem
    batch = columns(load("web-1", NOW_MS + 1, 2.0), load("web-4", NOW_MS, 1.0))
    assert (await store.append(batch, NOW_MS)).accepted == 1
    assert store.own_samples()["gwanje_store_active_series"] == 2


async def test_series_that_stopped_make_room_for_new_ones(reopen: Reopen) -> None:
    store = reopen(active_series=2)
    await store.append(columns(load("web-1", NOW_MS, 1.0), load("web-2", NOW_MS, 1.0)), NOW_MS)
    await store.write_block()
    assert (await store.append(columns(load("web-3", NOW_MS, 1.0)), NOW_MS)).refused == {"series_limit": 1}
    await store.append(columns(load("web-1", NOW_MS + 1, 1.0)), NOW_MS)
    await store.write_block()
    assert (await store.append(columns(load("web-3", NOW_MS, 1.0)), NOW_MS)).accepted == 1


async def test_inside_the_head_older_duplicates_and_conflicts_are_counted_exactly(reopen: Reopen) -> None:
    store = reopen()
    batch = columns(*(load(host, NOW_MS + i, float(i)) for host in ("web-1", "web-2") for i in range(5)))
    await store.append(batch, NOW_MS)
    assert await store.append(batch, NOW_MS) == Appended(accepted=0, duplicates=10)
    other = columns(load("web-1", NOW_MS + 2, 7.0), load("web-2", NOW_MS + 3, 3.0), load("web-2", NOW_MS - 1, 0.0))
    assert await store.append(other, NOW_MS) == Appended(accepted=1, duplicates=1, conflicts=1)


async def test_a_query_that_touches_too_much_is_stopped(reopen: Reopen) -> None:
    store = reopen(query_samples=10)
    await store.append(columns(*(load("web-1", NOW_MS + i, float(i)) for i in range(11))), NOW_MS)
    too_much = r"^the query reads more than the 10 samples that are allowed \(setting `query_samples`\); select fewer"
    with pytest.raises(QueryLimit, match=too_much):
        await held(store)
    await store.write_block()
    with pytest.raises(QueryLimit, match=too_much):
        await held(store)


async def test_a_query_that_would_take_too_much_memory_is_stopped(reopen: Reopen) -> None:
    store = reopen(query_bytes=1000)
    await store.append(columns(load("web-1", NOW_MS, 1.0)), NOW_MS)
    await store.range("node_load1", NOW_MS, NOW_MS + 57_000, 1000)
    too_much = r"^1 series at 59 steps are more than the 0 MiB that one query may take \(setting `query_bytes`\); select fewer"
    with pytest.raises(QueryLimit, match=too_much):
        await store.range("node_load1", NOW_MS, NOW_MS + 58_000, 1000)


async def test_another_protocol_is_logged_and_read_back(reopen: Reopen) -> None:
    batch = Columns(
        protocol="exposition",
        body=b"node_load1 ...",
        keys=[b'node_load1{host="web-1"}', b"broken", b'node_load1{host="web-2"}'],
        counts=np.array([2, 1, 1]),
        times=np.array([NOW_MS, NOW_MS + 1, NOW_MS, NOW_MS]),
        values=np.array([1.0, STALE, 5.0, 3.0]),
        labels_of=_exposed,
    )
    store = reopen()
    assert (await store.append(batch, NOW_MS)).refused == {"bad_labels": 1}
    assert await store.append(columns(load("web-1", NOW_MS + 1, STALE)), NOW_MS) == Appended(accepted=0, duplicates=1)
    await store.close()
    assert await held(reopen()) == {WEB_1: [(NOW_MS, 1.0)], WEB_2: [(NOW_MS, 3.0)]}


def _exposed(key: bytes) -> Any:
    from gwanje.errors import BadInput

    if b"{" not in key:
        raise BadInput("no labels")
    return WEB_1 if b"web-1" in key else WEB_2


async def test_a_bad_series_without_samples_does_not_stop_the_next_start(reopen: Reopen) -> None:
    store = reopen()
    batch = decode(body_of([((("host", "web-1"),), []), (WEB_1, [(NOW_MS, 1.0)])]))
    assert await store.append(batch, NOW_MS) == Appended(accepted=1)
    await store.close()
    assert await held(reopen()) == {WEB_1: [(NOW_MS, 1.0)]}


async def test_with_fsync_always_the_answer_waits_for_the_disk(reopen: Reopen) -> None:
    store = reopen(fsync="always")
    assert await store.append(columns(load("web-1", NOW_MS, 1.0)), NOW_MS) == Appended(accepted=1)
    assert store.own_samples()["gwanje_store_log_unsynced_records"] == 0


# --- a full disk ---------------------------------------------------------------------------------------------------------


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """What a full disk does to a file, by the kernel: writes past `size` end half-way, then fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


async def test_on_a_full_disk_nothing_of_the_batch_is_kept_and_later_ones_work(reopen: Reopen, tmp_path: Path) -> None:
    store = reopen()
    await store.append(columns(load("web-1", NOW_MS, 1.0)), NOW_MS)
    (segment,) = (tmp_path / "samples" / "log").iterdir()
    size = segment.stat().st_size
    with no_file_larger_than(size + 20), pytest.raises(StoreFull, match="free some space"):
        await store.append(columns(load("web-1", NOW_MS + 1, 2.0), load("new", NOW_MS, 1.0)), NOW_MS)
    assert segment.stat().st_size == size
    assert await held(store) == {WEB_1: [(NOW_MS, 1.0)]}
    assert store.own_samples()["gwanje_store_series"] == 1
    again = columns(load("web-2", NOW_MS, 3.0), load("web-1", NOW_MS + 1, 2.0))
    assert await store.append(again, NOW_MS) == Appended(accepted=2)
    await store.close()
    assert await held(reopen()) == {WEB_1: [(NOW_MS, 1.0), (NOW_MS + 1, 2.0)], WEB_2: [(NOW_MS, 3.0)]}


async def test_a_block_that_could_not_be_written_stays_in_head_and_log(reopen: Reopen, tmp_path: Path) -> None:
    store = reopen()
    await store.append(columns(load("web-1", NOW_MS, 1.0)), NOW_MS)
    with no_file_larger_than(100), pytest.raises(StoreFull, match="still in the log"):
        await store.write_block()
    assert await held(store) == {WEB_1: [(NOW_MS, 1.0)]}
    await store.append(columns(load("web-1", NOW_MS + 1, 2.0)), NOW_MS)
    await store.write_block()
    wanted = {WEB_1: [(NOW_MS, 1.0), (NOW_MS + 1, 2.0)]}
    assert await held(store) == wanted
    figures = store.own_samples()
    assert (figures["gwanje_store_blocks"], figures["gwanje_store_failed_blocks_total"]) == (2, 1)
    await store.close()
    assert await held(reopen()) == wanted


async def test_a_head_that_cannot_leave_refuses_at_the_door(reopen: Reopen, tmp_path: Path) -> None:
    store = reopen(head_bytes=1000)
    blocks = tmp_path / "samples" / "blocks"
    blocks.rmdir()
    blocks.write_text("in the way")

    async def send(batches: range) -> None:
        for batch in batches:
            body = body_of([(WEB_1, [(NOW_MS + batch * 100 + i, 1.0) for i in range(100)])])
            await store.append(decode(body), NOW_MS)

    with pytest.raises(StoreFull, match="head is full"):
        await send(range(10))
    kept = store.own_samples()["gwanje_store_head_samples"]
    assert 0 < kept < 500
    blocks.unlink()
    blocks.mkdir()
    await store.write_block()
    assert store.own_samples()["gwanje_store_block_samples"] == kept


async def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "samples").write_text("in the way")
    with pytest.raises(StoreFull, match="cannot be opened"):
        create(Settings(), World(tmp_path))


# --- damage --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["samples.parquet", "series.parquet", "block.json"])
async def test_a_block_that_lost_its_end_stops_the_start(reopen: Reopen, tmp_path: Path, file: str) -> None:
    store = reopen()
    await store.append(columns(load("web-1", NOW_MS, 1.0)), NOW_MS)
    await store.write_block()
    await store.close()
    (block,) = (tmp_path / "samples" / "blocks").glob("*/0*")
    (block / file).write_bytes((block / file).read_bytes()[:-9])
    with pytest.raises(Damaged, match=rf"{block.name}.*backup"):
        reopen()


async def test_a_flipped_bit_in_a_block_is_damage_and_never_a_wrong_answer(reopen: Reopen, tmp_path: Path) -> None:
    store = reopen()
    wanted = [(NOW_MS + i, i * 1.1) for i in range(1000)]
    await store.append(raw(WEB_1, wanted), NOW_MS)
    await store.write_block()
    await store.close()
    (path,) = (tmp_path / "samples" / "blocks").glob("*/*/samples.parquet")
    whole = path.read_bytes()
    outcomes: set[bool | str] = set()
    for at in range(0, len(whole), 61):
        flipped = bytearray(whole)
        flipped[at] ^= 0x10
        path.write_bytes(bytes(flipped))
        try:
            outcomes.add(await held(reopen()) == {WEB_1: wanted})
        except Damaged:
            outcomes.add("damaged")
    assert outcomes == {True, "damaged"}  # true where the bit means nothing to us


async def test_samples_of_the_metric_named_like_a_sample_object_stay_apart(reopen: Reopen) -> None:
    store = reopen()
    await store.append(columns(Sample("a", {"b": "c"}, 1.0, NOW_MS), Sample("a", {"b": "c", "d": "e"}, 2.0, NOW_MS)), NOW_MS)
    assert values_of(await store.instant("a", NOW_MS)) == {series("a", b="c"): 1.0, series("a", b="c", d="e"): 2.0}
