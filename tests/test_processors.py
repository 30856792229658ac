"""On which processors threads run: kept on one while they need it, let go otherwise, and what is apart from that."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import pytest

from gwanje import processors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Done = TypeVar("Done")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a program choose")


@pytest.fixture
def everywhere() -> Iterator[set[int]]:
    """Where this process may run, before and after a test."""
    found = os.sched_getaffinity(0)
    yield found
    processors.let_go()
    assert os.sched_getaffinity(0) == found


class Another(ThreadPoolExecutor):
    """A thread that does what it is told."""

    def __init__(self) -> None:
        super().__init__(1)
        self._thread = self.do(threading.get_native_id)

    @property
    def runs_on(self) -> set[int]:
        return os.sched_getaffinity(self._thread)

    def do(self, what: Callable[[], Done]) -> Done:
        return self.submit(what).result(10)


@pytest.mark.parametrize(
    ("since", "busy", "now", "wanted"),
    [
        (None, 0.1, 100.0, False),
        (None, 0.7, 100.0, False),  # two halves of a processor, as others come and go
        (None, 0.9, 100.0, True),
        (99.0, 0.42, 100.0, True),  # what needed 0.75 before
        (99.0, 0.3, 100.0, False),
        (89.0, 1.2, 100.0, False),  # for a moment, so that the system may find them another place
    ],
)
def test_threads_are_gathered_while_they_need_most_of_a_processor(
    *, since: float | None, busy: float, now: float, wanted: bool
) -> None:
    assert processors.gathers(since, busy, now) is wanted


def test_gathered_threads_share_one_processor_and_are_let_go_again(everywhere: set[int]) -> None:
    with Another() as other:
        assert processors.own_samples() == {"gwanje_threads_gathered": 0}
        processors.gather()
        assert processors.own_samples() == {"gwanje_threads_gathered": 1}
        assert len(other.runs_on) == 1
        assert os.sched_getaffinity(0) == other.runs_on <= everywhere

        with Another() as born:
            assert born.runs_on == other.runs_on
            processors.let_go()
            assert born.runs_on == other.runs_on == os.sched_getaffinity(0) == everywhere


def test_a_thread_is_apart_before_and_while_others_are_gathered(everywhere: set[int]) -> None:
    with Another() as before, Another() as meanwhile:
        aside, beside = processors.apart(), processors.apart()
        before.do(aside.__enter__)
        processors.gather()
        meanwhile.do(beside.__enter__)
        assert before.runs_on == meanwhile.runs_on == everywhere
        assert len(os.sched_getaffinity(0)) == 1

        before.do(lambda: aside.__exit__(None, None, None))
        meanwhile.do(lambda: beside.__exit__(None, None, None))
        assert before.runs_on == meanwhile.runs_on == os.sched_getaffinity(0)


def test_a_program_that_is_begun_meanwhile_goes_everywhere(everywhere: set[int]) -> None:
    processors.gather()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as begun:
        assert os.sched_getaffinity(begun.pid) == os.sched_getaffinity(0)
        processors.go_everywhere(begun.pid)
        assert os.sched_getaffinity(begun.pid) == everywhere
        begun.communicate(b"\n", timeout=10)


def test_a_program_that_has_ended_is_no_error(everywhere: set[int]) -> None:
    processors.gather()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(10)
    processors.go_everywhere(ended.pid)


def test_threads_are_together_while_much_is_used(everywhere: set[int]) -> None:
    gathering = processors.Gathering(0.0, 0.0)
    spent, seen = 0.0, []
    for tenth, used in enumerate([0.1, 2.0, 1.3, 0.6, 0.1, 0.1, 1.0, *[1.2] * 100, 1.2], start=1):
        spent += used / 10
        gathering.look(tenth / 10, spent)
        seen.append(len(os.sched_getaffinity(0)))
    all_ = len(everywhere)
    assert seen[:7] == [all_, 1, 1, 1, all_, all_, 1]
    assert seen[7:] == [*[1] * 99, all_, 1]  # let go once in ten seconds


async def test_who_looks_lets_go_at_the_end(everywhere: set[int]) -> None:
    looking = asyncio.create_task(processors.keep_together())
    await asyncio.sleep(0)
    processors.gather()
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    assert os.sched_getaffinity(0) == everywhere
