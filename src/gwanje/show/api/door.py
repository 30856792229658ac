"""What every door for samples shares: so many bodies at once, and an agent's key that writes its own host's series only."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from fastapi import HTTPException

from gwanje.errors import BadInput
from gwanje.keep.samples.base import Appended
from gwanje.keep.state.people import Who
from gwanje.show.rooms import Rooms
from gwanje.wire.columns import Columns

Read = TypeVar("Read")

_REMEMBERED_KEYS: Final = 200_000
_LARGE: Final = 2 << 20
"""A body of so many bytes is nothing that others wait for."""


class Door:
    """One for all protocols of a process. `places` are held while a body is worked on; one body more is asked to come again."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms
        self.places = asyncio.Semaphore(rooms.bodies_in_flight)
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="bodies")
        self._own: OrderedDict[tuple[str, str, bytes], bool] = OrderedDict()

    async def read(self, body: bytes, decode: Callable[[bytes], Read]) -> Read:
        """Decode a body in a thread. Side by side they would only wait for the interpreter, so one comes after the other."""
        threads = self._reading if len(body) < _LARGE else None
        return await asyncio.get_running_loop().run_in_executor(threads, decode, body)

    async def store(self, columns: Columns, who: Who) -> Appended:
        """Hand a decoded body to the stores. HTTPException 403 for a series this key may not write; then nothing was kept."""
        if who.host:
            await asyncio.to_thread(self._must_be_its_own, columns, who.host)
        return await self.rooms.ingest.accept_columns(columns)

    def _must_be_its_own(self, columns: Columns, host: str) -> None:
        for key in columns.keys:
            known = self._own.get((columns.protocol, host, key))
            if known is None:
                known = self._own[columns.protocol, host, key] = _is_of(host, key, columns)
                if len(self._own) > _REMEMBERED_KEYS:
                    self._own.popitem(last=False)
            if not known:
                raise HTTPException(403, f"this key may write series of host {host!r} only")


def _is_of(host: str, key: bytes, columns: Columns) -> bool:
    try:
        return ("host", host) in columns.labels_of(key)
    except BadInput:
        return True  # the store refuses it, and keeps its neighbours
