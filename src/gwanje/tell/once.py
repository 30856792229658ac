"""Who already has a message that goes to several: when it is tried again, also after a restart, they are left out."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gwanje.errors import GwanjeError
from gwanje.keep.state import accepted
from gwanje.keep.state.base import State

log = structlog.get_logger(__name__)


class Once:
    """Remembers who has the message that is being told; with a state, there beside the outbox, until all of them have it.

    What is kept is a digest of each, for an address may hold a secret. One message at a time: `left` begins it.
    """

    def __init__(self, state: State | None = None) -> None:
        self._state = state
        self._key = ""
        self._everybody: frozenset[str] = frozenset()
        self._done: set[str] = set()
        self._unwritten: set[str] = set()

    async def left(self, key: str, everybody: Iterable[str]) -> Sequence[str]:
        """Those who do not have the message of this key yet."""
        wanted = {one: _digest(one) for one in everybody}
        if key != self._key:
            self._key, self._done, self._unwritten = key, set(), set()
        self._done |= await self._read(key)  # another process may have told some since
        self._everybody = frozenset(wanted.values())
        return [one for one, digest in wanted.items() if digest not in self._done]

    async def has(self, *some: str) -> None:
        """Take note that these have the message which `left` was asked about last.

        Nothing is written for the last of them: that everybody has it stands in the outbox in a moment.
        """
        digests = {_digest(one) for one in some} - self._done
        self._done |= digests
        self._unwritten |= digests
        if not self._everybody <= self._done:
            await self._write()

    async def _read(self, key: str) -> set[str]:
        """Raises what state raises: whoever cannot read must not tell everybody again."""
        return set() if self._state is None else await asyncio.to_thread(self._kept, self._state, key)

    async def _write(self) -> None:
        if self._state is None:
            return
        try:
            await asyncio.to_thread(self._keep, self._state, self._key, frozenset(self._unwritten))
        except (GwanjeError, SQLAlchemyError) as error:  # the others are told all the same, and it is written with the next
            log.warning("who has a message is not written down yet", key=self._key, reason=str(error))
        else:
            self._unwritten.clear()

    @staticmethod
    def _kept(state: State, key: str) -> set[str]:
        with state.read() as connection:
            return accepted.by(connection, key)

    @staticmethod
    def _keep(state: State, key: str, digests: frozenset[str]) -> None:
        with state.write() as connection:
            accepted.note(connection, key, digests)


def _digest(one: str) -> str:
    return hashlib.sha256(one.encode()).hexdigest()
