"""Taking turns: of several processes on one state one evaluates and decides, and another goes on when that one is gone.

Whoever has the turn holds a lease and renews it. Two may believe that they have it, for one may have been stopped for longer
than its lease: so each transaction begins by renewing it, and does nothing when another has taken it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from gwanje.errors import GwanjeError, RetryLater
from gwanje.keep.state import leases
from gwanje.keep.state.base import State

LASTS: Final = timedelta(seconds=10)
"""How long nothing is evaluated, at most, after the process that did so was killed."""
EVALUATION: Final = "evaluation"
"""What the turn of rounds is called."""
_RENEWALS: Final = 3
"""How often a lease is renewed before it would run out."""

log = structlog.get_logger(__name__)


class Turns:
    """The turn of one process at one thing. `holder` names it and no other process, not even the same one before a restart."""

    def __init__(
        self,
        state: State,
        holder: str,
        clock: Callable[[], datetime],
        *,
        name: str = EVALUATION,
        lasts: timedelta = LASTS,
    ) -> None:
        self.state: Final = state.guarded(self._still_mine)
        """The same state; a transaction that writes raises RetryLater when another process has the turn."""
        self._unguarded = state
        self._holder = holder
        self._name = name
        self._clock = clock
        self._lasts = lasts
        self._until: datetime | None = None

    async def mine(self, now: datetime, *, begins: Callable[[], None]) -> bool:
        """Whether this process has the turn. `begins` is called first when others may have had it since it was asked last."""
        if self._until is not None and now < self._until - self._lasts + self._lasts / _RENEWALS:
            return True
        continues = self._until is not None and now < self._until
        if not await asyncio.to_thread(self._take, now):
            self._until = None
            return False
        self._until = now + self._lasts
        if not continues:
            log.info("it is the turn of this process", of=self._name, holder=self._holder)
            begins()
        return True

    def lasts_at(self, now: datetime) -> bool:
        """Whether the turn that this process took last has not run out: what counts while state cannot be asked."""
        return self._until is not None and now < self._until

    def give_back(self) -> None:
        """Let another go on at once. Called when nothing of it is done here any more."""
        self._until = None
        try:
            with self._unguarded.write() as connection:
                leases.give_back(connection, self._name, self._holder)
        except (GwanjeError, SQLAlchemyError) as error:
            log.warning("the turn is not given back; another goes on when its lease has run out", reason=str(error))

    def _take(self, now: datetime) -> bool:
        with self._unguarded.write() as connection:
            return leases.take(connection, self._name, self._holder, now, now + self._lasts)

    def _still_mine(self, connection: Connection) -> None:
        if not leases.keep(connection, self._name, self._holder, self._clock() + self._lasts):
            self._until = None
            raise RetryLater("another process evaluates now; nothing of this instant was kept here")
