"""A message to several: who has it is not told again, also when the process was killed between two of them."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy import select

from gwanje import kinds
from gwanje.keep.state import outbox, sqlite
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import accepted
from gwanje.keep.state.tables import outbox as rows
from gwanje.tell.message import to_plain
from gwanje.tell.once import Once
from gwanje.testing.notifiers import notification

ALL = ("01011112222", "01033334444", "01055556666")
_TELLS = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
import aiohttp
from gwanje import kinds
from gwanje.keep.state import sqlite
from gwanje.tell.delivery import Delivery
from gwanje.tell.notifiers import kakao_alimtalk

async def main(folder, url, numbers):
    state = sqlite.create(sqlite.Settings(), kinds.World(folder))
    async with aiohttp.ClientSession() as http:
        settings = {"url": url, "to": numbers, "body": {"to": "{to}"}}
        gateway = kakao_alimtalk.create(
            kakao_alimtalk.Settings.model_validate(settings), kinds.World(folder, http, state=state)
        )
        await Delivery(state, {"ops": gateway}, None, worker_id="a", clock=lambda: datetime.now(UTC)).run()

asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
"""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = sqlite.create(sqlite.Settings(), kinds.World(tmp_path))
    made.migrate()
    yield made
    made.close()


def _put(state: State, key: str = "k1") -> None:
    now = datetime.now(UTC)
    message = replace(notification(), key=key, decided=now)
    with state.write() as connection:
        outbox.put(
            connection,
            key=key,
            receiver="ops",
            group_key="g1",
            reason=message.reason,
            episodes=("e1",),
            message=to_plain(message),
            now=now,
            deadline=now + timedelta(hours=24),
        )


def _kept(state: State) -> int:
    with state.read() as connection:
        return len(connection.execute(select(accepted)).all())


@dataclass
class Gateway:
    """A gateway that does not answer one number as long as it is told so."""

    hangs_at: str
    url: str = ""
    got: list[str] = field(default_factory=list)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        to = (await request.json())["to"]
        self.got.append(to)
        if to == self.hangs_at:
            self.hanging.set()
            await asyncio.Event().wait()
        return web.Response(text="ok")


@asynccontextmanager
async def _gateway(hangs_at: str) -> AsyncIterator[Gateway]:
    gateway = Gateway(hangs_at)
    application = web.Application()
    application.router.add_post("/", gateway.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        gateway.url = f"http://{host}:{port}/"
        yield gateway
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _process(folder: Path, url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _TELLS, str(folder), url, ",".join(ALL))
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


def _is_sent(state: State) -> bool:
    with state.read() as connection:
        return connection.execute(select(rows.c.state)).scalar() == outbox.SENT


async def test_d2_kill_9_between_two_addressees_tells_nobody_twice_who_has_it(state: State, tmp_path: Path) -> None:
    _put(state)
    async with asyncio.timeout(60), _gateway(hangs_at=ALL[1]) as gateway:
        async with _process(tmp_path, gateway.url):
            await gateway.hanging.wait()
        gateway.hangs_at = ""
        async with _process(tmp_path, gateway.url):
            while not await asyncio.to_thread(_is_sent, state):  # noqa: ASYNC110 - another process tells it by its state alone
                await asyncio.sleep(0.05)
    assert gateway.got == [ALL[0], ALL[1], ALL[1], ALL[2]]
    assert _kept(state) == 0, "what is done needs no note any more"


async def test_after_a_restart_those_are_left_who_do_not_have_it(state: State) -> None:
    _put(state)
    before = Once(state)
    assert await before.left("k1", ALL) == list(ALL)
    await before.has(ALL[0])
    await before.has(ALL[1])
    assert await Once(state).left("k1", ALL) == [ALL[2]]


async def test_of_two_processes_each_sees_whom_the_other_told(state: State) -> None:
    _put(state)
    one, other = Once(state), Once(state)
    await one.left("k1", ALL)
    await other.left("k1", ALL)
    await other.has(ALL[0])
    assert await one.left("k1", ALL) == list(ALL[1:])


async def test_addresses_are_not_readable_in_state(state: State) -> None:
    _put(state)
    once = Once(state)
    await once.left("k1", ALL)
    await once.has(ALL[0])
    with state.read() as connection:
        (kept,) = connection.execute(select(accepted.c.addressee)).scalars()
    assert len(kept) == 64
    assert ALL[0] not in kept


async def test_the_last_of_them_is_not_written_twice(state: State) -> None:
    _put(state)
    once = Once(state)
    await once.left("k1", ALL)
    await once.has(*ALL)
    assert _kept(state) == 0


async def test_of_a_message_outside_the_outbox_nothing_is_kept(state: State) -> None:
    once = Once(state)
    await once.left("a test message", ALL)
    await once.has(ALL[0])
    assert _kept(state) == 0
    assert await once.left("a test message", ALL) == list(ALL[1:])


async def test_a_state_that_cannot_be_written_keeps_nobody_from_hearing(state: State) -> None:
    _put(state)
    once = Once(state)
    await once.left("k1", ALL)
    with state.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE accepted RENAME TO away")
    await once.has(ALL[0])
    with state.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO accepted")
    await once.has(ALL[1])
    assert await Once(state).left("k1", ALL) == [ALL[2]]
