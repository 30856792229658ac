"""Deeds decided → the world. Each is claimed by one worker, done once, and what came of it is written down.

It also writes down the ends of holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog

from gwanje.act.actions.base import Doer, Task
from gwanje.act.deciding import moot
from gwanje.because import Because, worded
from gwanje.carry.updates.base import Update, Updates
from gwanje.errors import GwanjeError
from gwanje.keep.state import acknowledgements, deeds, holds, stories
from gwanje.keep.state.base import State

TOPIC: Final = "deeds"
HOLDS: Final = "holds"
_POLL: Final = timedelta(seconds=1)
_LONGEST: Final = timedelta(minutes=10)
_SWEEP: Final = timedelta(minutes=1)
_DEAD: Final = timedelta(hours=2)
"""After so long since it was decided nobody is at a deed any more, also where it waited behind others."""

log = structlog.get_logger(__name__)


class Worker:
    """Does what stands in state, one after another, until cancelled. A deed whose worker died is not done again: it failed."""

    def __init__(
        self,
        state: State,
        doers: Mapping[str, Doer],
        updates: Updates | None,
        *,
        worker_id: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._state = state
        self._doers = doers
        self._updates = updates
        self._worker = worker_id
        self._clock = clock
        self._looked = clock()

    async def run(self) -> None:
        """Look once a second."""
        taken_up = not self._doers
        while True:
            try:
                if not taken_up:
                    await asyncio.to_thread(self._give_up)
                    taken_up = True
                await asyncio.to_thread(self.end_holds)
                await asyncio.to_thread(self.give_up_of_the_dead)
                if self._doers:
                    await self.once()
            except Exception as error:  # noqa: BLE001 - a state that cannot be read now must not end the worker for good
                log.error("actions are held up", reason=str(error))  # noqa: TRY400 - the reason says it all
            await asyncio.sleep(_POLL.total_seconds())

    async def once(self) -> int:
        """Do everything that waits; how much that was."""
        count = 0
        while (deed := await asyncio.to_thread(self._claim)) is not None:
            count += 1
            state, result = await self._do(deed)
            await asyncio.to_thread(self._ended, deed, state, result)
        return count

    async def _do(self, deed: deeds.Kept) -> tuple[str, str]:
        doer = self._doers.get(deed.action)
        if doer is None:
            return deeds.FAILED, Because("the action is no longer configured", "action_gone")
        if why := await asyncio.to_thread(self._moot, deed):
            return deeds.FAILED, Because(f"not done any more: {why}", "not_any_more", what=why)
        try:
            return await self._tried(doer, deed)
        except TimeoutError:
            seconds = _LONGEST.total_seconds()
            return deeds.FAILED, Because(f"not done within {seconds:g} s", "not_done_within", seconds=seconds)
        except GwanjeError as error:
            return deeds.FAILED, worded(error.said, str(error))
        except Exception as error:  # noqa: BLE001 - an action's own fault must not stop the others
            kind = type(error).__name__
            return deeds.FAILED, Because(f"the action failed with {kind}", "action_broke", error=kind)

    async def _tried(self, doer: Doer, deed: deeds.Kept) -> tuple[str, str]:
        task = Task(f"deed:{deed.id}", deed.action, deed.target, deed.rule, deed.labels, deed.because, self._clock())
        if deed.dry:
            would = doer.would(task)
            return deeds.DRY, Because(f"would have done: {would}", "would_have_done", what=would)
        async with asyncio.timeout(_LONGEST.total_seconds()):
            return deeds.DONE, await doer.do(task)

    def end_holds(self) -> None:
        """Write down that the time of holds is over; whoever scales sees it by the time itself."""
        now = self._clock()
        with self._state.read() as connection:
            if not holds.any_over(connection, now):
                return
        with self._state.write() as connection:
            over = holds.end_those_over(connection, now)
        for hold in over:
            log.info("hold is over", scaler=hold.scaler, who=hold.who)
            if self._updates is not None:
                self._updates.publish(Update(HOLDS, hold.scaler))

    def give_up_of_the_dead(self) -> None:
        """What a worker of another name began long ago locks its target no more. Looked at once a minute."""
        now = self._clock()
        if not self._doers or now - self._looked < _SWEEP:
            return
        self._looked = now
        with self._state.write() as connection:
            deeds.give_up(connection, self._worker, now, before=now - _DEAD)

    def _claim(self) -> deeds.Kept | None:
        with self._state.read() as connection:
            if not deeds.any_waits(connection):
                return None
        with self._state.write() as connection:
            return deeds.claim(connection, self._worker)

    def _moot(self, deed: deeds.Kept) -> str:
        with self._state.read() as connection:
            taken = acknowledgements.of(connection, [deed.episode])
            return moot(stories.episode(connection, deed.episode), somebody_on_it=deed.episode in taken)

    def _ended(self, deed: deeds.Kept, state: str, result: str) -> None:
        with self._state.write() as connection:
            deeds.end(connection, deed.id, state, result, self._clock())
        log.info("action ended", action=deed.action, target=deed.target, state=state, result=str(result))
        if self._updates is not None:
            self._updates.publish(Update("alerts", deed.episode))

    def _give_up(self) -> None:
        with self._state.write() as connection:
            deeds.give_up(connection, self._worker, self._clock())
