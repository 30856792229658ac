"""The loop that runs pipelines: when their schedule says so, and when somebody asks. And the way to ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from gwanje.carry.base import Sender
from gwanje.carry.updates.base import Update, Updates
from gwanje.collect import pausing
from gwanje.collect.bell import bell_of
from gwanje.collect.pipelines import fetch as fetches
from gwanje.collect.pipelines import run as one_run
from gwanje.collect.pipelines.counters import FetchCounters
from gwanje.collect.pipelines.fetch import Fetch
from gwanje.collect.pipelines.spec import Prepared
from gwanje.collect.sources.base import Fetched
from gwanje.errors import GwanjeError, RetryLater, StoreFull
from gwanje.keep.state import pauses, runs
from gwanje.keep.state.base import State
from gwanje.keep.state.runs import Ending, Run
from gwanje.model import Batch, to_ms
from gwanje.wire.json.encode import events_batch
from gwanje.wire.remote_write.encode import encode

log = structlog.get_logger()

Clock = Callable[[], datetime]
Tell = Callable[[Connection, Run], bool]
"""Writes down what people are told of a run that ended, in the transaction that ends it; whether anybody is told."""

_LOOK: Final = timedelta(seconds=1)
"""Updates are hints; whoever misses one finds the run by looking this often."""
_TELL: Final = timedelta(seconds=5)
_LEASE: Final = timedelta(seconds=30)
_GRACE: Final = timedelta(seconds=2.5)
"""How long the end waits for cancelled fetches to be told, so that the whole process ends within 3 s."""
_PAUSES: Final = (0.1, 0.5, 1.0, 2.0, 5.0)


def _nobody(_connection: Connection, _run: Run) -> bool:
    return False


class Schedule:
    """Runs pipelines until it is cancelled.

    A tick that passed while nobody looked is not made up for, and a pipeline never runs twice at once. While it is paused no
    tick becomes a run; what is under way ends, and what is asked for anyway runs. Several processes may run the same
    schedule on one state: each tick is run by one of them, and `tell` is asked once for each run that ended. Cancelling `run`
    stops fetches, tells their outcome and returns within 3 s.
    """

    def __init__(
        self,
        pipelines: Sequence[Prepared],
        state: State,
        transport: Sender,
        updates: Updates,
        *,
        worker_id: str,
        clock: Clock,
        labels: Mapping[str, str] | None = None,
        tell: Tell = _nobody,
    ) -> None:
        self._pipelines = {prepared.name: prepared for prepared in pipelines}
        self._declared = {prepared.name: prepared.pipeline for prepared in pipelines}
        self._state = state
        self._transport = transport
        self._updates = updates
        self._worker_id = worker_id
        self._clock = clock
        self._tell = tell
        self._ticks: dict[str, datetime | None] = {}
        self._looked: datetime | None = None
        self._runs: set[asyncio.Task[None]] = set()
        self._fetching: set[asyncio.Task[tuple[Fetched, int]]] = set()
        self.counters = FetchCounters([(prepared.name, prepared.kind) for prepared in pipelines], labels)

    async def run(self) -> None:
        """Look, run, rest, until cancelled. Called once."""
        telling = asyncio.create_task(self._tell_counters())
        try:
            async with bell_of(self._updates, "runs") as bell:
                while True:
                    now = self._clock()
                    await self._look_safely(now)
                    await bell.wait(self._rest(now))
        finally:
            telling.cancel()
            await self._stop()

    def next_at(self, pipeline: str) -> datetime | None:
        """The pipeline's next tick; None when it is off or runs only when asked."""
        return self._ticks.get(pipeline)

    async def look(self, now: datetime) -> None:
        """Ask for the ticks that are due and start every run that can be claimed. `run` calls it at least once a second."""
        due = self._due(now)
        for claimed in await asyncio.to_thread(self._claim, due, now):
            task = asyncio.create_task(self._execute(claimed))
            self._runs.add(task)
            task.add_done_callback(self._runs.discard)

    async def idle(self) -> None:
        """Wait until every run that has been started is over."""
        while self._runs:
            await asyncio.wait(self._runs)

    # --- when

    def _due(self, now: datetime) -> list[tuple[str, datetime]]:
        """Ticks that have come since the last look, the latest of each pipeline; the ones before it are not made up for."""
        went_back = self._looked is not None and now < self._looked
        self._looked = now
        due = []
        for name, prepared in self._pipelines.items():
            if prepared.source.off_because:
                continue
            tick = self._ticks.get(name)
            if tick is not None and tick <= now:
                due.append((name, tick))
            if tick is None or tick <= now or went_back:
                self._ticks[name] = prepared.pipeline.timetable.next_after(now)
        return due

    def _rest(self, now: datetime) -> timedelta:
        ticks = [tick - now for tick in self._ticks.values() if tick is not None]
        return max(timedelta(), min([_LOOK, *ticks]))

    async def _look_safely(self, now: datetime) -> None:
        try:
            await self.look(now)
        except (GwanjeError, SQLAlchemyError) as error:
            log.error("schedule cannot read or write state", reason=str(error))  # noqa: TRY400 - the reason says it all, and it comes each second

    def _claim(self, due: Sequence[tuple[str, datetime]], now: datetime) -> list[Run]:
        names = [name for name, prepared in self._pipelines.items() if not prepared.source.off_because]
        if not due:
            with self._state.read() as connection:
                if not runs.waiting(connection, names, now) and not pauses.any_over(connection, now):
                    return []
        claimed: list[Run] = []
        with self._state.write() as connection:
            paused = {pause.pipeline: pause for pause in pauses.every(connection)}
            resumed = pausing.resume_those_over(connection, self._declared, now)
            for name, tick in due:
                if name in paused and (paused[name].holds(now) or paused[name].holds(tick)):
                    log.debug("tick passed over while paused", pipeline=name, tick=runs.tick_partition(tick))
                elif runs.ask_for_tick(connection, pipeline=name, tick=tick, now=now) is None:
                    log.info("tick passed over", pipeline=name, tick=runs.tick_partition(tick))
            began = self._clock()  # another process may have held the write lock since `now`
            given_up = runs.give_up(connection, pipelines=names, now=began)
            told = [run for run in given_up if self._tell(connection, run)]
            while run := runs.claim(connection, pipelines=names, worker=self._worker_id, now=began, lease=_LEASE):
                claimed.append(run)
        for name in resumed:
            log.info("pause is over", pipeline=name)
            self._updates.publish(Update("pauses", name))
        for run in given_up:
            log.error("run is given up", pipeline=run.pipeline, run=run.id, reason=run.error)
            publish(self._updates, run.id, run.pipeline, runs.ENDED)
        if told:
            self._updates.publish(Update("outbox"))
        return claimed

    # --- one run

    async def _execute(self, run: Run) -> None:
        prepared = self._pipelines[run.pipeline]
        keeping = asyncio.create_task(self._keep_lease(run))
        try:
            publish(self._updates, run.id, run.pipeline, runs.RUNNING)
            fetch = await self._fetch(prepared, run)
            self.counters.count(fetch)
            await self._store(fetch)
            await self._finish(run, fetch)
        except Exception:
            log.exception("run broke off", pipeline=run.pipeline, run=run.id)
        finally:
            keeping.cancel()

    async def _fetch(self, prepared: Prepared, run: Run) -> Fetch:
        at_ms = to_ms(self._clock())
        task = asyncio.create_task(one_run.fetch(prepared, at_ms))
        self._fetching.add(task)
        try:
            # Waited for from outside: at the end the fetch is cancelled, and this run lives on to tell it.
            await asyncio.wait({task})
        finally:
            self._fetching.discard(task)
            task.cancel()
        fetched, attempt = one_run.never_begun(prepared) if task.cancelled() else task.result()
        return fetches.told(
            fetched, run=run.id, at_ms=at_ms, pipeline=prepared.name, source=prepared.kind, attempt=attempt, trigger=run.trigger
        )

    async def _store(self, fetch: Fetch) -> None:
        """Send the event until it is taken; the samples once, because they are repeated every few seconds anyway."""
        log.info(
            "fetched",
            pipeline=fetch.pipeline,
            outcome=fetch.outcome.value,
            status=fetch.status,
            latency_ms=fetch.latency_ms,
            error=fetch.error,
        )
        await self._send_until_taken(events_batch([fetch.to_event()]))
        await self._send_counters()

    async def _send_until_taken(self, batch: Batch) -> None:
        tries = 0
        while True:
            try:
                await self._transport.send(batch)
            except (RetryLater, StoreFull) as error:
                tries += 1
                log.warning("fetch is kept back until it can be stored", reason=str(error), tries=tries)
                await asyncio.sleep(_pause_after(error, tries))
            except GwanjeError as error:
                log.error("fetch was refused by the store", reason=str(error))  # noqa: TRY400 - the reason says it all
                return
            else:
                return

    async def _finish(self, run: Run, fetch: Fetch) -> None:
        ending = Ending(fetch.outcome.value, fetch.status, fetch.rows, fetch.bytes, fetch.latency_ms, fetch.error)

        def write() -> tuple[Run | None, bool]:
            with self._state.write() as connection:
                pauses.settle(connection, run.pipeline)
                ended = runs.finish(connection, run, ending, now=self._clock())
                return ended, ended is not None and self._tell(connection, ended)

        ended, told = await asyncio.to_thread(write)
        if ended is None:
            log.warning("run was taken by somebody else before it ended here", pipeline=run.pipeline, run=run.id)
        if told:
            self._updates.publish(Update("outbox"))
        self._updates.publish(Update("fetches", fetch.id, fetch.as_json()))
        publish(self._updates, run.id, run.pipeline, runs.ENDED)

    async def _keep_lease(self, run: Run) -> None:
        def renew() -> bool:
            with self._state.write() as connection:
                return runs.renew(connection, run, now=self._clock(), lease=_LEASE)

        while True:
            await asyncio.sleep(_LEASE.total_seconds() / 3)
            with suppress(GwanjeError, SQLAlchemyError):  # the next renewal comes before the lease ends
                await asyncio.to_thread(renew)

    # --- counters and the end

    async def _tell_counters(self) -> None:
        while True:
            await self._send_counters()
            await asyncio.sleep(_TELL.total_seconds())

    async def _send_counters(self) -> None:
        samples = self.counters.to_write(to_ms(self._clock()))
        if not samples:
            return
        try:
            await self._transport.send(encode(samples))
        except GwanjeError as error:
            log.warning("fetch counters were not stored; they are sent again", reason=str(error))
        except Exception:  # a fault of one transport: counters go on, and so does the schedule
            log.exception("fetch counters were not stored")

    async def _stop(self) -> None:
        for fetching in tuple(self._fetching):
            fetching.cancel()
        if not self._runs:
            return
        _, late = await asyncio.wait(self._runs, timeout=_GRACE.total_seconds())
        for run in late:
            run.cancel()
        await asyncio.gather(*late, return_exceptions=True)


