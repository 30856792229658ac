"""Wiring: a folder's settings → stores, loops and doors of one process. The only place where kinds meet doors."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import structlog

from gwanje import http, processors
from gwanje.act.worker import Worker
from gwanje.app import backup
from gwanje.app.clock import now
from gwanje.app.folder import Folder
from gwanje.app.own import process_figures
from gwanje.carry.base import Sender
from gwanje.carry.ingest import Ingest
from gwanje.carry.sharing import SharedUpdates
from gwanje.carry.spool import Spool
from gwanje.carry.updates.base import Updates
from gwanje.collect.pipelines.spec import Prepared
from gwanje.collect.schedule import Schedule
from gwanje.collect.scrape.loop import Scraper
from gwanje.collect.statsd.door import StatsdDoor
from gwanje.errors import GwanjeError
from gwanje.judge.rules.spec import REMOTE_DELAY, unhurried
from gwanje.keep.events.base import Events
from gwanje.keep.samples.base import Samples
from gwanje.keep.sealing import Sealing
from gwanje.keep.state.base import State
from gwanje.kinds import World
from gwanje.model import to_ms
from gwanje.reach import Reach
from gwanje.show.dashboards import files as dashboards
from gwanje.show.queries import Queries
from gwanje.show.rooms import OwnSamples, Rooms
from gwanje.tell.delivery import Delivery
from gwanje.tell.policy import Telling
from gwanje.watch.policybook import Policybook
from gwanje.watch.receivers import Receivers
from gwanje.watch.recorder import Recorder
from gwanje.watch.reports import Reports
from gwanje.watch.round import Places, Round
from gwanje.watch.rulebook import Rulebook
from gwanje.watch.run_notices import RunNotices
from gwanje.watch.taking import in_turns
from gwanje.watch.turns import Turns
from gwanje.wire.exposition.encode import series_name
from gwanje.wire.otlp.names import SPELLINGS

WAITING = "waiting"
"""The folder in which what cannot be stored now is laid down, one inside it for each loop."""
WAITING_BYTES = 1 << 30

_EMBEDDED = "local"
"""The store of samples that is this process's own."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class House:
    """Everything of one process, open and not yet running."""

    folder: Folder
    world: World
    state: State
    samples: Samples
    events: Events
    updates: Updates
    ingest: Ingest
    transport: Sender
    prepared: Sequence[Prepared]
    schedule: Schedule
    scraper: Scraper
    statsd: StatsdDoor | None
    rulebook: Rulebook
    round: Round
    recorder: Recorder
    policybook: Policybook
    delivery: Delivery
    receivers: Receivers
    worker: Worker
    reports: Reports
    started: datetime
    sharing: SharedUpdates | None
    """What tells other processes of what changed here; None where there can be none."""
    holder: str
    """What this process is called among others on its state; another after each start."""
    queries: Queries = field(default_factory=Queries)

    @property
    def place(self) -> str:
        """The folder of this process, in twelve characters."""
        return _place(self.folder)

    @property
    def shares_samples(self) -> bool:
        """Whether other processes on this state write to the same store of samples, so that one of them must do it."""
        return self.state.shared and _remote(self.folder)

    def in_turns(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> Coroutine[Any, Any, None]:
        """A loop that writes samples: in one process at a time where several have one store, in each where it has its own."""
        if not self.shares_samples:
            return run()
        return in_turns(Turns(self.state, self.holder, now, name=name), run, clock=now)

    @property
    def own(self) -> list[OwnSamples]:
        """Where this process's own figures come from; those of fetches are in the store already, written as they happen."""
        rooms = (self.ingest, self.samples, self.round, self.recorder, self.delivery, self.scraper, self.queries)
        statsd = [self.statsd.own_samples] if self.statsd else []
        return [*(room.own_samples for room in rooms), *statsd, processors.own_samples]

    def rooms(self) -> Rooms:
        """What the API needs of all this."""
        limits = self.folder.main.limits
        return Rooms(
            samples=self.samples,
            events=self.events,
            state=self.state,
            updates=self.updates,
            ingest=self.ingest,
            rules=self.rulebook,
            rulebook=self.rulebook,
            pipelines=self.prepared,
            schedule=self.schedule,
            now=now,
            url=self.folder.url,
            hosts=_names(self.folder),
            started=self.started,
            own=[*self.own, self._fetch_figures, self.process_figures],
            ready=self.ready,
            backup=self.backup,
            latest=self.round.latest,
            why=self.round.why,
            inventory=self.folder.inventory,
            recordings=self.folder.recordings,
            recorded=self.recorder.latest,
            policybook=self.policybook,
            sealing=Sealing(self.folder.path),
            sns_topics=frozenset(self.folder.main.sns.topics),
            http=self.world.http,
            longest_silence=self.folder.main.longest_silence,
            dashboards=dashboards.together(self.folder.dashboards),
            scraper=self.scraper,
            otlp_promoted=self.folder.main.otlp.promoted,
            otlp_spelling=SPELLINGS[self.folder.main.otlp.translation_strategy],
            body_bytes=limits.body_bytes,
            bodies_in_flight=limits.bodies_in_flight,
            query_seconds=limits.query_seconds,
            queries=self.queries,
        )

    def _fetch_figures(self) -> dict[str, float]:
        return {series_name(one.metric, one.labels): one.value for one in self.schedule.counters.samples(0)}

    def process_figures(self) -> dict[str, float]:
        """What this process takes of its machine."""
        return process_figures(psutil.Process())

    async def backup(self, to: Path) -> Sequence[str]:
        """Copy the folder and every store that can copy itself into a new folder; what is in the copy."""
        return await backup.copy(self.folder, {"samples": self.samples, "events": self.events}, to)

    async def ready(self) -> str:
        """Empty when the stores answer."""
        try:
            await self.samples.instant("1", to_ms(now()))
            await asyncio.to_thread(_look, self.state)
        except (GwanjeError, OSError) as error:
            return str(error)
        return ""


@asynccontextmanager
async def open_house(folder: Folder) -> AsyncIterator[House]:
    """Open every store of the folder; closed in the opposite order. The caller holds the folder's lock."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(http.open_session())
        world = World(folder.path, http=session)
        state: State = folder.state.create(world)
        stack.callback(state.close)
        await asyncio.to_thread(state.migrate)
        samples: Samples = await asyncio.to_thread(folder.samples.create, world)
        stack.push_async_callback(samples.close)
        events: Events = await asyncio.to_thread(folder.events.create, world)
        stack.push_async_callback(events.close)
        worker = _worker(folder)
        holder = f"{worker}-{secrets.token_hex(4)}"[-64:]  # a process that was killed is another after its restart
        updates: Updates = folder.updates.create(world)
        sharing = SharedUpdates(updates, state, holder, clock=now) if state.shared else None
        updates = sharing or updates
        ingest = Ingest(samples, events, updates, lambda: to_ms(now()))
        world = World(folder.path, http=session, ingest=ingest)
        transport: Sender = folder.transport.create(world)
        stack.push_async_callback(transport.close)
        prepared = [declared.prepare(world) for declared in folder.pipelines]
        policybook = Policybook(Telling(folder.receivers, folder.policy), Sealing(folder.path).open, folder.settings)
        await asyncio.to_thread(policybook.read, state)
        delivery, receivers = await _tellers(folder, replace(world, state=state), policybook, updates, worker=worker, stack=stack)
        turns = _turns(state, holder, stack)
        hands = replace(world, state=state, pipelines=frozenset(one.name for one in prepared))
        doers = {declared.action.name: declared.kind.create(hands) for declared in folder.actions}
        rulebook = Rulebook(folder.rules, folder.rule_places, unhurried if _remote(folder) else lambda rule: rule)
        await asyncio.to_thread(rulebook.read, state)
        evaluated = turns.state if turns else state
        round_ = _round(folder, samples, evaluated, rulebook=rulebook, policybook=policybook, updates=updates, turns=turns)
        yield House(
            folder=folder,
            world=world,
            state=state,
            samples=samples,
            events=events,
            updates=updates,
            ingest=ingest,
            transport=transport,
            prepared=prepared,
            schedule=Schedule(prepared, state, transport, updates, worker_id=worker, clock=now, tell=_run_notices(folder)),
            statsd=_statsd(folder, transport, stack),
            scraper=await asyncio.to_thread(_scraper, folder, world, transport),
            rulebook=rulebook,
            round=round_,
            recorder=Recorder(folder.recordings, samples, ingest, clock=now),
            policybook=policybook,
            delivery=delivery,
            receivers=receivers,
            worker=Worker(state, doers, updates, worker_id=worker, clock=now),
            reports=_reports(folder, state, updates, round_),
            started=now(),
            sharing=sharing,
            holder=holder,
        )


async def _tellers(
    folder: Folder, world: World, policybook: Policybook, updates: Updates, *, worker: str, stack: AsyncExitStack
) -> tuple[Delivery, Receivers]:
    """Those who tell people. Receivers of the page reach no further than the folder allows."""
    files = {name: chosen.create(world) for name, chosen in folder.receivers.items()}
    reach = Reach(folder.main.page_reaches)
    abroad = replace(world, http=await stack.enter_async_context(http.open_session(reach=reach)), reach=reach)
    delivery = Delivery(world.state, files, updates, worker_id=worker, clock=now)
    return delivery, Receivers(policybook, delivery, files=files, create=lambda chosen: chosen.create(abroad))


def _remote(folder: Folder) -> bool:
    """Whether samples are kept elsewhere, and come late."""
    return folder.samples.name != _EMBEDDED


def _round(
    folder: Folder,
    samples: Samples,
    state: State,
    *,
    rulebook: Rulebook,
    policybook: Policybook,
    updates: Updates,
    turns: Turns | None,
) -> Round:
    return Round(
        rulebook,
        samples,
        state,
        policybook,
        updates,
        clock=now,
        page_url=folder.url,
        places=Places(folder.inventory.groups, folder.inventory.overrides),
        actions=[declared.action for declared in folder.actions],
        turns=turns,
        delay=REMOTE_DELAY if _remote(folder) else timedelta(),
    )


def _turns(state: State, holder: str, stack: AsyncExitStack) -> Turns | None:
    """Turns at evaluating with other processes, where they can be on the same state."""
    if not state.shared:
        return None
    turns = Turns(state, holder, now)
    stack.callback(turns.give_back)
    return turns


def _scraper(folder: Folder, world: World, transport: Sender) -> Scraper:
    jobs = [(one.job, one.discoveries(world)) for one in folder.scrapes]
    return Scraper(jobs, transport, spool=Spool(folder.path / WAITING / "scrapes", WAITING_BYTES) if jobs else None)


def _reports(folder: Folder, state: State, updates: Updates, round_: Round) -> Reports:
    """What is told by the clock, where its receiver is set up."""
    heartbeat, summary = folder.main.heartbeat, folder.main.summary
    return Reports(
        state,
        updates,
        heartbeat=heartbeat if heartbeat and heartbeat.receiver in folder.receivers else None,
        summary=summary if summary and summary.receiver in folder.receivers else None,
        completed=round_.completed,
        clock=now,
    )


def _run_notices(folder: Folder) -> RunNotices:
    """What is told of runs, to receivers that are set up."""
    zones = {name: getattr(chosen.settings, "timezone", "UTC") for name, chosen in folder.receivers.items()}
    return RunNotices([declared.pipeline for declared in folder.pipelines], zones, folder.url)


def _statsd(folder: Folder, transport: Sender, stack: AsyncExitStack) -> StatsdDoor | None:
    if folder.main.statsd is None:
        return None
    door = StatsdDoor(folder.main.statsd, transport, clock=now)
    stack.callback(door.close)
    return door


def _worker(folder: Folder) -> str:
    """Who claims work here: the same after a restart, so that a killed process takes up what it had claimed."""
    return f"{socket.gethostname()[:40]}-{_place(folder)}"


def _place(folder: Folder) -> str:
    return hashlib.sha256(str(folder.path.resolve()).encode()).hexdigest()[:12]


def _look(state: State) -> None:
    with state.read() as connection:
        connection.exec_driver_sql("SELECT 1")


def _names(folder: Folder) -> frozenset[str]:
    """Names under which the page may be asked for."""
    external = folder.main.url.partition("://")[2].partition("/")[0].rsplit(":", 1)[0]
    listening = folder.main.listen.rsplit(":", 1)[0].strip("[]")
    return frozenset(name.lower() for name in (*folder.main.hosts, external, listening) if name)
