"""The loop that scrapes: every target once an interval, each for itself; what was scraped waits until the transport takes it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal

import structlog

from gwanje.carry.base import Sender
from gwanje.carry.outgoing import Outgoing
from gwanje.carry.spool import Spool
from gwanje.collect.discovery.base import Discovery
from gwanje.collect.discovery.base import Target as Found
from gwanje.collect.scrape.asking import Answer, Asker
from gwanje.collect.scrape.pages import Pages, Part, Taken, batches, own_series, report
from gwanje.collect.scrape.spec import Job
from gwanje.collect.scrape.target import Choice, Labels, Target, targets_of
from gwanje.errors import GwanjeError
from gwanje.http import without_secrets
from gwanje.model import STALE
from gwanje.wire.columns import About
from gwanje.wire.exposition.encode import series_name
from gwanje.wire.remote_write.pattern import Pattern

log = structlog.get_logger(__name__)

REPORT: Final = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
"""What each scrape says of itself."""

_WAITING_BYTES: Final = 64 << 20
_DECODED_AT_ONCE: Final = 2
_TOLERANCE_MS: Final = 2

Health = Literal["unknown", "up", "down"]


def _system_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Watched:
    """A target that is scraped, and how its last scrape went."""

    target: Target
    pages: Pages
    own: Pattern
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    health: Health = "unknown"
    last_error: str = ""
    last_scrape_ms: int | None = None
    last_seconds: float = 0.0


@dataclass(slots=True)
class Pool:
    """The targets of one job."""

    job: Job
    discoveries: Sequence[Discovery]
    found: dict[int, Sequence[Found]] = field(default_factory=dict)
    """What each discovery said last, by its place."""
    watched: dict[tuple[Labels, str], Watched] = field(default_factory=dict)
    dropped: Sequence[Labels] = ()
    too_many: str = ""
    counts: Counter[str] = field(default_factory=Counter)


class Scraper:
    """Scrapes the targets of all jobs until `run` is cancelled.

    Each target has a task, a deadline and a place within the interval of its own: a slow, large or failing one holds up no
    other. What the transport does not take now waits, with its time: in `spool` where there is one, else in memory; beyond the
    limit the oldest goes and is counted. `targets` and `about` are for doors and may be asked at any time.
    """

    def __init__(
        self,
        jobs: Iterable[tuple[Job, Sequence[Discovery]]],
        transport: Sender,
        *,
        waiting_bytes: int = _WAITING_BYTES,
        spool: Spool | None = None,
        now_ms: Callable[[], int] = _system_ms,
    ) -> None:
        self._pools = [Pool(job, discoveries) for job, discoveries in jobs]
        self._outgoing = Outgoing(transport, what="scrapes", waiting_bytes=waiting_bytes, spool=spool)
        self._now_ms = now_ms
        self._decoding = asyncio.Semaphore(_DECODED_AT_ONCE)

    @property
    def pools(self) -> Sequence[Pool]:
        """Every job with its targets, for doors that show them."""
        return self._pools

    def about(self) -> dict[str, list[About]]:
        """What the pages say of their metrics: by family, each different word once."""
        found: dict[str, dict[About, None]] = {}
        for pool in self._pools:
            for watched in tuple(pool.watched.values()):
                for family, about in watched.pages.about.items():
                    found.setdefault(family, {})[about] = None
        return {family: list(abouts) for family, abouts in found.items()}

    def own_samples(self) -> Mapping[str, float]:
        """What was scraped, and what of it waits."""
        if not self._pools:
            return {}
        figures: dict[str, float] = {
            "gwanje_scrape_waiting_batches": self._outgoing.count,
            "gwanje_scrape_waiting_bytes": self._outgoing.bytes,
            'gwanje_scrape_dropped_batches_total{reason="full"}': self._outgoing.dropped_full,
            'gwanje_scrape_dropped_batches_total{reason="refused"}': self._outgoing.dropped_refused,
        }
        for pool in self._pools:
            figures.update(_figures(pool))
        return figures

    async def run(self) -> None:
        """Scrape and send until cancellation; then what waits is tried once more. Series go on after a restart: none is ended."""
        if not self._pools:
            return
        for pool in self._pools:  # of an earlier run: nobody scrapes those any more
            pool.found.clear()
            pool.watched.clear()
        try:
            async with asyncio.TaskGroup() as group:
                for pool in self._pools:
                    group.create_task(self._keep_job(pool), name=f"scrape {pool.job.name}")
                group.create_task(self._outgoing.run(), name="send scrapes")
        finally:
            await self._outgoing.last_words()

    # --- which targets ---------------------------------------------------------------------------------------------------

    async def _keep_job(self, pool: Pool) -> None:
        asker = Asker(pool.job)
        try:
            async with asyncio.TaskGroup() as group:
                for place, discovery in enumerate(pool.discoveries):
                    group.create_task(self._follow(group, pool, place, discovery, asker))
        finally:
            await asker.close()

    async def _follow(self, group: asyncio.TaskGroup, pool: Pool, place: int, discovery: Discovery, asker: Asker) -> None:
        async for found in _changes(pool.job, discovery):
            pool.found[place] = found
            everything = [target for one in sorted(pool.found) for target in pool.found[one]]
            choice = await asyncio.to_thread(targets_of, pool.job, everything)
            for added in _turn_to(pool, choice):
                group.create_task(self._watch(pool, added, asker), name=f"scrape {added.target.url}")

    async def _watch(self, pool: Pool, watched: Watched, asker: Asker) -> None:
        """Scrape one target until it is gone; then say that its series ended."""
        due = self._first_due(watched.target)
        while not await self._gone_before(watched, due):
            await self._scrape(pool, watched, asker, due)
            interval = watched.target.interval // timedelta(milliseconds=1)
            due += interval
            missed = max(0, -(-(self._now_ms() - due) // interval))
            pool.counts["missed"] += missed
            due += missed * interval
        await self._end(pool, watched, due)

    def _first_due(self, target: Target) -> int:
        interval = target.interval // timedelta(milliseconds=1)
        now = self._now_ms()
        return now + (target.offset(interval) - now) % interval

    async def _gone_before(self, watched: Watched, due: int) -> bool:
        wait = min((due - self._now_ms()) / 1000, watched.target.interval.total_seconds())
        with suppress(TimeoutError):
            async with asyncio.timeout(max(wait, 0)):
                await watched.gone.wait()
        return watched.gone.is_set()

    async def _end(self, pool: Pool, watched: Watched, due: int) -> None:
        """Stale markers at the time of the scrape that will not be, unless the same series come from elsewhere by then."""
        if watched.last_scrape_ms is None:
            return
        interval = watched.target.interval.total_seconds()
        await asyncio.sleep(max(0.0, (due - self._now_ms()) / 1000) + interval * 1.1)
        if any(one.target.labels == watched.target.labels for one in pool.watched.values()):
            return
        self._queue([*watched.pages.vanish(due), report(watched.own, [STALE] * len(REPORT), due)])

    # --- one scrape ------------------------------------------------------------------------------------------------------

    async def _scrape(self, pool: Pool, watched: Watched, asker: Asker, due: int) -> None:
        """Ask once, and queue what came and how it went."""
        clock = asyncio.get_running_loop().time
        at_ms, began = self._now_ms(), clock()
        # Even times pack better; what is off by so little was meant to be even.
        at_ms = due if abs(at_ms - due) <= _TOLERANCE_MS else at_ms
        taken, trouble = await self._taken(pool, watched, asker, at_ms)
        if watched.gone.is_set():
            return
        seconds = clock() - began
        parts = list(taken.parts) if taken else watched.pages.vanish(at_ms)
        figures = (taken.scraped, taken.kept, taken.added) if taken else (0, 0, 0)
        self._queue([*parts, report(watched.own, [float(taken is not None), seconds, *figures], at_ms)])
        _tell(watched, trouble, failed=taken is None)
        watched.last_scrape_ms, watched.last_seconds = at_ms, seconds
        pool.counts.update(
            {
                "succeeded" if taken else "failed": 1,
                "samples": taken.kept if taken else 0,
                "refused": taken.refused if taken else 0,
            }
        )
        pool.counts["milliseconds"] += round(seconds * 1000)

    async def _taken(self, pool: Pool, watched: Watched, asker: Asker, at_ms: int) -> tuple[Taken | None, str]:
        """What a page brought, and what is wrong with it; None where it brought nothing."""
        if pool.too_many:
            return None, pool.too_many
        try:
            answer = await asker.ask(watched.target)
            async with self._decoding:
                taken = await asyncio.to_thread(_read, watched.pages, answer, at_ms)
        except GwanjeError as error:
            return None, str(error)
        except Exception as error:
            log.exception("a scrape broke; report this", url=without_secrets(watched.target.url))
            return None, f"the scrape broke: {error!r}"
        return taken, taken.trouble

    def _queue(self, parts: Iterable[Part]) -> None:
        for batch in batches(parts):
            self._outgoing.add(batch)


async def _changes(job: Job, discovery: Discovery) -> AsyncIterator[Sequence[Found]]:
    """What a discovery says, until it breaks: it may be anybody's, and what it said last stays."""
    try:
        async for found in discovery.changes():
            yield found
    except Exception:
        log.exception("a discovery has ended; restart gwanje and report this", scrape_job=job.name)


