"""Outbox → notifiers. A message leaves when it was written down, is tried until its deadline, and every attempt is kept.

At least once: a crash after the other side accepted and before that is written down sends once more, with the same key.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from gwanje.carry.updates.base import Update, Updates
from gwanje.errors import GwanjeError, Rejected, RetryLater
from gwanje.keep.state import outbox
from gwanje.keep.state.base import State
from gwanje.tell.backoff import LONGEST_ASKED, pause, rests
from gwanje.tell.broken import KEY as OF_BROKEN
from gwanje.tell.broken import broken, other_than, passed_on
from gwanje.tell.combining import ALONE, NOTICE, combined
from gwanje.tell.message import from_plain, to_plain
from gwanje.tell.notifiers.base import Notification, Notifier

POLL: Final = timedelta(seconds=1)
LONGEST_SEND: Final = timedelta(seconds=20)
_EXPIRES_EVERY: Final = 60.0
LEASE: Final = timedelta(seconds=60)
"""Longer than a send may take, so that only a dead worker's claim ends by itself."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Outcome:
    name: str
    status: int | None = None
    error: str = ""
    after: timedelta | None = None
    reference: str = ""


class Delivery:
    """Sends what stands in the outbox.

    `run` goes on until it is cancelled. Several deliveries may work on one state: a claim decides who sends. `worker_id` is
    the same after a restart and differs between processes that run at once, so that a killed process takes its claims up again.
    """

    def __init__(
        self,
        state: State,
        receivers: Mapping[str, Notifier],
        updates: Updates | None,
        *,
        worker_id: str,
        clock: Callable[[], datetime],
        chance: Callable[[], float] = random.random,
        poll: timedelta = POLL,
    ) -> None:
        self._state = state
        self._receivers = dict(receivers)
        self._updates = updates
        self._worker = worker_id
        self._clock = clock
        self._chance = chance
        self._poll = poll
        self._woken = {receiver: asyncio.Event() for receiver in receivers}
        self._others = asyncio.Event()
        self._served: set[str] = set()
        self._refusing: set[str] = set()
        self._asked: dict[str, datetime] = {}
        """Until when a receiver asked to be left alone."""
        self._attempts: dict[tuple[str, str], int] = {}
        self._seconds: dict[str, float] = {}

    async def run(self) -> None:
        """Send until cancelled: one task for each receiver, so that a slow one delays no other."""
        self._served.clear()
        while not await self._done(self._take_up):  # noqa: ASYNC110 - a state that is away tells nobody when it is back
            await asyncio.sleep(self._poll.total_seconds())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_expiring())
            if self._updates is not None:
                tasks.create_task(self._listen(self._updates))
            while True:
                for receiver in self._receivers.keys() - self._served:
                    self._served.add(receiver)
                    tasks.create_task(self._serve(receiver))
                await self._others.wait()
                self._others.clear()

    def take_over(self, receivers: Mapping[str, Notifier]) -> None:
        """These are the receivers from now on; what is being sent is finished. Called from the loop's own thread."""
        self._receivers = dict(receivers)
        self._asked.clear()  # it may lead elsewhere now
        self._woken.update({receiver: asyncio.Event() for receiver in receivers if receiver not in self._woken})
        self._others.set()
        self.notify()  # whoever serves a receiver that is gone sees it now

    def notify(self) -> None:
        """Something new may stand in the outbox: look at once. Called from the loop's own thread."""
        for event in self._woken.values():
            event.set()

    async def once(self) -> int:
        """Send everything that is due now; returns how many attempts were made."""
        return sum(await asyncio.gather(*(self._drain(receiver) for receiver in self._receivers)))

    def own_samples(self) -> Mapping[str, float]:
        """Attempts and time spent, by receiver."""
        counted = {
            f'gwanje_delivery_attempts_total{{receiver="{receiver}",outcome="{outcome}"}}': float(count)
            for (receiver, outcome), count in self._attempts.items()
        }
        spent = {
            f'gwanje_delivery_seconds_total{{receiver="{receiver}"}}': seconds for receiver, seconds in self._seconds.items()
        }
        return counted | spent

    async def _serve(self, receiver: str) -> None:
        while receiver in self._receivers:
            self._woken[receiver].clear()
            try:
                await self._drain(receiver)
            except Exception as error:  # noqa: BLE001 - a state that cannot be read now must not end the sending for good
                log.error("delivery is held up", receiver=receiver, reason=str(error))  # noqa: TRY400 - the reason is enough, and a traceback may hold a message
            await self._wait(self._woken[receiver])
        self._served.discard(receiver)
        self._others.set()  # it may have come back in between

    async def _wait(self, woken: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(self._poll.total_seconds()):
                await woken.wait()
        except TimeoutError:
            return

    async def _drain(self, receiver: str) -> int:
        tried = 0
        claimed = await asyncio.to_thread(self._claim, receiver) if receiver in self._receivers else None
        while claimed is not None and (notifier := self._receivers.get(receiver)) is not None:
            claimed = await self._one(receiver, notifier, claimed)
            tried += 1
        return tried

    async def _one(self, receiver: str, notifier: Notifier, claimed: outbox.Claimed) -> outbox.Claimed | None:
        """Send one message; the next one that is due, which is claimed where the attempt is written down."""
        started = time.monotonic()
        outcome = await self._send(notifier, claimed)
        elapsed = time.monotonic() - started
        following = await self._remember(receiver, claimed, outcome, elapsed)
        self._count(receiver, outcome, elapsed)
        self._publish(claimed)
        return following

    async def _send(self, notifier: Notifier, claimed: outbox.Claimed) -> _Outcome:
        try:
            async with asyncio.timeout(LONGEST_SEND.total_seconds()):
                message = _message(claimed)
                accepted = await notifier.send(message)
        except TimeoutError:
            return _Outcome(outbox.LATER, error=f"not accepted within {LONGEST_SEND.total_seconds():g} s")
        except RetryLater as error:
            return _Outcome(outbox.LATER, error.status, str(error), error.after)
        except Rejected as error:
            return _Outcome(outbox.FAILED, error.status, str(error))
        except GwanjeError as error:
            return _Outcome(outbox.FAILED, error=str(error))
        except Exception as error:  # noqa: BLE001 - a notifier's own fault must neither lose the message nor stop the others
            return _Outcome(outbox.LATER, error=f"the notifier failed with {type(error).__name__}")
        # When everything is over, the thread is over, too: the next message of the group begins a new one. A notice begins none.
        ends = message.resolved or message.reason == NOTICE
        return _Outcome(outbox.SENT, accepted.status, reference="" if ends else accepted.reference)

    async def _remember(self, receiver: str, claimed: outbox.Claimed, outcome: _Outcome, elapsed: float) -> outbox.Claimed | None:
        """Write down what became of it. While state cannot be written the claim goes on: after it, it would be sent again."""
        ends = time.monotonic() + (LEASE - LONGEST_SEND).total_seconds()
        while True:
            try:
                return await asyncio.to_thread(self._record, receiver, claimed, outcome, elapsed)
            except (GwanjeError, SQLAlchemyError) as error:
                if time.monotonic() >= ends:
                    raise
                log.warning("an attempt is not written down yet", receiver=receiver, key=claimed.key, reason=str(error))
                await asyncio.sleep(self._poll.total_seconds())

    def _claim(self, receiver: str) -> outbox.Claimed | None:
        now = self._clock()
        if rests(self._asked.get(receiver), now):
            return None
        with self._state.read() as connection:
            if not outbox.is_due(connection, receiver, now):
                return None
        with self._state.write() as connection:
            return outbox.claim(connection, receiver, self._worker, now, now + LEASE, alone=ALONE)

    def _record(self, receiver: str, claimed: outbox.Claimed, outcome: _Outcome, elapsed: float) -> outbox.Claimed | None:
        now = self._clock()
        name, next_at = outcome.name, now + pause(claimed.tries + 1, outcome.after, self._chance())
        if name == outbox.LATER and next_at >= claimed.deadline:
            name = outbox.FAILED
        if outcome.after:
            self._asked[receiver] = now + min(outcome.after, LONGEST_ASKED)
        with self._state.write() as connection:
            tried = outbox.Tried(now, name, outcome.status, elapsed * 1000, outcome.error, next_at, outcome.reference)
            outbox.attempted(connection, claimed, self._worker, tried)
            if name == outbox.FAILED:
                self._tell_of(connection, receiver, claimed, outcome, now)
            following = None
            if receiver in self._receivers and not rests(self._asked.get(receiver), now):
                following = outbox.claim(connection, receiver, self._worker, now, now + LEASE, alone=ALONE)
        if name == outbox.SENT:
            self._refusing.discard(receiver)
        if name == outbox.FAILED:
            log.error("message not delivered", receiver=receiver, key=claimed.key, tries=claimed.tries + 1, reason=outcome.error)
        elif name == outbox.LATER:
            log.warning("message waits", receiver=receiver, key=claimed.key, tries=claimed.tries + 1, reason=outcome.error)
        return following

    def _tell_of(self, connection: Connection, receiver: str, claimed: outbox.Claimed, outcome: _Outcome, now: datetime) -> None:
        """A receiver that refuses messages is itself something that people must hear of, through another one."""
        self._refusing.add(receiver)
        other = other_than(receiver, self._receivers, self._refusing)
        notice = broken(receiver, other, outcome.error, now)
        if claimed.key.startswith(OF_BROKEN):  # who was to hear of a broken one is broken, too: the next one hears of both
            other = "" if other in self._refusing else other
            notice = passed_on(from_plain(claimed.message), other)
        if not other or outbox.became(connection, notice.key) is not None:
            return
        with contextlib.suppress(IntegrityError), connection.begin_nested():  # another process may say the same just now
            outbox.put(
                connection,
                key=notice.key,
                receiver=other,
                group_key=notice.group_key,
                reason=notice.reason,
                episodes=(),
                message=to_plain(notice),
                now=now,
                deadline=now + timedelta(hours=24),
            )

    async def _done(self, what: Callable[[], None]) -> bool:
        """Whether it could be done: a state that is away now must not end the sending for good."""
        try:
            await asyncio.to_thread(what)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next try may succeed
            log.error("delivery is held up", reason=str(error))  # noqa: TRY400 - the reason is enough
            return False
        return True

    def _take_up(self) -> None:
        with self._state.write() as connection:
            outbox.release(connection, self._worker)
        self._expire()  # before anything is sent, so that nobody hears of the day before as if it were now

    async def _keep_expiring(self) -> None:
        """Messages to a receiver that is no longer configured end at their deadline."""
        while True:
            await asyncio.sleep(_EXPIRES_EVERY)
            await self._done(self._expire)

    def _expire(self) -> None:
        with self._state.write() as connection:
            now = self._clock()
            outbox.hasten(connection, now, LONGEST_ASKED, 2 * LEASE)
            receivers = outbox.expire(connection, now)
        for receiver in sorted(set(receivers)):
            log.error("messages not delivered until their deadline", receiver=receiver, count=receivers.count(receiver))

    async def _listen(self, updates: Updates) -> None:
        async with updates.listen() as heard:
            async for update in heard:
                if update.topic in {"outbox", "missed"}:
                    self.notify()

    def _count(self, receiver: str, outcome: _Outcome, elapsed: float) -> None:
        self._attempts[receiver, outcome.name] = self._attempts.get((receiver, outcome.name), 0) + 1
        self._seconds[receiver] = self._seconds.get(receiver, 0.0) + elapsed

    def _publish(self, claimed: outbox.Claimed) -> None:
        for episode in claimed.episodes if self._updates is not None else ():
            self._updates.publish(Update("alerts", episode))  # type: ignore[union-attr] # without updates the loop is empty


def _message(claimed: outbox.Claimed) -> Notification:
    """What is sent: the message, and in it the older ones that are as late."""
    messages = [from_plain(plain) for plain in (*claimed.before, claimed.message)]
    return replace(combined(messages), reference=claimed.reference)
