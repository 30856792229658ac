"""Programs and far ends for stories that run the real thing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from gwanje.testing.web import SlackStandIn, WebServer

from .program import Program

expect.set_options(timeout=60_000)  # for a machine that has other things to do


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Make programs that are ended with the test."""
    programs: list[Program] = []

    def make(name: str = "site", **env: str) -> Program:
        programs.append(Program(tmp_path / name, **env))
        return programs[-1]

    yield make
    for program in programs:
        program.end()


@pytest.fixture(autouse=True)
def _site_as_new(request: pytest.FixtureRequest) -> Iterator[None]:
    """A site that tests share has samples of now, however slow they are, and no page of the last one goes on drawing."""
    if "site" not in request.fixturenames:
        yield
        return
    site = request.getfixturevalue("site")
    site.measure()
    yield
    for context in site.browser.contexts:
        context.close()


class Far:
    """A web server to collect from and a Slack to be told, in a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.site, self.slack = self.do(self._open())

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something on the far ends' loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        self.do(self.site.stop())
        self.do(self.slack.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @staticmethod
    async def _open() -> tuple[WebServer, SlackStandIn]:
        site, slack = WebServer(), SlackStandIn()
        await site.start()
        await slack.start()
        return site, slack


@pytest.fixture
def far() -> Iterator[Far]:
    far = Far()
    yield far
    far.close()
