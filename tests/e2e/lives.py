"""A life of a program that watches and tells, to be killed: the real round and delivery on state that outlives it.

Two hundred alerts come and go at times that are fixed, whoever looks; only what no life has seen yet waits with its end, so
that on a machine that stops for seconds nothing comes and goes unseen. Each life is a process of its own; killing it is a power
cut for it. It looks at real state and tells a real HTTP server.
"""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import numpy as np
from sqlalchemy import select

from gwanje import kinds
from gwanje.config import Secret
from gwanje.judge.rules.spec import Rule
from gwanje.keep.promql import Matcher, Selected
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import episodes
from gwanje.model import METRIC
from gwanje.tell.delivery import Delivery
from gwanje.tell.notifiers import webhook
from gwanje.tell.policy import Policy
from gwanje.tell.spec import Route
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.round import Round
from gwanje.watch.turns import Turns

ALERTS = 200
RECEIVERS = 25
"""So many that none is told more in a minute than a storm allows."""
_TICK_MS = 250
FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload([__name__])  # a life begins in milliseconds


@dataclass(frozen=True)
class Story:
    """When each of the alerts begins and ends, in seconds after `began`; at least `shortest` seconds lie between.

    All but `began` is in seconds of a machine that does nothing else; on a slower one a second lasts `slowness` times as long.
    """

    began: float
    seed: int
    seconds: float
    shortest: float
    slowness: float = 1.0

    @property
    def ends(self) -> float:
        return self.began + self.seconds * self.slowness

    def spans(self) -> list[tuple[float, float]]:
        chance = random.Random(self.seed)  # noqa: S311 - the same in every life
        begins = [chance.uniform(1, self.seconds - self.shortest - 1) for _ in range(ALERTS)]
        return [(begin, chance.uniform(begin + self.shortest, self.seconds)) for begin in begins]


@dataclass(frozen=True)
class Life:
    """Where and as whom one process lives."""

    kind: str
    url: str
    folder: Path
    far_end: str
    story: Story
    worker: str
    holder: str
    turn_seconds: float = 2.0

    def begin(self) -> multiprocessing.process.BaseProcess:
        """A process that lives until it is killed."""
        process = FORK.Process(target=_live, args=(self,), daemon=True)
        process.start()
        return process

    def state(self) -> State:
        module = kinds.find("state", self.kind)
        settings = module.Settings(url=Secret(self.url)) if self.url else module.Settings()
        state: State = module.create(settings, kinds.World(self.folder))
        return state


class _Told(MemorySamples):
    """Samples that follow from the time, and from which alerts some life has already seen."""

    def __init__(self, story: Story, state: State) -> None:
        super().__init__()
        self._story = story
        self._state = state
        self._spans = story.spans()

    def fetch(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Selected:
        at_ms = math.floor(end_ms / _TICK_MS) * _TICK_MS
        since = (at_ms / 1000 - self._story.began) / self._story.slowness
        with self._state.read() as connection:
            seen = set(connection.execute(select(episodes.c.host)).scalars())
        still = [since < end or labels(number)["host"] not in seen for number, (_, end) in enumerate(self._spans)]
        values = np.array([float(begin <= since and goes_on) for (begin, _), goes_on in zip(self._spans, still, strict=True)])
        return Selected(
            labels=[tuple(sorted({METRIC: "broken", **labels(number)}.items())) for number in range(ALERTS)],
            offsets=np.arange(ALERTS + 1, dtype=np.int64),
            times=np.full(ALERTS, at_ms, dtype=np.int64),
            values=values,
        )


def labels(number: int) -> dict[str, str]:
    return {"host": f"host-{number:03}", "team": f"t{number % RECEIVERS}"}


def _live(life: Life) -> None:
    asyncio.run(_watch_and_tell(life))


async def _watch_and_tell(life: Life) -> None:
    state = life.state()
    state.migrate()
    rule = Rule.model_validate({"name": "broken", "expr": "broken", "critical": "> 0", "interval": "250ms"})
    routes = [{"match": f'team="t{number}"', "receiver": f"r{number}"} for number in range(RECEIVERS)]
    root = Route.model_validate(
        {"receiver": "r0", "group_by": ["host"], "group_wait": "0s", "group_interval": "0s", "routes": routes}
    )
    turns = Turns(state, life.holder, _now, lasts=timedelta(seconds=life.turn_seconds)) if state.shared else None
    async with aiohttp.ClientSession() as http:
        world = kinds.World(life.folder, http=http)
        receivers = {
            f"r{number}": webhook.create(webhook.Settings(url=Secret(f"{life.far_end}/r{number}")), world)
            for number in range(RECEIVERS)
        }
        its = turns.state if turns else state
        watching = Round([rule], _Told(life.story, state), its, Policy(root), None, clock=_now, turns=turns)
        telling = Delivery(state, receivers, None, worker_id=life.worker, clock=_now, poll=timedelta(milliseconds=200))
        await asyncio.gather(watching.run(), telling.run())


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
