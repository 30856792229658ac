"""The kind `duckdb` keeps the promise of event stores, and what it answered survives its process."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from gwanje import kinds
from gwanje.errors import Damaged, InUse
from gwanje.keep.events.base import Events, Search
from gwanje.keep.events.duckdb import DuckdbEvents
from gwanje.model import Event
from gwanje.testing.events import AT, EventsContract, fetch


def opened(folder: Path) -> Events:
    kind = kinds.find("events", "duckdb")
    made: Events = kind.create(kind.Settings(), kinds.World(folder))
    return made


class TestDuckdb(EventsContract):
    @pytest_asyncio.fixture
    async def events(self, tmp_path: Path) -> AsyncIterator[Events]:
        events = opened(tmp_path)
        yield events
        await events.close()


async def test_events_are_there_after_closing(tmp_path: Path) -> None:
    events = opened(tmp_path)
    await events.append([fetch("e-1", n=1)])
    await events.close()
    events = opened(tmp_path)
    assert (await events.search(Search("fetch"))).events == [fetch("e-1", n=1)]
    await events.close()


async def everything(folder: Path) -> Sequence[Event]:
    events = opened(folder)
    found = await events.search(Search("fetch", limit=1_000_000))
    await events.close()
    return found.events


KILLED = """
import asyncio, pathlib, sys
from gwanje import kinds
from gwanje.model import Event

async def main():
    kind = kinds.find("events", "duckdb")
    events = kind.create(kind.Settings(), kinds.World(pathlib.Path(sys.argv[1])))
    for number in range(1_000_000):
        await events.append([Event(f"e-{number}-{n}", number, "fetch", {"n": n}) for n in range(50)])
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("answers", [1, 7, 40])
def test_a_killed_process_has_kept_every_batch_it_answered(tmp_path: Path, answers: int) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) + 1 >= answers:
                break
        process.send_signal(signal.SIGKILL)
        answered = answers + len(process.stdout.readlines())
    kept = [event.id for event in asyncio.run(everything(tmp_path))]
    expected = {f"e-{number}-{n}" for number in range(answered) for n in range(50)}
    assert expected <= set(kept)
    assert len(kept) == len(set(kept))
    assert len(kept) % 50 == 0, "a batch is kept whole or not at all"


async def test_nothing_is_opened_as_long_as_nobody_needs_it(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    events = DuckdbEvents(tmp_path / "events" / "events.duckdb")
    assert await events.forget(AT) == 0
    await events.backup(tmp_path / "copy")
    await events.close()
    assert list((tmp_path / "events").iterdir()) == list((tmp_path / "copy").iterdir()) == []


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    events = opened(tmp_path)
    asyncio.run(events.append([Event("e-1", AT, "fetch", {})]))
    second = "from gwanje.keep.events.duckdb import DuckdbEvents; import sys, pathlib; DuckdbEvents(pathlib.Path(sys.argv[1]))"
    file = tmp_path / "events" / "events.duckdb"
    done = subprocess.run([sys.executable, "-c", second, str(file)], capture_output=True, text=True, check=False)
    asyncio.run(events.close())
    assert done.returncode != 0
    assert f"{InUse.__module__}.{InUse.__name__}: events.duckdb is held by another process" in done.stderr


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "events.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(Damaged, match=r"events\.duckdb cannot be read"):
        opened(tmp_path)


async def test_a_number_that_json_cannot_write_is_nothing(tmp_path: Path) -> None:
    events = opened(tmp_path)
    await events.append([Event("e-1", AT, "fetch", {"value": float("nan"), "n": 1})])
    found = await events.search(Search("fetch", where={"n": 1}))
    await events.close()
    assert found.events == [Event("e-1", AT, "fetch", {"value": None, "n": 1})]


FULL = """
import asyncio, os, pathlib, resource, sys
from gwanje import kinds
from gwanje.errors import StoreFull
from gwanje.keep.events.base import Search
from gwanje.model import Event

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def batch(number):
    return [Event(f"e-{number}-{n}", number, "fetch", {"text": os.urandom(1000).hex()}) for n in range(200)]

async def main():
    kind = kinds.find("events", "duckdb")
    events = kind.create(kind.Settings(), kinds.World(pathlib.Path(sys.argv[1])))
    limit(int(sys.argv[2]))
    refused = answered = 0
    while not refused:
        try:
            await events.append(batch(answered))
            answered += 1
        except StoreFull:
            refused = 1
    limit(resource.RLIM_INFINITY)
    await events.append(batch(answered))
    found = await events.search(Search("fetch", limit=1_000_000))
    await events.close()
    print(answered + 1, len(found.events))

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(1_000_000, id="its log cannot grow"),
        pytest.param(20_500_000, id="its file cannot grow, in the middle of a checkpoint"),
    ],
)
def test_a_full_disk_is_said_and_nothing_answered_is_lost(tmp_path: Path, size: int) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path), str(size)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    answered, kept = (int(word) for word in done.stdout.split())
    assert kept == answered * 200
    assert len(asyncio.run(everything(tmp_path))) == kept
