"""The far ends that tests and end-to-end runs lean on do what they are told."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio

from gwanje.http import open_session
from gwanje.testing.web import Answer, Behaviour, SlackStandIn, WebServer


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as session:
        yield session


async def get(session: aiohttp.ClientSession, url: str) -> int | None:
    try:
        async with session.get(url) as response:
            return response.status
    except aiohttp.ServerDisconnectedError:
        return None


async def test_it_fails_every_nth_request_counted_from_the_setting(session: aiohttp.ClientSession) -> None:
    async with WebServer() as site:
        await get(session, site.url)
        site.behaviour = Behaviour(fail_every=3, fail_status=503)
        assert [await get(session, site.url) for _ in range(6)] == [200, 200, 503, 200, 200, 503]
        assert [request.status for request in site.requests] == [200, 200, 200, 503, 200, 200, 503]


async def test_it_drops_connections(session: aiohttp.ClientSession) -> None:
    async with WebServer(behaviour=Behaviour(fail_every=1, fail_by_drop=True)) as site:
        assert await get(session, site.url) is None
        assert site.requests[0].status is None


async def test_it_comes_back_on_the_same_port(session: aiohttp.ClientSession) -> None:
    async with WebServer() as site:
        url = site.url
        await site.stop()
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url)
        await site.start()
        assert site.url == url
        assert await get(session, url) == 200


async def test_slack_records_messages_and_answers_what_it_was_told(session: aiohttp.ClientSession) -> None:
    async with SlackStandIn(answers=[Answer(500, "no"), Answer(429, "", retry_after=2)]) as slack:
        answers = []
        for number in range(3):
            async with session.post(slack.webhook, json={"text": number}) as response:
                answers.append((response.status, response.headers.get("Retry-After"), await response.text()))
        assert answers == [(500, None, "no"), (429, "2", ""), (200, None, "ok")]
        assert [message.body for message in slack.messages] == [{"text": 0}, {"text": 1}, {"text": 2}]
        assert [message.body for message in await slack.wait_for(1)] == [{"text": 2}]


async def test_slack_can_take_too_long(session: aiohttp.ClientSession) -> None:
    async with SlackStandIn(answers=[Answer(delay_seconds=60)]) as slack:
        with pytest.raises(TimeoutError):
            await session.post(slack.webhook, json={}, timeout=aiohttp.ClientTimeout(total=0.05))
        with pytest.raises(TimeoutError):
            await slack.wait_for(1, seconds=0.01)


@dataclass(frozen=True)
class Served:
    site: str
    slack: str
    slack_control: str


async def test_both_run_as_a_program_and_are_set_from_outside(session: aiohttp.ClientSession) -> None:
    program = await asyncio.create_subprocess_exec(sys.executable, "-m", "gwanje.testing.web", stdout=asyncio.subprocess.PIPE)
    assert program.stdout is not None
    served = Served(**json.loads(await asyncio.wait_for(program.stdout.readline(), 20)))
    async with session.put(f"{served.site}/_control", json={"fail_every": 2}) as response:
        assert response.status == 200
    assert [await get(session, f"{served.site}/page") for _ in range(4)] == [200, 500, 200, 500]
    async with session.get(f"{served.site}/_control") as response:
        told = await response.json()
        assert (told["requests"], told["failed"]) == (4, 2)
    async with session.put(served.slack_control, json={"answers": [{"status": 429, "retry_after": 1}]}) as response:
        assert response.status == 200
    for _ in range(2):
        async with session.post(served.slack, json={"text": "hello"}):
            pass
    async with session.get(served.slack_control) as response:
        messages = (await response.json())["messages"]
    assert [(message["body"], message["accepted"]) for message in messages] == [
        ({"text": "hello"}, False),
        ({"text": "hello"}, True),
    ]
    program.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(program.wait(), 30) == 0
