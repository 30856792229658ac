"""The agent's loop: every probe looks once an interval, and what it saw goes to the transport. The one clock of the probes."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from typing import Final

import structlog

from gwanje.carry.base import Sender
from gwanje.carry.outgoing import Outgoing
from gwanje.carry.spool import Spool
from gwanje.collect.probes.base import Probe, Reading
from gwanje.errors import GwanjeError
from gwanje.model import STALE, Event, Sample
from gwanje.wire.json.encode import events_batch
from gwanje.wire.remote_write.encode import encode

log = structlog.get_logger(__name__)

_OWN_JOB: Final = "agent"
_SAMPLES_A_BATCH: Final = 10_000
_WAITING_BYTES: Final = 64 * 1024 * 1024
_LONGEST_DEADLINE: Final = timedelta(seconds=10)

_Series = tuple[str, tuple[tuple[str, str], ...]]


def _system_ms() -> int:
    return time.time_ns() // 1_000_000


class Agent:
    """Looks with every probe and sends what they saw, until it is stopped or cancelled.

    Each probe has a task and a deadline of its own: a slow or failing one delays and hides no other. What the transport does
    not take now waits, with the time at which it was measured: in `spool` where there is one, else in memory; beyond the limit
    the oldest goes first and is counted. `collect_once` is for a dry run and must not be called while `run` is running.
    """

    def __init__(
        self,
        probes: Mapping[str, Probe],
        transport: Sender,
        *,
        host: str,
        instance: str,
        interval: timedelta,
        deadline: timedelta | None = None,
        waiting_bytes: int = _WAITING_BYTES,
        spool: Spool | None = None,
        now_ms: Callable[[], int] = _system_ms,
    ) -> None:
        self._outgoing = Outgoing(transport, what="agent", waiting_bytes=waiting_bytes, spool=spool)
        own = {"agent": _OwnProbe(self._outgoing)}
        self._watched = [Watched(name, probe) for name, probe in {**probes, **own}.items()]
        self._host = host
        self._instance = instance
        self._interval = interval.total_seconds()
        self._deadline = (deadline or min(interval, _LONGEST_DEADLINE)).total_seconds()
        self._now_ms = now_ms
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Collect and send until `stop` or cancellation; then what waits is tried once more, and the probes are closed."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._look_every_interval(watched), name=watched.name) for watched in self._watched]
                tasks.append(group.create_task(self._outgoing.run(), name="send"))
                await self._stopping.wait()
                for task in tasks:
                    task.cancel()
        finally:
            await self._outgoing.last_words()
            await self._close_probes()

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stopping.set()

    async def collect_once(self) -> list[Sample]:
        """One look with every probe, labelled as it would be sent; nothing is sent."""
        looks = await asyncio.gather(*(self._look(watched) for watched in self._watched))
        return [sample for samples, _ in looks for sample in samples]

    async def _look_every_interval(self, watched: Watched) -> None:
        """Look now, then at whole intervals of the clock. Intervals missed in a pause are not made up for."""
        clock = asyncio.get_running_loop().time
        due = clock() + self._until_aligned()
        while True:
            await self._look_and_queue(watched)
            due += self._missed(clock() - due)
            await asyncio.sleep(due - clock())
            due += self._interval

    def _until_aligned(self) -> float:
        """Seconds to the next whole interval of wall time that is not about now."""
        rest = self._interval - self._now_ms() / 1000 % self._interval
        return rest if rest > self._interval / 5 else rest + self._interval

    def _missed(self, late: float) -> float:
        """How far to move a due time that is `late` seconds ago, so that it lies ahead and stays aligned."""
        return 0.0 if late <= 0 else math.ceil(late / self._interval) * self._interval

    async def _look_and_queue(self, watched: Watched) -> None:
        samples, events = await self._look(watched)
        remaining = iter(samples)
        while some := list(islice(remaining, _SAMPLES_A_BATCH)):
            self._outgoing.add(encode(some))
        if events:
            self._outgoing.add(events_batch(events))

    async def _look(self, watched: Watched) -> tuple[list[Sample], list[Event]]:
        """What to send after one look: what was seen, what vanished, and how the look went."""
        clock = asyncio.get_running_loop().time
        now_ms, started = self._now_ms(), clock()
        reading, trouble = await self._reading(watched.probe, now_ms)
        watched.tell(trouble)
        seen = (*reading.samples, *watched.vanished(reading.samples, now_ms))
        about = {"probe": watched.name}
        own = (
            Sample("gwanje_probe_up", about, float(trouble is None), now_ms),
            Sample("gwanje_probe_seconds", about, clock() - started, now_ms),
        )
        samples = [*self._labelled(seen, watched.probe.job), *self._labelled(own, _OWN_JOB)]
        whose = {"host": self._host, "instance": self._instance}
        return samples, [replace(event, fields={**whose, **event.fields}) for event in reading.events]

    async def _reading(self, probe: Probe, now_ms: int) -> tuple[Reading, str | None]:
        """What the probe saw, and None; or nothing, and why."""
        try:
            async with asyncio.timeout(self._deadline):
                return await probe.collect(now_ms), None
        except TimeoutError:
            return Reading(()), f"no answer within {self._deadline:g} s"
        except GwanjeError as error:
            return Reading(()), str(error)
        except Exception as error:  # noqa: BLE001 # a probe may be anybody's, and whatever it raises must hide no other
            return Reading(()), f"the probe broke: {error!r}"

    def _labelled(self, samples: Iterable[Sample], job: str) -> Iterator[Sample]:
        whose = {"host": self._host, "instance": self._instance, "job": job}
        for sample in samples:
            yield Sample(sample.metric, {**whose, **sample.labels}, sample.value, sample.at_ms)

    async def _close_probes(self) -> None:
        for watched in self._watched:
            try:
                await watched.probe.close()
            except Exception as error:  # noqa: BLE001 # the others must be closed too
                log.warning("probe did not close", probe=watched.name, reason=str(error))


@dataclass(slots=True)
class Watched:
    """A probe, and what is remembered from its last look."""

    name: str
    probe: Probe
    trouble: str | None = None
    known: Mapping[_Series, Sample] = field(default_factory=dict)

    def tell(self, trouble: str | None) -> None:
        """Say once that the probe fails, and once that it works again."""
        if trouble and trouble != self.trouble:
            log.warning("probe failed", probe=self.name, reason=trouble)
        elif self.trouble and not trouble:
            log.info("probe works again", probe=self.name)
        self.trouble = trouble

    def vanished(self, samples: Iterable[Sample], now_ms: int) -> list[Sample]:
        """A stale marker for every series of the last look that this one lacks, so that graphs end where it ended."""
        seen = {(sample.metric, tuple(sorted(sample.labels.items()))): sample for sample in samples}
        gone = [replace(last, value=STALE, at_ms=now_ms) for series, last in self.known.items() if series not in seen]
        self.known = seen
        return gone


class _OwnProbe:
    """What the agent knows about itself."""

    job = _OWN_JOB

    def __init__(self, waiting: Outgoing) -> None:
        self._waiting = waiting

    async def collect(self, now_ms: int) -> Reading:
        waiting = self._waiting
        return Reading(
            (
                Sample("gwanje_agent_waiting_batches", {}, float(waiting.count), now_ms),
                Sample("gwanje_agent_waiting_bytes", {}, float(waiting.bytes), now_ms),
                Sample("gwanje_agent_dropped_batches_total", {"reason": "full"}, float(waiting.dropped_full), now_ms),
                Sample("gwanje_agent_dropped_batches_total", {"reason": "refused"}, float(waiting.dropped_refused), now_ms),
            )
        )

    async def close(self) -> None: ...
