"""Updates among processes on one state: what one of them changed there is heard in the others within a second or so.

Twice a second a process writes down which topics it changed, and looks at what the others wrote. An update is a hint, so what is
shared is only that something of a topic changed, not what. A process that cannot reach state now catches up with its next look.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final, cast

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gwanje.carry.updates.base import Topic, Update, Updates
from gwanje.errors import GwanjeError
from gwanje.keep.state import changes
from gwanje.keep.state.base import State

OF_ITS_OWN: Final[frozenset[Topic]] = frozenset({"samples", "events", "fetches"})
"""Topics of which each process tells its own: they change all the time, and not in state."""
_EVERY_SECONDS: Final = 0.5
_REMEMBERED: Final = timedelta(hours=1)
"""How long the word of a process stands that says nothing more, as one that is gone."""

log = structlog.get_logger(__name__)


class SharedUpdates:
    """Updates of this process and hints of the others. `run` shares until it is cancelled; without it, all stay in their process.

    `process` names this process and no other, not even the same one before a restart.
    """

    def __init__(self, own: Updates, state: State, process: str, *, clock: Callable[[], datetime]) -> None:
        self._own = own
        self._state = state
        self._process = process
        self._clock = clock
        self._lock = threading.Lock()
        self._unsaid: set[Topic] = set()
        self._heard: changes.Numbers | None = None
        self._failing = False

    def publish(self, update: Update) -> None:
        """Tell this process at once, and the others soon. May be called from any thread."""
        self._own.publish(update)
        if update.topic not in OF_ITS_OWN:
            with self._lock:
                self._unsaid.add(update.topic)

    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[Update]]:
        return self._own.listen()

    async def run(self) -> None:
        """Share twice a second."""
        while True:
            await self.once()
            await asyncio.sleep(_EVERY_SECONDS)

    async def once(self) -> None:
        """Say what changed here, and tell this process of what changed elsewhere."""
        try:
            await asyncio.to_thread(self._say)
            found = await asyncio.to_thread(self._look)
        except (GwanjeError, SQLAlchemyError) as error:
            if not self._failing:
                log.warning("changes are not shared with other processes now", reason=str(error))
            self._failing = True
            return
        self._failing = False
        heard, self._heard = self._heard, found
        if heard is not None:
            for topic in sorted({topic for (process, topic), number in found.items() if heard.get((process, topic)) != number}):
                self._own.publish(Update(cast("Topic", topic)))

    def _say(self) -> None:
        with self._lock:
            topics, self._unsaid = self._unsaid, set()
        if not topics:
            return
        now = self._clock()
        try:
            with self._state.write() as connection:
                changes.say(connection, self._process, topics, now)
                changes.forget(connection, now - _REMEMBERED)
        except BaseException:
            with self._lock:
                self._unsaid |= topics
            raise

    def _look(self) -> changes.Numbers:
        with self._state.read() as connection:
            return changes.by_others(connection, self._process)
