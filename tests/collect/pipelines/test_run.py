"""One run's fetch: retries, time limit, cancelling, and sources that break."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest

from gwanje.collect.pipelines.run import fetch, never_begun, pause_before
from gwanje.collect.pipelines.spec import Pipeline, Prepared
from gwanje.collect.sources.base import Fetched, Outcome


class Scripted:
    """A source that answers what it was told to, one answer a fetch; a number is a wait of so many seconds."""

    url = "http://web-1/"
    off_because: Mapping[str, str] | None = None

    def __init__(self, *answers: Fetched | Exception | float) -> None:
        self._answers = list(answers)
        self.asked: list[int] = []
        self.begun = asyncio.Event()

    async def fetch(self, now_ms: int) -> Fetched:
        self.asked.append(now_ms)
        self.begun.set()
        match self._answers.pop(0):
            case Fetched() as fetched:
                return fetched
            case Exception() as error:
                raise error
            case seconds:
                await asyncio.sleep(float(seconds))
                return GOOD


GOOD = Fetched(Outcome.SUCCEEDED, "http://web-1/", 200, 5, 1.0)
BAD = Fetched(Outcome.FAILED, "http://web-1/", 404, 0, 1.0, error="answered 404")
PASSING = Fetched(Outcome.FAILED, "http://web-1/", 503, 0, 1.0, error="answered 503", try_again=True)


def prepared(source: Scripted, retries: int = 0, timeout: str = "1m") -> Prepared:
    declared = {"name": "collect", "source": {"type": "http"}, "retries": retries, "timeout": timeout}
    return Prepared(Pipeline.model_validate(declared), "http", source)


@pytest.mark.parametrize(
    ("answers", "retries", "expected"),
    [
        pytest.param([GOOD], 0, (GOOD, 1), id="good at once"),
        pytest.param([PASSING], 0, (PASSING, 1), id="no retries are asked for"),
        pytest.param([PASSING, GOOD], 1, (GOOD, 2), id="good the second time"),
        pytest.param([PASSING, PASSING, PASSING], 2, (PASSING, 3), id="bad to the last"),
        pytest.param([BAD], 5, (BAD, 1), id="what will not pass is not tried again"),
        pytest.param([PASSING, BAD], 5, (BAD, 2), id="nor once it turns out so"),
    ],
)
async def test_a_fetch_is_tried_again_where_that_may_help(
    answers: list[Fetched], retries: int, expected: tuple[Fetched, int]
) -> None:
    source = Scripted(*answers)
    pauses: list[timedelta] = []

    async def pause(length: timedelta) -> None:
        pauses.append(length)

    assert await fetch(prepared(source, retries), 1000, pause) == expected
    assert source.asked == [1000] * len(answers)
    assert pauses == [pause_before(attempt) for attempt in range(1, len(answers))]


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.5), (2, 1), (3, 2), (7, 30), (10, 30)])
def test_pauses_grow_to_half_a_minute(attempt: int, seconds: float) -> None:
    assert pause_before(attempt) == timedelta(seconds=seconds)


async def test_a_run_has_its_time_and_no_more() -> None:
    fetched, attempt = await fetch(prepared(Scripted(60), timeout="50ms"), 1000)
    assert (fetched.outcome, fetched.error, attempt) == (Outcome.FAILED, "not done within 50ms", 1)
    assert fetched.latency_ms >= 50


async def test_its_time_holds_for_all_retries_together() -> None:
    fetched, attempt = await fetch(prepared(Scripted(PASSING, GOOD), retries=1, timeout="50ms"), 1000)
    assert (fetched.outcome, attempt) == (Outcome.FAILED, 1)


async def test_cancelled_it_is_an_outcome() -> None:
    source = Scripted(60)
    running = asyncio.create_task(fetch(prepared(source), 1000))
    await source.begun.wait()
    running.cancel()
    fetched, _ = await running
    assert (fetched.outcome, fetched.url, fetched.error) == (Outcome.CANCELLED, "http://web-1/", "stopped before an answer came")


def test_cancelled_before_it_began_it_is_the_same() -> None:
    fetched, attempt = never_begun(prepared(Scripted()))
    assert (fetched.outcome, fetched.url, attempt) == (Outcome.CANCELLED, "http://web-1/", 0)


async def test_a_source_that_breaks_is_a_failed_fetch() -> None:
    fetched, _ = await fetch(prepared(Scripted(KeyError("secret"))), 1000)
    assert (fetched.outcome, fetched.error) == (Outcome.FAILED, "the source 'http' broke (KeyError); see the log")
