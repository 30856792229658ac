"""Killed at any moment, the local store loses nothing it answered, and holds nothing twice."""

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from gwanje.errors import Damaged
from gwanje.keep.promql import Matcher
from gwanje.keep.samples.local import LocalSamples, Settings, create
from gwanje.kinds import World
from gwanje.model import Sample
from gwanje.testing.samples import DAY, NOW_MS, WEB_1, WEB_2, columns, held, load

# Appends, writes a block, appends again; the audit hook kills the process at its n-th touch of the folder, or lets that touch
# fail as a disk would. A child is forked for each n before the store has any thread.
AT_EVERY_STEP = """
import asyncio, errno, os, signal, sys
from pathlib import Path
import pyarrow.parquet
from gwanje.errors import Damaged, StoreFull
from gwanje.keep.samples.local import Settings, create
from gwanje.kinds import World
from gwanje.testing.samples import DAY, NOW_MS, columns, load

TOUCHES = {"open", "os.mkdir", "os.link", "os.rename", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree"}

def kill_at(step, folder, acknowledged):
    seen = 0
    def hook(event, arguments):
        global armed
        nonlocal seen
        if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            return  # a look changes nothing
        if event in TOUCHES and armed and str(folder) in str(arguments[0] if event != "os.truncate" else folder):
            seen += 1
            if seen == step and sys.argv[3] == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if seen == step:
                armed = False
                (folder / "failed").touch()
                raise OSError(errno.ENOSPC, "No space left on device")
    sys.addaudithook(hook)

async def blocks(folder, acknowledged):
    store = create(Settings(segment_bytes=400), World(folder))
    for i in range(5):
        await store.append(columns(load("web-1", NOW_MS + i, float(i)), load("web-2", NOW_MS + i, 0.0)), NOW_MS)
        os.write(acknowledged, b"x")
        if i in (1, 3):
            await store.write_block()
    await store.close()

async def merging(folder, acknowledged):
    store = create(Settings(), World(folder))
    for i in range(5):
        await store.append(columns(load("web-1", NOW_MS + i, float(i)), load("web-2", NOW_MS + i, 0.0)), NOW_MS)
        os.write(acknowledged, b"x")
        if i < 4:
            await store.write_block()
            arm(i == 3)
    await kept_trying(store.compact)
    await store.close()

async def rolling(folder, acknowledged):
    store = create(Settings(), World(folder))
    for i in range(5):
        at_ms = NOW_MS + i + 16 * DAY * (i == 4)
        await store.append(columns(load("web-1", at_ms, float(i)), load("web-2", at_ms, 0.0)), at_ms)
        os.write(acknowledged, b"x")
        if i in (1, 3):
            await store.write_block()
    arm(True)
    await kept_trying(store.compact)
    await store.close()

async def kept_trying(work):
    try:
        await work()
    except (OSError, StoreFull, Damaged):
        await work()

def arm(now):
    global armed
    armed = armed or now

armed = sys.argv[2] == "blocks"
root, story = Path(sys.argv[1]), globals()[sys.argv[2]]
for step in range(1, 1000):
    folder = root / f"killed-at-{step:03}"
    folder.mkdir()
    acknowledged = os.open(root / f"acknowledged-{step:03}", os.O_WRONLY | os.O_CREAT)
    child = os.fork()
    if child == 0:
        kill_at(step, folder, acknowledged)
        asyncio.run(story(folder, acknowledged))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if sys.argv[3] == "kill" and not os.WIFSIGNALED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    if sys.argv[3] == "fail" and (status or os.stat(acknowledged).st_size == 0):
        sys.exit(f"step {step} ended with {status}")
    failed = (folder / "failed").exists()
    os.close(acknowledged)
    if sys.argv[3] == "fail" and not failed:
        sys.exit(0)
"""