def publish(updates: Updates, run: int, pipeline: str, state: str) -> None:
    """Say that a run has been asked for, begun or ended."""
    updates.publish(Update("runs", str(run), {"pipeline": pipeline, "state": state}))


async def run_now(
    state: State,
    updates: Updates,
    pipeline: str,
    *,
    trigger: str,
    asked_by: str,
    clock: Clock,
    patience: timedelta = timedelta(minutes=6),
) -> Run:
    """Ask for a run and wait for its end, whichever process runs it; the run with its outcome, status, rows and latency.

    RetryLater when it has not ended within `patience`: it is still asked for, or going on. Whoever calls looks first whether
    the pipeline exists and is on.
    """

    def ask() -> int:
        with state.write() as connection:
            partition = f"{trigger}-{uuid4().hex}"
            return runs.ask(connection, pipeline=pipeline, partition=partition, trigger=trigger, asked_by=asked_by, now=clock())

    def get(number: int) -> Run | None:
        with state.read() as connection:
            return runs.get(connection, number)

    async with bell_of(updates, "runs") as bell:
        number = await asyncio.to_thread(ask)
        publish(updates, number, pipeline, runs.ASKED)
        deadline = clock() + patience
        while clock() < deadline:
            run = await asyncio.to_thread(get, number)
            if run is not None and run.ended:
                return run
            await bell.wait(_LOOK)
    raise RetryLater(
        f"run {number} of {pipeline} has not ended within {patience.total_seconds():.0f} s; it goes on, see the fetch log"
    )


def _pause_after(error: RetryLater | StoreFull, tries: int) -> float:
    if isinstance(error, RetryLater) and error.after is not None:
        return error.after.total_seconds()
    return _PAUSES[min(tries, len(_PAUSES)) - 1]
