"""`gwanje up`: everything in one process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
import uvicorn
import uvloop
from sqlalchemy.exc import SQLAlchemyError

from gwanje import processors
from gwanje.app import folder as folders
from gwanje.app import lock, log, memory, packs
from gwanje.app.clock import now
from gwanje.app.folder import Folder
from gwanje.app.house import House, open_house
from gwanje.app.looking import look
from gwanje.config import MAIN_FILE
from gwanje.errors import GwanjeError
from gwanje.keep.state import alerts, deeds, departures, holds, people, runs
from gwanje.model import to_ms
from gwanje.show.api.application import application
from gwanje.show.live import Live

events = structlog.get_logger(__name__)

_FORGET_EVERY_SECONDS = 3600.0


def run(path: Path, *, listen: str = "") -> int:
    """Run until Ctrl-C. Raises GwanjeError, one sentence, for whatever keeps it from starting."""
    with lock.hold(path, "gwanje up"):
        if not (path / MAIN_FILE).exists():
            packs.lay("web-collector", path)
        folder = folders.read(path, **({"GWANJE_LISTEN": listen} if listen else {}))
        with _door(folder) as door, lock.listen_for_tools(path) as tools:
            log.start(folder.main.log, path)
            return uvloop.run(_run(folder, door, tools))


def _door(folder: Folder) -> socket.socket:
    host, _, port = folder.main.listen.rpartition(":")
    host = host.strip("[]")
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        door = socket.socket(found[0][0], socket.SOCK_STREAM)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(found[0][4])
    except OSError as error:
        reason = "another program listens there already" if error.errno == 98 else (error.strerror or str(error))
        raise GwanjeError(f"cannot listen on {folder.main.listen}: {reason}; set `listen` in {MAIN_FILE}, or --listen") from error
    return door


async def _run(folder: Folder, door: socket.socket, tools: socket.socket) -> int:
    async with open_house(folder) as house:
        rooms = house.rooms()
        live = Live(rooms)
        app = application(rooms, live)
        async with _loops(house, live), _server(app, door, tools, live) as server:
            _say_where(house, door)
            _warn(folder)
            with memory.settled():
                await _until_asked_to_stop(server)
            live.stop()
    events.info("stopped")
    return 0


@asynccontextmanager
async def _loops(house: House, live: Live) -> AsyncIterator[None]:
    """Every loop of the house; when one dies of a mistake of ours, the log says so and the others go on."""
    loops: dict[str, Coroutine[Any, Any, None]] = {
        "rounds": house.round.run(),
        "recorder": house.in_turns("recording", house.recorder.run),
        "delivery": house.delivery.run(),
        "receivers": house.receivers.run(),
        "actions": house.worker.run(),
        "reports": house.reports.run(),
        "schedule": house.schedule.run(),
        "scrapes": house.in_turns("scraping", house.scraper.run),
        "agent": look(house),
        "live": live.run(),
        "forgetting": _forget(house),
        "processors": processors.keep_together(),
        **({"updates": house.sharing.run()} if house.sharing else {}),
        **({"statsd": house.statsd.run()} if house.statsd else {}),
    }
    tasks = [asyncio.create_task(loop, name=name) for name, loop in loops.items()]
    for task in tasks:
        task.add_done_callback(_said)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _said(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception():
        events.error("a loop has ended; restart gwanje and report this", loop=task.get_name(), exc_info=task.exception())


async def _forget(house: House) -> None:
    """Retention of everything but samples, which their store looks after; once an hour."""
    while True:
        try:
            count = await house.events.forget(to_ms(now() - house.folder.main.events_retention))
            count += await asyncio.to_thread(_forget_state, house)
        except (GwanjeError, SQLAlchemyError) as error:
            events.warning("what is old is not deleted yet; the next try is in an hour", reason=str(error))
        else:
            events.debug("what is old is deleted", count=count)
        await asyncio.sleep(_FORGET_EVERY_SECONDS)


def _forget_state(house: House) -> int:
    main = house.folder.main
    history = now() - main.history_retention
    with house.state.write() as connection:
        return (
            runs.forget(connection, now() - main.events_retention)
            + alerts.forget(connection, history)
            + people.forget(connection, history)
            + holds.forget(connection, history)
            + departures.forget(connection, history)
            + deeds.forget(connection, history)
        )


@asynccontextmanager
async def _server(app: Any, door: socket.socket, tools: socket.socket, live: Live) -> AsyncIterator[asyncio.Task[None]]:
    """HTTP on the door for people and programs, and on the folder's socket for tools."""
    settings = uvicorn.Config(
        app,
        loop="none",
        http="httptools",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(settings)
    task = asyncio.create_task(server.serve(sockets=[door, tools]), name="http")
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn tells it by a flag alone
        await asyncio.sleep(0.01)
    try:
        yield task
    finally:
        live.stop()  # streams end first, so that the server has nothing to wait for
        server.should_exit = True
        await task


class _Server(uvicorn.Server):
    """uvicorn, with signals left to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


async def _until_asked_to_stop(server: asyncio.Task[None]) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, asked.set)
    waiting = asyncio.create_task(asked.wait())
    await asyncio.wait({waiting, server}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def _say_where(house: House, door: socket.socket) -> None:
    """Print where the page is; on a fresh folder with a link that makes the first user, once."""
    url = house.folder.main.url or f"http://{_reachable(house.folder, door)}"
    with house.state.write() as connection:
        token = "" if people.any_user(connection) else people.invite(connection, people.Role.ADMIN, now())
    events.info("started", url=url, folder=str(house.folder.path), seconds=round((now() - house.started).total_seconds(), 2))
    print(f"gwanje is at {url}", flush=True)
    if token:
        print(f"make the first user (this link works once, for a day): {url}/welcome?token={token}", flush=True)
    if sys.stdout.isatty():
        print("Ctrl-C stops it.", flush=True)


def _warn(folder: Folder) -> None:
    """Say what a new user would otherwise miss only when it is needed."""
    for name in folder.receivers_without_address:
        events.warning("this receiver has no address: alerts are shown on the page only", receiver=name, todo="set it in .env")


def _reachable(folder: Folder, door: socket.socket) -> str:
    """The address as a browser takes it: the port that was really given, and localhost where it listens everywhere."""
    host = folder.main.listen.rpartition(":")[0]
    return f"{'localhost' if host.strip('[]') in {'0.0.0.0', '::'} else host}:{door.getsockname()[1]}"  # noqa: S104 - compared, not bound