def test_a_kill_at_every_touch_of_the_disk_loses_and_doubles_nothing(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", AT_EVERY_STEP, str(tmp_path), "blocks", "kill"], check=True, timeout=120)
    folders = sorted(tmp_path.glob("killed-at-*"))
    assert len(folders) > 20  # a block alone has half a dozen steps
    for folder in folders:
        count = (tmp_path / folder.name.replace("killed-at", "acknowledged")).stat().st_size
        assert found_in(folder) in (samples_of(count), samples_of(count + 1)), folder.name
        blocks, segments = ([int(path.stem) for path in (folder / "samples" / name).iterdir()] for name in ("blocks", "log"))
        assert max(blocks, default=0) < min(segments), "segments that a block covers are deleted at the next start"


@pytest.mark.parametrize("way", ["kill", "fail"])
def test_the_end_of_a_merge_at_any_step_loses_and_doubles_nothing(tmp_path: Path, way: str) -> None:
    subprocess.run([sys.executable, "-c", AT_EVERY_STEP, str(tmp_path), "merging", way], check=True, timeout=120)
    folders = sorted(tmp_path.glob("killed-at-*"))
    assert any(list(folder.glob("samples/blocks/*.1")) for folder in folders), "a merge was among the steps"
    for folder in folders:
        count = (tmp_path / folder.name.replace("killed-at", "acknowledged")).stat().st_size
        assert found_in(folder) in (samples_of(count), samples_of(count + 1)), folder.name


@pytest.mark.parametrize("way", ["kill", "fail"])
def test_the_end_of_a_roll_up_at_any_step_loses_and_doubles_nothing(tmp_path: Path, way: str) -> None:
    subprocess.run([sys.executable, "-c", AT_EVERY_STEP, str(tmp_path), "rolling", way], check=True, timeout=120)
    rolled = 0
    for folder in sorted(tmp_path.glob("killed-at-*")):
        count = (tmp_path / folder.name.replace("killed-at", "acknowledged")).stat().st_size
        store = create(Settings(), World(folder))
        matchers = [Matcher("host", "=", "web-1")]
        last, counted = (store._store.fetch(matchers, 0, NOW_MS * 2, column) for column in ("last", "count"))
        asyncio.run(store.close())
        samples = list(zip((last.times - NOW_MS).tolist(), last.values.tolist(), strict=True))
        raw = [(i + 16 * DAY * (i == 4), float(i)) for i in range(5)]
        if samples == [raw[3], raw[4]]:
            rolled += 1
            assert counted.values.tolist() == [4.0, 1.0]
        else:
            assert samples in (raw[:count], raw[: count + 1]), folder.name
    assert rolled > 5


def samples_of(count: int) -> list[tuple[int, float]]:
    return [(NOW_MS + i, float(i)) for i in range(count)]


def found_in(folder: Path) -> list[tuple[int, float]]:
    """What the store of a folder answers for web-1. Web-2 came with it each time, and nothing may lie there twice."""

    async def found() -> list[tuple[int, float]]:
        store = create(Settings(), World(folder))
        stories = await held(store)
        assert stories.get(WEB_2, []) in ([], [(at_ms, 0.0) for at_ms, _ in stories.get(WEB_1, [])])
        assert stored_rows(store) == sum(map(len, stories.values()))
        await store.close()
        return stories.get(WEB_1, [])

    return asyncio.run(found())


def stored_rows(store: LocalSamples) -> int:
    """What lies in head and blocks, before a query drops what stands twice."""
    figures = store.own_samples()
    return int(figures["gwanje_store_head_samples"] + figures["gwanje_store_block_samples"])


def append(folder: Path, *samples: Sample) -> None:
    async def appended() -> None:
        store = create(Settings(), World(folder))
        for sample in samples:
            await store.append(columns(sample), NOW_MS)
        await store.close()

    asyncio.run(appended())


# --- SIGKILL under load --------------------------------------------------------------------------------------------------

# Five lives of one store, each forked before it has threads and killed after so many answered batches. A life sends about
# 20,000 samples a second in batches of 200, and says for each answered one which it was.
UNDER_LOAD = """
import asyncio, os, signal, struct, sys, time
from pathlib import Path
import pyarrow.parquet
from gwanje.keep.samples.local import Settings, create
from gwanje.kinds import World
from gwanje.testing.samples import NOW_MS
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.encode import body_of

async def life(folder, first, pipe):
    store = create(Settings(segment_bytes=30_000, head_bytes=300_000), World(Path(folder)))
    begun = time.monotonic()
    for batch in range(first, 1_000_000):
        series = [((("__name__", "m"), ("host", f"web-{i}")), [(NOW_MS + batch, float(batch))]) for i in range(200)]
        await store.append(decode(body_of(series)), NOW_MS + batch)
        os.write(pipe, struct.pack("<I", batch))
        await asyncio.sleep(max(0.0, begun + (batch - first + 1) / 100 - time.monotonic()))

first = 0
for batches in (7, 60, 33, 101, 18):
    answers, pipe = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(answers)
        asyncio.run(life(sys.argv[1], first, pipe))
    os.close(pipe)
    heard = b""
    while len(heard) < 4 * batches:
        heard += os.read(answers, 4) or sys.exit("a life ended by itself")
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    while more := os.read(answers, 4096):
        heard += more
    os.close(answers)
    os.write(1, heard)
    first = struct.unpack("<I", heard[-4:])[0] + 2  # the batch on its way may be there or not
"""


def test_killed_under_load_again_and_again_nothing_answered_is_lost_and_none_twice(tmp_path: Path) -> None:
    heard = subprocess.run(
        [sys.executable, "-c", UNDER_LOAD, str(tmp_path)], check=True, timeout=60, stdout=subprocess.PIPE
    ).stdout
    answered = {batch for (batch,) in struct.iter_unpack("<I", heard)}
    assert len(answered) >= 7 + 60 + 33 + 101 + 18
    store = create(Settings(), World(tmp_path))
    assert store.own_samples()["gwanje_store_blocks"] > 0
    found = store._store.fetch([Matcher("__name__", "=", "m")], 0, NOW_MS * 2)
    assert len(found.labels) == 200
    assert stored_rows(store) == len(found.times)
    for i in range(200):
        of_series = slice(int(found.offsets[i]), int(found.offsets[i + 1]))
        times = (found.times[of_series] - NOW_MS).tolist()
        assert found.values[of_series].tolist() == times
        assert answered <= set(times)
        assert len(set(times)) == len(times)
    asyncio.run(store.close())


# --- the end of the log --------------------------------------------------------------------------------------------------


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    """The log of three batches."""
    append(tmp_path, *(load("web-1", NOW_MS + i, float(i)) for i in range(3)))
    (path,) = (tmp_path / "samples" / "log").iterdir()
    return path


def test_a_torn_last_record_is_cut_off_wherever_it_tore(tmp_path: Path, segment: Path) -> None:
    whole = segment.read_bytes()
    record = (len(whole) - 8) // 3
    for cut in (*range(12), *range(12, len(whole), 7), *range(8 + 2 * record - 2, 8 + 2 * record + 2), len(whole) - 1):
        segment.write_bytes(whole[:cut])
        kept = samples_of(max(cut - 8, 0) // record)
        append(tmp_path, load("web-1", NOW_MS + 5, 5.0))
        assert found_in(tmp_path) == [*kept, (NOW_MS + 5, 5.0)], cut


def test_zeros_behind_the_last_record_are_cut_off(tmp_path: Path, segment: Path) -> None:
    segment.write_bytes(segment.read_bytes() + bytes(500))
    assert found_in(tmp_path) == samples_of(3)


def test_any_other_damage_stops_the_start_and_says_where(tmp_path: Path, segment: Path) -> None:
    whole = segment.read_bytes()
    record = (len(whole) - 8) // 3
    for at in range(8 + 2 * record):
        damaged = bytearray(whole)
        damaged[at] ^= 0x40
        segment.write_bytes(bytes(damaged))
        with pytest.raises(Damaged, match=rf"{segment.name}.* offset \d+; .*backup"):
            create(Settings(), World(tmp_path))
        assert segment.read_bytes() == bytes(damaged)


def test_a_torn_record_in_an_older_segment_is_damage(tmp_path: Path, segment: Path) -> None:
    segment.with_name("0000000002.log").write_bytes(segment.read_bytes())
    segment.write_bytes(segment.read_bytes()[:-1])
    with pytest.raises(Damaged, match=r"0000000001\.log"):
        create(Settings(), World(tmp_path))


def test_a_missing_segment_is_damage(tmp_path: Path, segment: Path) -> None:
    segment.with_name("0000000003.log").write_bytes(segment.read_bytes())
    with pytest.raises(Damaged, match="missing"):
        create(Settings(), World(tmp_path))


def test_the_advice_of_a_damage_works(tmp_path: Path, segment: Path) -> None:
    whole = bytearray(segment.read_bytes())
    whole[8 + (len(whole) - 8) // 3 + 40] ^= 1
    segment.write_bytes(bytes(whole))
    with pytest.raises(Damaged) as raised:
        create(Settings(), World(tmp_path))
    advice = str(raised.value).rpartition(": ")[2].split()
    assert advice[0] == "truncate"
    subprocess.run(advice, check=True)
    assert found_in(tmp_path) == samples_of(1)
