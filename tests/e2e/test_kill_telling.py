"""kill -9 in the middle of watching and telling: no message is missing, and what comes twice has the same key."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from sqlalchemy import select

from gwanje.keep.state.tables import episodes, leases, outbox, users
from gwanje.testing.notifiers import FarEnd, far_end
from tests.e2e.lives import ALERTS, Life, Story, labels  # as a life imports it, not relatively
from tests.engines import databases

from .program import Program

pytestmark = pytest.mark.e2e

KILLS = 50
SEED = 11
FIRST_WORD_SECONDS = 0.6
"""So long after its beginning a life on a fresh folder tells its first alert, on a machine that does nothing else."""
SLOWEST = 6.0
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Came:
    """One message as the other side got it."""

    key: str
    host: str
    status: str


def _came(end: FarEnd) -> list[Came]:
    return [
        Came(headers["Idempotency-Key"], alert["labels"]["host"], alert["status"])
        for headers, body in zip(end.got_headers, end.got, strict=True)
        for alert in body["alerts"]
    ]


def _left(life: Life) -> tuple[int, int]:
    """How many alerts are over, and how many messages are not sent."""
    state = life.state()
    with state.read() as connection:
        over = connection.execute(select(episodes.c.id).where(episodes.c.ended_at.is_not(None))).all()
        waiting = connection.execute(select(outbox.c.id).where(outbox.c.state != "sent")).all()
    state.close()
    return len(over), len(waiting)


Begin = Callable[[Life], BaseProcess]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Begin lives that end with the test at the latest."""
    begun: list[BaseProcess] = []

    def one(life: Life) -> BaseProcess:
        begun.append(life.begin())
        return begun[-1]

    yield one
    for process in begun:
        process.kill()
        process.join()


async def _slowness(begin: Begin, folder: Path) -> float:
    """How many times as long as on a machine that does nothing else a life needs here and now until it does something."""
    took = 0.0
    async with far_end() as end:
        for number in range(2):  # the first one also waits for what all lives are forked from
            all_fire = Story(time.time() - 200, SEED, seconds=3600.0, shortest=3500.0)
            life = Life("sqlite", "", folder / f"trial-{number}", end.url, all_fire, "w", "w")
            life.folder.mkdir()
            began, told = time.monotonic(), len(end.got)
            process = await asyncio.to_thread(begin, life)
            async with asyncio.timeout(120):
                while len(end.got) == told:  # noqa: ASYNC110 - the far end has nothing to wait on
                    await asyncio.sleep(0.02)
            took = time.monotonic() - began
            process.kill()
            await asyncio.to_thread(process.join)
    return min(max(1.0, took / FIRST_WORD_SECONDS), SLOWEST)


async def _finished(life: Life, story: Story) -> None:
    """Wait until everything is over and told."""
    await asyncio.sleep(max(0.0, story.ends - time.time()))
    gives_up = time.monotonic() + 120
    while (left := await asyncio.to_thread(_left, life)) != (ALERTS, 0):
        assert time.monotonic() < gives_up, f"{left[0]} of {ALERTS} alerts are over, {left[1]} messages are not sent"
        await asyncio.sleep(0.2)


def _check(end: FarEnd, life: Life) -> None:
    """Each alert: firing, then resolved, each under one key, and everything that was decided came."""
    came = _came(end)
    for number in range(ALERTS):
        host = labels(number)["host"]
        heard = [(one.key, one.status) for one in came if one.host == host]
        assert [status for _, status in dict.fromkeys(heard)] == ["firing", "resolved"], f"{host}: {heard}"
    state = life.state()
    with state.read() as connection:
        decided = connection.execute(select(outbox.c.key)).scalars().all()
        per_host = Counter(connection.execute(select(episodes.c.host)).scalars())
    state.close()
    assert {one.key for one in came} == set(decided)
    assert set(per_host.values()) == {1}, "an alert had two episodes"
    print(f"{len(came)} messages came of {len(decided)} decided; {len(came) - len(decided)} twice, with the same key")


def _new_life(before: Life) -> Life:
    return Life(**{**before.__dict__, "holder": f"{before.worker}-{next(_NUMBERS)}"})


async def test_d1_fifty_kills_lose_no_message_and_double_none_under_another_key(begin: Begin, tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - moments to kill at
    slowness = await _slowness(begin, tmp_path)
    print(f"seed {SEED}, {slowness:.1f} times as slow")
    async with far_end() as end:
        story = Story(time.time(), SEED, seconds=34.0, shortest=4.0, slowness=slowness)
        life = Life("sqlite", "", tmp_path, end.url, story, "w", "w")
        for _ in range(KILLS):
            process = await asyncio.to_thread(begin, life)
            await asyncio.sleep(chance.uniform(0.05, 0.9) * slowness)
            process.kill()
            await asyncio.to_thread(process.join)
        last = begin(life)
        await _finished(life, story)
        last.kill()
        await asyncio.to_thread(last.join)
        _check(end, life)


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.engine(name)) for name in ("mariadb", "postgresql")])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    kind = {"mariadb": "mysql", "postgresql": "postgresql"}[request.param]
    with getattr(databases, request.param)() as url:
        yield kind, url


async def test_g2_two_processes_on_one_state_neither_miss_nor_double(server: Sequence[str], begin: Begin, tmp_path: Path) -> None:
    """Now one and now the other is killed; the one that is left goes on, and the killed one comes back as another."""
    kind, url = server
    chance = random.Random(SEED)  # noqa: S311 - moments to kill at
    slowness = await _slowness(begin, tmp_path)
    print(f"seed {SEED}, {slowness:.1f} times as slow")
    async with far_end() as end:
        story = Story(time.time() + 2, SEED, seconds=22.0, shortest=5.0, slowness=slowness)
        lives = [_new_life(Life(kind, url, tmp_path, end.url, story, worker, worker)) for worker in ("a", "b")]
        processes = [await asyncio.to_thread(begin, life) for life in lives]
        for number in range(8):
            await asyncio.sleep(chance.uniform(0.8, 2.5) * slowness)
            which = number % 2
            processes[which].kill()
            await asyncio.to_thread(processes[which].join)
            lives[which] = _new_life(lives[which])
            await asyncio.sleep(chance.uniform(0.0, 0.5) * slowness)
            processes[which] = await asyncio.to_thread(begin, lives[which])
        await _finished(lives[0], story)
        for process in processes:
            process.kill()
            await asyncio.to_thread(process.join)
        _check(end, lives[0])


def test_the_whole_program_lives_on_a_servers_database(server: Sequence[str], start: Callable[..., Program]) -> None:
    """It makes its tables and its first user, takes a turn, gives it back at its end, and finds everything again."""
    kind, url = server
    program = start(GWANJE_STATE__TYPE=kind, GWANJE_STATE__URL=url)
    program.start()
    program.first_user()
    key = program.key("ingest")
    assert program.stop()[0] == 0
    life = Life(kind, url, program.folder, "", Story(0, 0, 0, 0), "", "")
    state = life.state()
    with state.read() as connection:
        assert connection.execute(select(leases)).all() == []
        assert connection.execute(select(users.c.name)).scalars().all() == ["kim"]
    state.close()
    program.start()
    program.sign_in("kim")
    assert program.get("/api/v1/query", query="1")["status"] == "success"
    assert key
    assert program.stop()[0] == 0
    assert "error" not in program.log.lower(), program.log
