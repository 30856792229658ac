"""The agent keeps its rhythm, hides no probe behind another, loses nothing that fits, and says where series end."""

from __future__ import annotations

import asyncio
import selectors
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from gwanje.carry.base import Sender
from gwanje.collect.agent import Agent
from gwanje.collect.probes.base import Reading
from gwanje.errors import GwanjeError, Rejected, RetryLater
from gwanje.model import STALE, STALE_NAN_BITS, Batch, BatchOf, Event, Sample
from gwanje.wire.json.decode import events
from gwanje.wire.remote_write.decode import decode

START_MS = 1_800_000_002_000
"""Two seconds past a whole ten."""


class VirtualTime(asyncio.SelectorEventLoop):
    """A loop that does not wait: when nothing is ready, its clock jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__(_NoWait(self))
        self.clock = 1000.0

    def time(self) -> float:
        return self.clock

    def now_ms(self) -> int:
        return START_MS + round((self.clock - 1000.0) * 1000)


class _NoWait(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTime) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        self._loop.clock += timeout or 0.0
        return super().select(0)


@pytest.fixture
def loop() -> Iterable[VirtualTime]:
    loop = VirtualTime()
    yield loop
    loop.close()


Look = Callable[[int], Awaitable[Reading]]


@dataclass
class Probe:
    """Sees what the test says."""

    look: Look
    job: str = "node"
    looked_at_ms: list[int] = field(default_factory=list)
    closed: int = 0

    async def collect(self, now_ms: int) -> Reading:
        assert not self.closed, "collected after close"
        self.looked_at_ms.append(now_ms)
        return await self.look(now_ms)

    async def close(self) -> None:
        self.closed += 1


def sees(*figures: tuple[str, dict[str, str], float]) -> Probe:
    async def look(now_ms: int) -> Reading:
        return Reading(tuple(Sample(metric, labels, value, now_ms) for metric, labels, value in figures))

    return Probe(look)


def fails(error: Exception) -> Probe:
    async def look(_now_ms: int) -> Reading:
        raise error

    return Probe(look)


class Inbox:
    """The other side of the transport: takes batches, or refuses as the test says."""

    def __init__(self, *answers: Exception | None, after_that: Exception | None = None) -> None:
        self.answers = list(answers)
        self.after_that = after_that
        self.taken: list[Batch] = []
        self.asked = 0

    async def send(self, batch: Batch) -> None:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else self.after_that
        if answer:
            raise answer
        self.taken.append(batch)

    async def close(self) -> None: ...

    def series(self, metric: str) -> list[tuple[dict[str, str], int, float]]:
        """Every sample of a metric that was taken: labels, time, value."""
        found = []
        for batch in self.taken:
            if batch.of is BatchOf.SAMPLES:
                columns, at = decode(batch.body), 0
                for key, count in zip(columns.keys, columns.counts.tolist(), strict=True):
                    labels = dict(columns.labels_of(key))
                    if labels.pop("__name__") == metric:
                        rows = slice(at, at + count)
                        found += [
                            (labels, *row)
                            for row in zip(columns.times[rows].tolist(), columns.values[rows].tolist(), strict=True)
                        ]
                    at += count
        return found


def agent_of(loop: VirtualTime, probes: dict[str, Probe], inbox: Sender, **more: Any) -> Agent:
    more = {"interval": timedelta(seconds=10), **more}
    return Agent(probes, inbox, host="web-1", instance="web-1:9100", now_ms=loop.now_ms, **more)


def run_for(loop: VirtualTime, agent: Agent, seconds: float) -> None:
    """Let the agent run until its virtual time is over, then stop it."""

    async def story() -> None:
        loop.call_later(seconds, agent.stop)
        await agent.run()

    loop.run_until_complete(story())


@pytest.mark.parametrize(
    ("begun_at", "looks"),
    [
        pytest.param(0, [0, 8_000, 18_000, 28_000], id="two seconds past a whole interval"),
        pytest.param(7, [7_000, 18_000, 28_000], id="so short before a whole interval that the first look serves for it"),
    ],
)
def test_it_looks_at_once_and_then_at_whole_intervals(loop: VirtualTime, begun_at: int, looks: list[int]) -> None:
    probe = sees(("node_load1", {}, 0.5))
    loop.clock += begun_at

    run_for(loop, agent_of(loop, {"host": probe}, Inbox()), 35 - begun_at)

    assert [at - START_MS for at in probe.looked_at_ms] == looks


def test_after_a_pause_it_goes_on_in_its_rhythm_and_makes_up_for_nothing(loop: VirtualTime) -> None:
    probe = sees(("node_load1", {}, 0.5))
    see = probe.look

    async def held(now_ms: int) -> Reading:
        if len(probe.looked_at_ms) == 2:
            loop.clock += 25  # the whole process stood still
        return await see(now_ms)

    probe.look = held
    run_for(loop, agent_of(loop, {"host": probe}, Inbox(), deadline=timedelta(seconds=60)), 55)

    assert [at - START_MS for at in probe.looked_at_ms] == [0, 8_000, 38_000, 48_000]


def test_host_instance_and_job_stand_on_every_series_and_a_probe_may_name_its_own(loop: VirtualTime) -> None:
    inbox = Inbox()
    probe = sees(("node_load1", {}, 0.5), ("redis_up", {"instance": "cache-1:6379"}, 1.0))

    run_for(loop, agent_of(loop, {"host": probe}, inbox), 1)

    assert inbox.series("node_load1") == [({"host": "web-1", "instance": "web-1:9100", "job": "node"}, START_MS, 0.5)]
    assert inbox.series("redis_up") == [({"host": "web-1", "instance": "cache-1:6379", "job": "node"}, START_MS, 1.0)]


def test_a_slow_probe_is_given_up_at_its_deadline_and_delays_no_other(loop: VirtualTime) -> None:
    async def hang(_now_ms: int) -> Reading:
        await asyncio.sleep(3600)
        raise AssertionError("nobody waits that long")

    inbox, healthy = Inbox(), sees(("node_load1", {}, 0.5))
    run_for(loop, agent_of(loop, {"container": Probe(hang), "host": healthy}, inbox, deadline=timedelta(seconds=9)), 20)

    assert [at - START_MS for at in healthy.looked_at_ms] == [0, 8_000, 18_000]
    assert [(at - START_MS, value) for _, at, value in inbox.series("node_load1")] == [(0, 0.5), (8_000, 0.5), (18_000, 0.5)]
    up = [(labels["probe"], value) for labels, _, value in inbox.series("gwanje_probe_up")]
    assert ("container", 0.0) in up
    assert ("container", 1.0) not in up
    assert ("host", 0.0) not in up
    assert {value for labels, _, value in inbox.series("gwanje_probe_seconds") if labels["probe"] == "container"} == {9.0}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(
            GwanjeError("the engine does not answer"), "the engine does not answer", id="a failure that the probe tells"
        ),
        pytest.param(ZeroDivisionError("by zero"), "the probe broke: ZeroDivisionError('by zero')", id="a bug in the probe"),
    ],
)
def test_a_failing_probe_is_told_once_and_hides_no_other(loop: VirtualTime, error: Exception, reason: str) -> None:
    inbox, healthy = Inbox(), sees(("node_load1", {}, 0.5))

    with capture_logs() as logs:
        run_for(loop, agent_of(loop, {"container": fails(error), "host": healthy}, inbox), 35)

    assert [(log["event"], log["probe"], log["reason"]) for log in logs] == [("probe failed", "container", reason)]
    assert len(inbox.series("node_load1")) == 4


def test_series_that_vanish_end_with_a_stale_marker_once(loop: VirtualTime) -> None:
    async def look(now_ms: int) -> Reading:
        names = ["web-1", "web-2"] if now_ms == START_MS else ["web-1"]
        return Reading(tuple(Sample("container_processes", {"name": name}, 1.0, now_ms) for name in names))

    inbox = Inbox()
    run_for(loop, agent_of(loop, {"container": Probe(look)}, inbox), 25)

    gone = [
        (at - START_MS, struct.pack("<d", value))
        for labels, at, value in inbox.series("container_processes")
        if labels["name"] == "web-2"
    ]
    assert gone == [(0, struct.pack("<d", 1.0)), (8_000, struct.pack("<Q", STALE_NAN_BITS))]
    assert [value for labels, _, value in inbox.series("container_processes") if labels["name"] == "web-1"] == [1.0] * 3


def test_when_a_probe_fails_its_series_end_and_they_begin_again_when_it_works(loop: VirtualTime) -> None:
    async def look(now_ms: int) -> Reading:
        if now_ms == START_MS + 8_000:
            raise GwanjeError("not now")
        return Reading((Sample("node_load1", {}, 0.5, now_ms),))

    inbox = Inbox()
    run_for(loop, agent_of(loop, {"host": Probe(look)}, inbox), 25)

    stale = struct.pack("<d", STALE)
    values = [struct.pack("<d", value) for _, _, value in inbox.series("node_load1")]
    assert [value == stale for value in values] == [False, True, False]


def test_what_the_transport_does_not_take_now_arrives_later_with_the_time_at_which_it_was_measured(loop: VirtualTime) -> None:
    inbox = Inbox(RetryLater("starting"), RetryLater("starting", after=timedelta(seconds=12)), RetryLater("starting"))

    run_for(loop, agent_of(loop, {"host": sees(("node_load1", {}, 0.5))}, inbox), 40)

    assert [at - START_MS for _, at, _ in inbox.series("node_load1")] == [0, 8_000, 18_000, 28_000, 38_000]


@pytest.mark.parametrize(
    ("refusals", "asked_at"),
    [
        pytest.param([RetryLater("full", after=timedelta(seconds=12))], [0, 12], id="the pause that the other side asked for"),
        pytest.param([RetryLater("away")] * 7, [0, 1, 3, 7, 15, 31, 61, 91], id="longer each time, up to half a minute"),
    ],
)
def test_between_two_tries_it_waits(loop: VirtualTime, refusals: list[Exception], asked_at: list[int]) -> None:
    inbox = Inbox(*refusals)
    tries: list[float] = []
    send = inbox.send

    async def timed(batch: Batch) -> None:
        tries.append(loop.clock - 1000.0)
        await send(batch)

    inbox.send = timed  # type: ignore[method-assign] # the far end keeps a diary
    run_for(loop, agent_of(loop, {}, inbox, interval=timedelta(hours=1)), 100)

    assert tries == asked_at


def test_an_unexpected_failure_of_the_transport_loses_nothing(loop: VirtualTime) -> None:
    inbox = Inbox(OSError("no route"), ValueError("a bug"))

    run_for(loop, agent_of(loop, {"host": sees(("node_load1", {}, 0.5))}, inbox), 15)

    assert len(inbox.series("node_load1")) == 2


def test_a_batch_refused_for_good_is_dropped_and_counted_and_the_next_ones_go(loop: VirtualTime) -> None:
    inbox = Inbox(Rejected("not ours"))

    with capture_logs() as logs:
        run_for(loop, agent_of(loop, {"host": sees(("node_load1", {}, 0.5))}, inbox), 15)

    counted = [value for labels, _, value in inbox.series("gwanje_agent_dropped_batches_total") if labels["reason"] == "refused"]
    assert counted[-1] == 1.0
    assert inbox.asked == 4
    assert [log["reason"] for log in logs] == ["not ours"]


def test_beyond_its_bound_the_oldest_go_first_are_counted_and_told_once_a_minute(loop: VirtualTime) -> None:
    inbox = Inbox(after_that=RetryLater("away", after=timedelta(seconds=200)))
    agent = agent_of(loop, {"host": sees(("node_load1", {}, 0.5))}, inbox, waiting_bytes=4_000)

    async def story() -> None:
        loop.call_later(195, setattr, inbox, "after_that", None)
        loop.call_later(205, agent.stop)
        await agent.run()

    with capture_logs() as logs:
        loop.run_until_complete(story())

    times = [at - START_MS for _, at, _ in inbox.series("node_load1")]
    assert times[0] > 100_000, "the oldest are gone"
    assert times == list(range(times[0], 200_000, 10_000)), "and all after them are there"
    dropped = [value for labels, _, value in inbox.series("gwanje_agent_dropped_batches_total") if labels["reason"] == "full"]
    assert dropped[-1] > 10
    told = [log for log in logs if log["event"] == "no room for unsent batches, dropped the oldest"]
    assert len(told) in {2, 3}
    assert sum(log["dropped"] for log in told) <= dropped[-1] + 2


def test_events_travel_as_json_lines_and_say_on_which_host_they_happened(loop: VirtualTime) -> None:
    async def look(now_ms: int) -> Reading:
        return Reading((), (Event("container:1", now_ms, "container", {"action": "start"}),) if now_ms == START_MS else ())

    inbox = Inbox()
    run_for(loop, agent_of(loop, {"container": Probe(look)}, inbox), 15)

    taken = [event for batch in inbox.taken if batch.of is BatchOf.EVENTS for event in events(batch.body)]
    fields = {"host": "web-1", "instance": "web-1:9100", "action": "start"}
    assert taken == [Event("container:1", START_MS, "container", fields)]


def test_a_huge_reading_travels_in_several_batches(loop: VirtualTime) -> None:
    inbox = Inbox()
    many = sees(*(("container_processes", {"id": str(number)}, 1.0) for number in range(12_000)))

    run_for(loop, agent_of(loop, {"container": many}, inbox), 1)

    assert sorted(batch.count for batch in inbox.taken if batch.count > 100) == [2_002, 10_000]


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(lambda agent, _task: agent.stop(), id="stopped"),
        pytest.param(lambda _agent, task: task.cancel(), id="cancelled"),
    ],
)
def test_at_its_end_it_sends_what_waits_and_closes_each_probe_once(
    loop: VirtualTime, ending: Callable[[Agent, asyncio.Task[None]], Any]
) -> None:
    inbox, probe = Inbox(after_that=RetryLater("away", after=timedelta(hours=1))), sees(("node_load1", {}, 0.5))
    agent = agent_of(loop, {"host": probe}, inbox)

    async def story() -> None:
        task = asyncio.create_task(agent.run())
        await asyncio.sleep(20)
        inbox.after_that = None
        ending(agent, task)
        await asyncio.gather(task, return_exceptions=True)

    loop.run_until_complete(story())

    assert len(inbox.series("node_load1")) == 3
    assert probe.closed == 1


def test_at_its_end_it_does_not_wait_for_a_transport_that_hangs(loop: VirtualTime) -> None:
    class Hanging(Inbox):
        async def send(self, batch: Batch) -> None:
            await asyncio.sleep(3600)

    probe = sees(("node_load1", {}, 0.5))

    async def story() -> float:
        agent = agent_of(loop, {"host": probe}, Hanging())
        loop.call_later(5, agent.stop)
        await agent.run()
        return loop.time()

    assert loop.run_until_complete(story()) == 1006.0
    assert probe.closed == 1


def test_a_dry_run_gives_labelled_samples_of_all_probes_and_of_the_agent_and_sends_nothing(loop: VirtualTime) -> None:
    inbox = Inbox()
    probes = {"host": sees(("node_load1", {}, 0.5)), "container": fails(GwanjeError("no engine"))}

    samples = loop.run_until_complete(agent_of(loop, probes, inbox).collect_once())

    whose = {"host": "web-1", "instance": "web-1:9100"}
    assert Sample("node_load1", {**whose, "job": "node"}, 0.5, START_MS) in samples
    assert Sample("gwanje_probe_up", {**whose, "job": "agent", "probe": "host"}, 1.0, START_MS) in samples
    assert Sample("gwanje_probe_up", {**whose, "job": "agent", "probe": "container"}, 0.0, START_MS) in samples
    assert inbox.asked == 0


_LIGHT = """
import pkgutil, sys, importlib
import gwanje.collect.agent, gwanje.collect.probes
for module in pkgutil.iter_modules(gwanje.collect.probes.__path__):
    importlib.import_module(f"gwanje.collect.probes.{module.name}")
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_agent_and_its_probes_load_no_library_of_the_server() -> None:
    server = {"alembic", "argon2", "cronsim", "duckdb", "fastapi", "google", "jinja2", "msgspec", "numpy", "promql_parser"}
    server |= {"ptars", "pyarrow", "sqlalchemy", "starlette", "uvicorn", "uvloop"}

    loaded = subprocess.run([sys.executable, "-c", _LIGHT], check=True, capture_output=True, text=True).stdout.split()

    assert "cramjam" in loaded, "the look itself works"
    assert server & set(loaded) == set()
