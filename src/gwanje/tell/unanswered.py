"""What was asked for a group and never answered: it may have been done all the same, and must not be done twice.

Kept beside the group's messages in the outbox while these are under way, so that a restart, another process and a later message
of the group know of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from gwanje.keep.state import accepted
from gwanje.keep.state.base import State
from gwanje.tell.notifiers.base import Notification

_ASKED: Final = "asked "
"""How a note begins; the time follows."""


class Unanswered:
    """Remembers when something was last asked for each group, until the other side said what became of it."""

    def __init__(self, state: State | None, clock: Callable[[], datetime], lasts: timedelta) -> None:
        self._state = state
        self._clock = clock
        self._lasts = lasts
        self._asked: dict[str, datetime] = {}

    async def is_open(self, message: Notification) -> bool:
        """Whether something was asked for this group less than `lasts` ago that may have been done. A clock set back ends it."""
        asked = await self._at(message.group_key)
        return asked is not None and timedelta() <= self._clock() - asked < self._lasts

    async def asks(self, message: Notification) -> None:
        """Take note before asking. Raises what state raises: whoever cannot take note must not ask."""
        now = self._clock()
        self._asked = {group: at for group, at in self._asked.items() if now - at < self._lasts} | {message.group_key: now}
        if self._state is not None:
            await asyncio.to_thread(self._note, self._state, message.key, f"{_ASKED}{now.isoformat()}")

    def done(self, message: Notification) -> None:
        """The other side said that it was done. The note in state goes with the message, once that is written down as sent."""
        self._asked.pop(message.group_key, None)

    async def refused(self, message: Notification) -> None:
        """The other side said that it was not done: it may be asked for again at once."""
        self._asked.pop(message.group_key, None)
        if self._state is not None:
            await asyncio.to_thread(self._drop, self._state, message.group_key)

    async def _at(self, group_key: str) -> datetime | None:
        kept = await asyncio.to_thread(self._kept, self._state, group_key) if self._state is not None else []
        own = self._asked.get(group_key)
        return max([*kept, *([own] if own else [])], default=None)

    @staticmethod
    def _kept(state: State, group_key: str) -> list[datetime]:
        with state.read() as connection:
            notes = accepted.of_group(connection, group_key)
        return [datetime.fromisoformat(note.removeprefix(_ASKED)) for note in notes if note.startswith(_ASKED)]

    @staticmethod
    def _note(state: State, key: str, note: str) -> None:
        with state.write() as connection:
            accepted.note(connection, key, [note])

    @staticmethod
    def _drop(state: State, group_key: str) -> None:
        with state.write() as connection:
            accepted.drop(connection, group_key, beginning=_ASKED)
