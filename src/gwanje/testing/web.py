"""Far ends to test against: a web server that fails on demand, and a Slack that records what it is told.

In a test: `async with WebServer() as site: site.behaviour = Behaviour(fail_every=5)`. Beside the real program:
`python -m gwanje.testing.web` prints both addresses as one line of JSON and serves until it is stopped; `PUT /_control`
and `GET /_control` set and tell what a test would set and read. Both listen on the loopback address only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from aiohttp import web

LOOPBACK = "127.0.0.1"


class _Far(ABC):
    """A server of the running loop, on a port of its own or the one that is asked for."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://{LOOPBACK}:{self._port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; again on the same port after `stop`, as a server that comes back."""
        application = web.Application()
        application.router.add_get("/_control", self._told)
        application.router.add_put("/_control", self._set)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, self._port)
        await site.start()
        self._port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Let go of the port; connections are refused from now on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @abstractmethod
    async def _answer(self, request: web.Request) -> web.StreamResponse: ...

    @abstractmethod
    async def _told(self, request: web.Request) -> web.Response: ...

    @abstractmethod
    async def _set(self, request: web.Request) -> web.Response: ...


# --- a web server that fails on demand -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the server answers. `fail_every` 5: the fifth, tenth, … request since it was set fails; 1: each; 0: none."""

    status: int = 200
    body: str = "hello"
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    fail_every: int = 0
    fail_status: int = 500
    fail_by_drop: bool = False
    """A failing request gets no answer at all: its connection is dropped."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came, and the status it got; None where the connection was dropped."""

    method: str
    path: str
    headers: Mapping[str, str]
    status: int | None


class WebServer(_Far):
    """Answers every path alike, as `behaviour` says, and remembers each request."""

    def __init__(self, port: int = 0, behaviour: Behaviour | None = None) -> None:
        super().__init__(port)
        self.requests: list[Request] = []
        self.raw_body: bytes | None = None
        """Bytes to answer instead of the behaviour's text."""
        self._behaviour = behaviour or Behaviour()
        self._since_set = 0
        self._came = asyncio.Event()

    @property
    def behaviour(self) -> Behaviour:
        return self._behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._since_set = 0

    async def next_request(self) -> Request:
        """Wait until the next request has come in, answered or not."""
        self._came.clear()
        await self._came.wait()
        return self.requests[-1]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        now = self._behaviour
        self._since_set += 1
        fails = now.fail_every > 0 and self._since_set % now.fail_every == 0
        dropped = fails and now.fail_by_drop
        status = now.fail_status if fails else now.status
        self.requests.append(Request(request.method, request.path_qs, dict(request.headers), None if dropped else status))
        self._came.set()
        await asyncio.sleep(now.delay_seconds)
        if dropped and request.transport is not None:
            request.transport.abort()
        body = self.raw_body if self.raw_body is not None and not fails else now.body.encode()
        return web.Response(status=status, body=body, headers={"Content-Type": now.content_type, **now.headers})

    async def _told(self, request: web.Request) -> web.Response:
        failed = sum(one.status is None or one.status >= 400 for one in self.requests)
        return web.json_response({"behaviour": asdict(self._behaviour), "requests": len(self.requests), "failed": failed})

    async def _set(self, request: web.Request) -> web.Response:
        self.behaviour = replace(self._behaviour, **await request.json())
        return await self._told(request)


# --- a Slack that records ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What the Slack stand-in answers to one message. `delay_seconds` longer than the caller waits is a timeout."""

    status: int = 200
    body: str = "ok"
    retry_after: int | None = None
    delay_seconds: float = 0.0


OK = Answer()


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came. `accepted` says whether the answer was a 2xx."""

    at: float
    path: str
    body: Any
    status: int

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


class SlackStandIn(_Far):
    """Takes incoming-webhook messages at any path, records them, and answers `ok` unless `answers` holds something else.

    Each message uses up one of `answers`, from the front.
    """

    def __init__(self, port: int = 0, answers: Sequence[Answer] = ()) -> None:
        super().__init__(port)
        self.answers = deque(answers)
        self.messages: list[Message] = []
        self._came = asyncio.Condition()

    @property
    def webhook(self) -> str:
        """A URL to configure as `SLACK_WEBHOOK_URL`."""
        return f"{self.url}/services/T000/B000/test"

    @property
    def accepted(self) -> list[Message]:
        """The messages that were answered with a 2xx: what people would have read."""
        return [message for message in self.messages if message.accepted]

    async def wait_for(self, count: int, seconds: float = 10.0) -> list[Message]:
        """The accepted messages as soon as there are `count`; TimeoutError when they do not come."""
        async with asyncio.timeout(seconds), self._came:
            await self._came.wait_for(lambda: len(self.accepted) >= count)
            return self.accepted

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        answer = self.answers.popleft() if self.answers else OK
        text = await request.text()
        try:
            body = json.loads(text)
        except ValueError:
            body = text
        await asyncio.sleep(answer.delay_seconds)
        async with self._came:
            self.messages.append(Message(time.time(), request.path, body, answer.status))
            self._came.notify_all()
        headers = {} if answer.retry_after is None else {"Retry-After": str(answer.retry_after)}
        return web.Response(status=answer.status, text=answer.body, headers=headers)

    async def _told(self, request: web.Request) -> web.Response:
        messages = [{**asdict(message), "accepted": message.accepted} for message in self.messages]
        return web.json_response({"messages": messages, "answers": [asdict(answer) for answer in self.answers]})

    async def _set(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.answers = deque(Answer(**answer) for answer in asked.get("answers", []))
        if asked.get("forget"):
            self.messages.clear()
        return await self._told(request)


async def serve(site_port: int, slack_port: int) -> None:
    """Both servers until SIGINT or SIGTERM; their addresses on standard output as soon as they listen."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with WebServer(site_port) as site, SlackStandIn(slack_port) as slack:
        print(json.dumps({"site": site.url, "slack": slack.webhook, "slack_control": f"{slack.url}/_control"}), flush=True)  # noqa: T201 - this is its output
        await stopped.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A web server that fails on demand, and a Slack that records.")
    parser.add_argument("--site-port", type=int, default=0)
    parser.add_argument("--slack-port", type=int, default=0)
    chosen = parser.parse_args()
    asyncio.run(serve(chosen.site_port, chosen.slack_port))
