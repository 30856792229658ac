"""The short way for what comes in and is asked all the time: from the gate straight to what answers it.

Finding a route and what it depends on, and its layers around that, take the framework a third of a millisecond a request, with
the interpreter's lock in hand. The same paths are routes of the framework all the same: for every other method, and for the
description of the API.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from fastapi import HTTPException, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Asked

from gwanje.errors import GwanjeError
from gwanje.keep.state.people import Scope, Who
from gwanje.show.api.answers import of_error, problem
from gwanje.show.api.gate import allowed

Taker = Callable[[Request, Who], Awaitable[Response]]
"""Answers a request of someone who may ask for it."""


class Way(NamedTuple):
    """What answers a path, and the scope that whoever asks must have."""

    needed: Scope
    take: Taker


class ShortWay:
    """ASGI middleware behind the gate: `ways` by method and path."""

    def __init__(self, app: ASGIApp, ways: Mapping[tuple[str, str], Way]) -> None:
        self._app = app
        self._ways = ways

    async def __call__(self, scope: Asked, receive: Receive, send: Send) -> None:
        way = self._ways.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if way is None:
            await self._app(scope, receive, send)
            return
        answer = await _answer(way, Request(scope, receive, send))
        await answer(scope, receive, send)


async def _answer(way: Way, request: Request) -> Response:
    try:
        return await way.take(request, allowed(request, way.needed))
    except GwanjeError as error:
        return of_error(error)
    except HTTPException as error:
        return problem(error.status_code, str(error.detail))