def _read(pages: Pages, answer: Answer, at_ms: int) -> Taken:
    return pages.take(answer.body, at_ms, openmetrics=answer.openmetrics)


def _turn_to(pool: Pool, choice: Choice) -> list[Watched]:
    """Let go of targets that are not there any more; those that are new."""
    for reason in choice.wrong:
        log.warning("a target cannot be scraped", scrape_job=pool.job.name, reason=reason)
    limit = pool.job.target_limit
    many = len(choice.active)
    pool.too_many = f"{many} targets, {limit} are allowed by `target_limit`" if 0 < limit < many else ""
    pool.dropped = choice.dropped
    wanted = {target.identity: target for target in choice.active}
    for identity in pool.watched.keys() - wanted.keys():
        pool.watched.pop(identity).gone.set()
    added = []
    for identity, target in wanted.items():
        if identity in pool.watched:
            pool.watched[identity].target = target
        else:
            pool.watched[identity] = Watched(target, Pages(pool.job, target.labels), own_series(target.labels, REPORT))
            added.append(pool.watched[identity])
    return added


def _tell(watched: Watched, trouble: str, *, failed: bool) -> None:
    """Remember how it went; say once that a target fails, and once that it works again."""
    shown = without_secrets(watched.target.url)
    health: Health = "down" if failed else "up"
    if failed and watched.health != "down":
        log.warning("a target cannot be scraped", url=shown, scrape_job=watched.target.job, reason=trouble)
    elif watched.health == "down" and not failed:
        log.info("a target is scraped again", url=shown, scrape_job=watched.target.job)
    if trouble and not failed and trouble != watched.last_error:
        log.warning("lines of a page cannot be read, the others are kept", url=shown, reason=trouble)
    watched.health, watched.last_error = health, trouble


def _figures(pool: Pool) -> dict[str, float]:
    about = {"scrape_job": pool.job.name}
    counts = pool.counts
    health = Counter(watched.health for watched in tuple(pool.watched.values()))
    figures = {
        "gwanje_scrape_samples_total": counts["samples"],
        "gwanje_scrape_lines_refused_total": counts["refused"],
        "gwanje_scrape_missed_total": counts["missed"],
        "gwanje_scrape_seconds_total": counts["milliseconds"] / 1000,
        "gwanje_scrape_discoveries_in_trouble": sum(1 for one in pool.discoveries if one.trouble),
    }
    return {
        **{series_name(name, about): float(value) for name, value in figures.items()},
        **{series_name("gwanje_scrape_targets", {**about, "health": one}): health[one] for one in ("unknown", "up", "down")},
        **{series_name("gwanje_scrape_total", {**about, "outcome": one}): counts[one] for one in ("succeeded", "failed")},
    }
