"""Events in one DuckDB file of the data folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from gwanje import config, kinds
from gwanje.keep.events.base import Found, Search
from gwanje.model import Event

if TYPE_CHECKING:
    from gwanje.keep.events.duckdb_file import EventsFile

Result = TypeVar("Result")

_FILE: Final = "events.duckdb"


class Settings(config.Settings):
    """Events in `events/events.duckdb` of the data folder: for one process. Nothing to set."""


def create(settings: Settings, world: kinds.World) -> DuckdbEvents:
    folder = world.folder / "events"
    folder.mkdir(parents=True, exist_ok=True)
    return DuckdbEvents(folder / _FILE)


class DuckdbEvents:
    """One file, worked on in one thread. Where there is none yet it is made when somebody asks or an event comes."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self._file = _open(file) if file.exists() else None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="events")

    async def append(self, events: Sequence[Event]) -> None:
        """Keep them; committed, and so on disk, when this returns."""
        if events:
            await self._in_thread(lambda: self._opened().append(events))

    async def search(self, search: Search) -> Found:
        """One page, newest first; events of one millisecond in the order of their ids."""
        return await self._in_thread(lambda: self._opened().search(search))

    async def forget(self, before_ms: int) -> int:
        """Delete what is older; returns how many."""
        return await self._in_thread(lambda: self._file.forget(before_ms) if self._file else 0)

    async def backup(self, to: Path) -> None:
        """Copy all events into a folder that is not there yet. Raises OSError, and StoreFull."""
        await self._in_thread(lambda: self._copy(to))

    async def close(self) -> None:
        """Write down what is in DuckDB's log and let go of the file."""
        await self._in_thread(lambda: self._file.close() if self._file else None)
        self._thread.shutdown()

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _opened(self) -> EventsFile:
        self._file = self._file or _open(self._path)
        return self._file

    def _copy(self, to: Path) -> None:
        to.mkdir(parents=True)
        if self._file:
            self._file.copy(to / _FILE)


def _open(file: Path) -> EventsFile:
    from gwanje.keep.events.duckdb_file import EventsFile  # noqa: PLC0415 - the library takes 40 MB; without events nobody pays

    return EventsFile(file)
