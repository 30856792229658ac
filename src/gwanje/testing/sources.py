"""The contract suite of sources that ask over HTTP. A kind's tests subclass `SourceContract` and override `source_at`."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from gwanje.collect.sources.base import Outcome, Source
from gwanje.http import open_session
from gwanje.testing.web import Behaviour, WebServer

NOW_MS = 1_790_000_000_000


class SourceContract(ABC):
    """What every source promises about a place that behaves, and about one that does not."""

    body = "hello"
    """An answer that the source takes for a good one."""

    @abstractmethod
    def source_at(self, url: str, session: aiohttp.ClientSession) -> Source:
        """A source that asks this URL, with a time limit of 300 ms."""

    @pytest_asyncio.fixture
    async def site(self) -> AsyncIterator[WebServer]:
        async with WebServer(behaviour=Behaviour(body=self.body)) as site:
            yield site

    @pytest_asyncio.fixture
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        async with open_session() as session:
            yield session

    async def test_a_good_answer_is_a_success_with_records(self, site: WebServer, session: aiohttp.ClientSession) -> None:
        fetched = await self.source_at(site.url, session).fetch(NOW_MS)
        assert (fetched.outcome, fetched.status, fetched.error) == (Outcome.SUCCEEDED, 200, "")
        assert [record.collected_at_ms for record in fetched.records] == [NOW_MS] * len(fetched.records) != []
        assert fetched.latency_ms > 0
        assert fetched.bytes > 0

    @pytest.mark.parametrize(("status", "try_again"), [(500, True), (503, True), (404, False), (401, False)])
    async def test_a_bad_status_is_a_failure(
        self, site: WebServer, session: aiohttp.ClientSession, status: int, *, try_again: bool
    ) -> None:
        site.behaviour = Behaviour(status=status)
        fetched = await self.source_at(site.url, session).fetch(NOW_MS)
        assert (fetched.outcome, fetched.status, fetched.try_again, list(fetched.records)) == (
            Outcome.FAILED,
            status,
            try_again,
            [],
        )
        assert str(status) in fetched.error

    async def test_a_dropped_connection_is_a_failure_that_may_pass(self, site: WebServer, session: aiohttp.ClientSession) -> None:
        site.behaviour = Behaviour(fail_every=1, fail_by_drop=True)
        fetched = await self.source_at(site.url, session).fetch(NOW_MS)
        assert (fetched.outcome, fetched.status, fetched.try_again) == (Outcome.FAILED, None, True)
        assert fetched.error

    async def test_nobody_there_is_a_failure(self, site: WebServer, session: aiohttp.ClientSession) -> None:
        source = self.source_at(site.url, session)
        await site.stop()
        fetched = await source.fetch(NOW_MS)
        assert (fetched.outcome, fetched.status) == (Outcome.FAILED, None)
        assert fetched.error

    async def test_an_answer_that_takes_too_long_is_a_failure(self, site: WebServer, session: aiohttp.ClientSession) -> None:
        site.behaviour = Behaviour(delay_seconds=60)
        fetched = await self.source_at(site.url, session).fetch(NOW_MS)
        assert (fetched.outcome, fetched.status, fetched.try_again) == (Outcome.FAILED, None, True)
        assert fetched.latency_ms >= 290

    async def test_secrets_of_the_url_are_not_told(self, site: WebServer, session: aiohttp.ClientSession) -> None:
        with_secrets = site.url.replace("http://", "http://me:hidden@") + "/?api_key=hidden&page=2"
        source = self.source_at(with_secrets, session)
        good = await source.fetch(NOW_MS)
        site.behaviour = Behaviour(status=302, headers={"Location": "ftp://host/?token=hidden"})
        bad = await source.fetch(NOW_MS)
        assert "hidden" not in f"{source.url} {good} {bad}"
        assert "page=2" in source.url

    async def test_cancelled_it_lets_go(self, site: WebServer, session: aiohttp.ClientSession) -> None:
        site.behaviour = Behaviour(delay_seconds=60)
        source = self.source_at(site.url, session)
        fetching = asyncio.ensure_future(source.fetch(NOW_MS))
        await site.next_request()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        site.behaviour = Behaviour(body=self.body)
        assert (await source.fetch(NOW_MS)).outcome is Outcome.SUCCEEDED
