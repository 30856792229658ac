"""Many questions of one round, asked together."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

import pytest

from gwanje.errors import BadQuery
from gwanje.keep.samples.base import Answer, Asked, Scalar
from gwanje.testing.scenarios import MemorySamples
from gwanje.watch.asking import Asking


@dataclass
class InOneGo(MemorySamples):
    """Takes three questions at a time; `slow` is answered when it is let go, `bad` is none."""

    together: list[list[str]] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False

    async def instant(self, query: str, at_ms: int) -> Answer:
        raise AssertionError(f"{query} is asked by itself")

    async def some(self, asked: deque[Asked]) -> list[tuple[Asked, Answer | Exception]]:
        if self.gone:
            raise RuntimeError("cannot schedule new futures after shutdown")
        taken = [asked.popleft() for _ in range(min(3, len(asked)))] if asked[0].query != "slow" else [asked.popleft()]
        self.together.append([one.query for one in taken if one.wanted])
        if taken[0].query == "slow":
            await self.go_on.wait()
        await asyncio.sleep(0)
        return [(one, BadQuery("no") if one.query == "bad" else Scalar(float(one.at_ms), one.at_ms)) for one in taken]


async def test_questions_of_one_moment_go_together_and_each_gets_its_own_answer() -> None:
    store = InOneGo()
    asking = Asking(store)
    answers = await asyncio.gather(*(asking.instant("same", at) for at in range(5)))
    assert answers == [Scalar(float(at), at) for at in range(5)]
    assert sorted(map(len, store.together)) == [2, 3]


async def test_who_was_answered_last_asks_again_at_once_and_is_heard() -> None:
    asking = Asking(InOneGo())
    async with asyncio.timeout(30):
        answers = [await asking.instant("again", at) for at in range(5)]
    assert answers == [Scalar(float(at), at) for at in range(5)]


async def test_a_question_that_is_none_fails_alone() -> None:
    asking = Asking(InOneGo())
    good, bad = await asyncio.gather(asking.instant("good", 1), asking.instant("bad", 1), return_exceptions=True)
    assert good == Scalar(1.0, 1)
    assert isinstance(bad, BadQuery)


async def test_a_long_question_holds_up_no_other() -> None:
    store = InOneGo()
    asking = Asking(store)
    slow = asyncio.create_task(asking.instant("slow", 1))
    others = await asyncio.gather(*(asking.instant("quick", at) for at in range(7)))
    assert len(others) == 7
    assert not slow.done()
    store.go_on.set()
    assert await slow == Scalar(1.0, 1)


async def test_who_stops_waiting_takes_the_question_back() -> None:
    store = InOneGo()
    asking = Asking(store)
    tasks = [asyncio.create_task(asking.instant("slow", at)) for at in range(3)]
    for _ in range(5):
        await asyncio.sleep(0)  # both takers hold a question, the third still waits
    tasks[2].cancel()
    store.go_on.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(done[2], asyncio.CancelledError)
    assert store.together == [["slow"], ["slow"], []]


async def test_everybody_is_told_when_the_store_cannot_be_asked() -> None:
    asking = Asking(InOneGo(gone=True))
    answers = await asyncio.gather(*(asking.instant("x", at) for at in range(5)), return_exceptions=True)
    assert {type(one) for one in answers} == {RuntimeError}


async def test_a_store_that_is_far_away_is_asked_one_by_one() -> None:
    samples = MemorySamples()
    samples.append("cpu", {"host": "web-1"}, 0.5, 1000)
    answer = await Asking(samples).instant("cpu", 1000)
    assert answer == await samples.instant("cpu", 1000)


@pytest.mark.parametrize("turn", range(2))
async def test_it_asks_again_after_everything_was_answered(turn: int) -> None:
    asking = Asking(InOneGo())
    for at in range(turn + 1):
        assert await asking.instant("again", at) == Scalar(float(at), at)
