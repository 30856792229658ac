"""What the local store does when the world is against it: a full disk, damaged files, a clock that goes back, too many series."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import IO

import cramjam
import psutil
import pytest

from gwanje.errors import Damaged, StoreFull
from gwanje.keep.samples.base import Labels
from gwanje.keep.samples.local import LocalSamples
from gwanje.model import METRIC
from gwanje.testing.samples import DAY, HOUR, NOW_MS, SECOND, WEB_1, WEB_2, columns, held, load, raw
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.encode import body_of, compressed

Reopen = Callable[..., LocalSamples]


# --- a full disk ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, with room for four megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def noise(first: int) -> list[tuple[Labels, list[tuple[int, float]]]]:
    """A batch that compresses badly: 50 series, 20 samples each."""
    return [
        (((METRIC, "m"), ("i", f"{i:02}")), [(NOW_MS + first + j, (first + j) * 3.7**i) for j in range(20)]) for i in range(50)
    ]


@pytest.mark.engine("root")
async def test_on_a_full_disk_the_door_says_so_and_goes_on_when_there_is_room_again(small_disk: Path, reopen: Reopen) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2 << 20))
    store = reopen(small_disk, segment_bytes=200_000, head_bytes=400_000)
    answered: dict[Labels, list[tuple[int, float]]] = {}

    async def send(batches: range) -> None:
        for number in batches:
            batch = noise(20 * number)
            await store.append(decode(body_of(batch)), NOW_MS)
            for labels, samples in batch:
                answered.setdefault(labels, []).extend(samples)

    with pytest.raises(StoreFull, match=r"free some space|head is full"):
        await send(range(1000))
    count = len(answered[noise(0)[0][0]]) // 20
    assert count > 5
    assert await held(store) == answered
    ballast.unlink()
    await send(range(count, count + 10))
    await store.write_block()
    await store.compact()
    assert await held(store) == answered
    await store.close()
    assert await held(reopen(small_disk)) == answered


def fill_disk(file: IO[bytes]) -> None:
    with suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(512))


@pytest.mark.engine("root")
async def test_a_merge_that_finds_no_room_leaves_everything_as_it_was(small_disk: Path, reopen: Reopen) -> None:
    store = reopen(small_disk)
    for number in range(3):
        await store.append(decode(body_of(noise(20 * number))), NOW_MS)
        await store.write_block()
    before = await held(store)
    ballast = small_disk / "ballast"
    with ballast.open("wb") as file:
        fill_disk(file)
    late = NOW_MS // DAY * DAY + DAY + 2 * HOUR
    store._store._memory.now_ms = late
    with pytest.raises(OSError, match="No space"):
        await store.compact()
    assert await held(store) == before
    assert not list((small_disk / "samples" / "blocks").glob("unfinished-*"))
    ballast.unlink()
    await store.compact()
    assert await held(store) == before
    assert store.own_samples()["gwanje_store_blocks"] == 1


# --- damage --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["generation.json", "0000/block.json", "0000/series.parquet", "0000/samples.parquet"])
async def test_every_file_of_a_block_is_guarded(reopen: Reopen, tmp_path: Path, file: str) -> None:
    store = reopen()
    wanted = [(NOW_MS + i, i * 1.1) for i in range(200)]
    await store.append(raw(WEB_1, wanted), NOW_MS)
    await store.write_block()
    await store.close()
    generation = tmp_path / "samples" / "blocks" / "0000000001.0"
    path = generation / file
    whole = path.read_bytes()
    damages = [whole[:-3], b"", *(_flipped(whole, at) for at in range(0, len(whole), max(1, len(whole) // 25)))]
    outcomes: set[bool | str] = set()
    for damaged in damages:
        path.write_bytes(damaged)
        try:
            outcomes.add(await held(reopen()) == {WEB_1: wanted})
        except Damaged as error:
            outcomes.add("damaged" if re.search(rf"{generation}.*(backup|move)", str(error)) else str(error))
    assert outcomes <= {True, "damaged"}, "what cannot be read is damage, and never a wrong answer"
    assert "damaged" in outcomes
    path.unlink()
    with pytest.raises(Damaged, match="cannot be read"):
        reopen()


async def test_the_advice_for_a_damaged_block_works(reopen: Reopen, tmp_path: Path) -> None:
    store = reopen()
    for at_ms, host in ((NOW_MS, "web-1"), (NOW_MS + 1, "web-2")):
        await store.append(columns(load(host, at_ms, 1.0)), NOW_MS)
        await store.write_block()
    await store.close()
    (tmp_path / "samples" / "blocks" / "0000000001.0" / "0000" / "block.json").write_bytes(b"{}")
    with pytest.raises(Damaged) as raised:
        reopen()
    named = re.search(r"the block (\S+) ", str(raised.value))
    assert named is not None
    shutil.move(named[1], tmp_path / "moved-away")
    assert await held(reopen()) == {WEB_2: [(NOW_MS + 1, 1.0)]}


def _flipped(whole: bytes, at: int) -> bytes:
    return whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :]


# --- time and numbers ----------------------------------------------------------------------------------------------------


async def test_a_clock_that_goes_back_deletes_nothing_and_takes_what_is_in_order(reopen: Reopen) -> None:
    store = reopen(retention=timedelta(days=2))
    await store.append(columns(load("web-1", NOW_MS, 1.0)), NOW_MS)
    await store.write_block()
    back_ms = NOW_MS - 30 * DAY
    appended = await store.append(columns(load("web-1", back_ms, 2.0), load("web-2", back_ms, 2.0)), back_ms)
    assert (appended.accepted, appended.refused) == (1, {"too_old": 1})  # web-1 knows a newer time, web-2 has none
    await store.compact()
    assert await held(store, reach="60d") == {WEB_1: [(NOW_MS, 1.0)], WEB_2: [(back_ms, 2.0)]}
    appended = await store.append(columns(load("web-1", NOW_MS + SECOND, 3.0)), back_ms)
    assert (appended.accepted, appended.refused) == (0, {"too_far_ahead": 1})
    assert "clock" in appended.problem
    assert (await store.append(columns(load("web-1", NOW_MS + SECOND, 3.0)), NOW_MS + SECOND)).accepted == 1
    await store.close()
    assert (await held(reopen()))[WEB_1] == [(NOW_MS, 1.0), (NOW_MS + SECOND, 3.0)]


async def test_a_million_series_at_a_limit_of_200000_are_refused_and_take_no_memory(reopen: Reopen) -> None:
    store = reopen(active_series=200_000)
    size = 20_000

    def body(first: int, at_ms: int) -> bytes:
        one = cramjam.snappy.decompress_raw(body_of([(((METRIC, "m"), ("i", "0000000")), [(at_ms, 1.0)])]))
        before, after = bytes(one).split(b"0000000")
        return compressed(b"".join(b"%s%07d%s" % (before, i, after) for i in range(first, first + size)))

    taken = [(await store.append(decode(body(first, NOW_MS)), NOW_MS)).accepted for first in range(0, 200_000, size)]
    assert sum(taken) == 200_000
    before = psutil.Process().memory_info().rss
    refused = 0
    for first in range(200_000, 1_000_000, size):
        appended = await store.append(decode(body(first, NOW_MS)), NOW_MS)
        assert appended.accepted == 0
        assert "200000 series are active" in appended.problem
        refused += appended.refused["series_limit"]
    assert refused == 800_000
    assert psutil.Process().memory_info().rss - before < 100 << 20, "what is refused is not remembered"
    assert (await store.append(decode(body(0, NOW_MS + 1)), NOW_MS)).accepted == size
    figures = store.own_samples()
    assert (figures["gwanje_store_series"], figures["gwanje_store_active_series"]) == (200_000, 200_000)
    assert figures["gwanje_store_refused_samples_total"] == 800_000


async def test_a_damaged_block_stays_as_it_is_and_holds_up_no_other(reopen: Reopen, tmp_path: Path) -> None:
    store = reopen()
    with store._store._upkeep._compacting:
        for day in (0, 1):
            for part in range(4):
                at_ms = NOW_MS // DAY * DAY + day * DAY + HOUR + part
                await store.append(columns(load("web-1", at_ms, 1 / 3)), at_ms)
                await store.write_block()
        path = tmp_path / "samples" / "blocks" / "0000000002.0" / "0000" / "samples.parquet"
        whole = path.read_bytes()
        path.write_bytes(b"PAR1" + bytes(byte ^ 0xFF for byte in whole[4:200]) + whole[200:])
        compaction = store._store._upkeep._compaction
        with pytest.raises(Damaged, match=r"0000000002\.0"):
            compaction.step()
        assert compaction.step()
        assert not compaction.step()
    assert store.own_samples()["gwanje_store_blocks"] == 4 + 1
    assert len((await held(store, until_ms=NOW_MS + DAY, reach="30h"))[WEB_1]) == 4
