"""Prometheus's own query paths and answers, for our page, Grafana and everybody's scripts.

The form is Prometheus's HTTP API: `{"status": "success", "data": …}`; errors are `errorType` and `error` with its status codes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from gwanje import __version__
from gwanje.config import parse_duration
from gwanje.errors import BadQuery, QueryLimit
from gwanje.keep.promql import Unanswerable
from gwanje.keep.samples.base import Answer, Matrix, Vector
from gwanje.keep.state.people import Scope, Who
from gwanje.show.api.gate import needs
from gwanje.show.api.in_pieces import InPieces
from gwanje.show.api.json import TRUNCATED, pieces
from gwanje.show.api.parameters import Given
from gwanje.show.api.short_way import Taker
from gwanje.show.api.waiting import LeftError, said_in_time
from gwanje.show.queries import INSTANT, RANGE
from gwanje.show.rooms import Rooms
from gwanje.wire.names import unescaped

_MAX_POINTS = 11_000
_LATEST_SECONDS = 1e12
"""Some 30,000 years: steps and ranges can be added to such a time, too."""
_AT_ONCE = 25_000
"""Samples of an answer that are written without leaving the loop, about a millisecond, and sent as one piece."""
_STREAMED = 200_000
"""Samples of an answer past which it is not held whole."""
_TIME = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")
_SECONDS = re.compile(r"\d+(\.\d*)?([eE][-+]?\d+)?")


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["query"], dependencies=[needs(Scope.READ)])
    asked = _Asked(rooms)

    @router.get("/api/v1/query")
    @router.post("/api/v1/query")
    async def query(request: Request) -> Response:
        """One PromQL query at one instant: `query`, `time` (default now), `timeout`, `limit` of series."""
        return await _counted(rooms, request, INSTANT, asked.instant)

    @router.get("/api/v1/query_range")
    @router.post("/api/v1/query_range")
    async def query_range(request: Request) -> Response:
        """One PromQL query over time: `query`, `start`, `end`, `step`, `timeout`, `limit`; at most 11,000 points a series."""
        return await _counted(rooms, request, RANGE, asked.range)

    @router.get("/api/v1/series")
    @router.post("/api/v1/series")
    async def series(request: Request) -> Response:
        """The label sets that match `match[]` between `start` and `end`."""
        return await in_prometheus_form(rooms, request, asked.series, answered=listed)

    @router.get("/api/v1/labels")
    @router.post("/api/v1/labels")
    async def labels(request: Request) -> Response:
        """The names of labels."""
        return await in_prometheus_form(rooms, request, asked.label_names, answered=listed)

    @router.get("/api/v1/label/{name}/values")
    async def label_values(request: Request, name: str) -> Response:
        """The values of one label; a name that is more than letters, digits and `_` may be escaped: `U__a_2e_b` is `a.b`."""
        return await in_prometheus_form(rooms, request, partial(asked.label_values, unescaped(name)), answered=listed)

    @router.get("/api/v1/status/buildinfo")
    async def buildinfo() -> Response:
        """What Grafana asks to know which of Prometheus's paths it may use: those of version 3."""
        return _success({"version": "3.0.0", "application": "gwanje", "revision": __version__})

    return router


def takers(rooms: Rooms) -> Mapping[str, Taker]:
    """What is asked most, for the short way; by GET and POST alike."""
    asked = _Asked(rooms)

    async def query(request: Request, _who: Who) -> Response:
        return await _counted(rooms, request, INSTANT, asked.instant)

    async def query_range(request: Request, _who: Who) -> Response:
        return await _counted(rooms, request, RANGE, asked.range)

    return {"/api/v1/query": query, "/api/v1/query_range": query_range}


async def _counted(rooms: Rooms, request: Request, kind: str, ask: Callable[[Given], Coroutine[Any, Any, Answer]]) -> Response:
    """The answer to a query, which is counted with how it ended and how long it took."""
    clock = asyncio.get_running_loop().time
    began = clock()
    response = await in_prometheus_form(rooms, request, ask, answered=answered)
    rooms.queries.note(kind, response.status_code, clock() - began)
    return response


class _Asked:
    """Reads a request's parameters and asks the store."""

    def __init__(self, rooms: Rooms) -> None:
        self._samples = rooms.samples
        self._now_ms = rooms.now_ms

    async def instant(self, given: Given) -> Answer:
        return await self._samples.instant(text_given(given, "query"), time_given(given, "time", self._now_ms()))

    async def range(self, given: Given) -> Answer:
        start, end, step = time_given(given, "start"), time_given(given, "end"), _step(given)
        if end < start:
            raise bad_parameter("end", "end timestamp must not be before start time")
        if (end - start) // step > _MAX_POINTS:
            raise bad_parameter("", "exceeded maximum resolution of 11,000 points per timeseries. Try increasing the step")
        return await self._samples.range(text_given(given, "query"), start, end, step)

    async def series(self, given: Given) -> list[dict[str, str]]:
        return [dict(labels) for labels in await self._samples.series(selectors_given(given), *self._span(given))]

    async def label_names(self, given: Given) -> list[str]:
        return await self._samples.label_names(_matchers(given), *self._span(given))

    async def label_values(self, name: str, given: Given) -> list[str]:
        return await self._samples.label_values(name, _matchers(given), *self._span(given))

    def _span(self, given: Given) -> tuple[int, int]:
        return time_given(given, "start", 0), time_given(given, "end", self._now_ms())


class _BadParameter(BadQuery):
    pass


def bad_parameter(name: str, message: str) -> BadQuery:
    """The error of one parameter as Prometheus words it."""
    return _BadParameter(f'invalid parameter "{name}": {message}' if name else message)


async def _as_it_is(found: Any, _given: Given) -> Response:
    return _success(found)


async def in_prometheus_form(
    rooms: Rooms,
    request: Request,
    ask: Callable[[Given], Coroutine[Any, Any, Any]],
    *,
    answered: Callable[[Any, Given], Coroutine[Any, Any, Response]] = _as_it_is,
) -> Response:
    """What `ask` says of the request's parameters, those of a form among them; its errors in Prometheus's types and codes."""
    given = await Given.of(request)
    try:
        seconds = _patience(rooms, given)
        return await answered(await said_in_time(request, ask(given), seconds), given)
    except Unanswerable as error:
        return _failure(422, "execution", str(error))
    except BadQuery as error:
        return _failure(400, "bad_data", str(error))
    except QueryLimit as error:
        return _failure(422, "execution", str(error))
    except TimeoutError:
        return _failure(503, "timeout", "query timed out in expression evaluation")
    except LeftError:
        return _failure(499, "canceled", "query was canceled in expression evaluation")


def _patience(rooms: Rooms, given: Given) -> float:
    """Seconds a query may take: as many as it asks for, at most those of the settings."""
    asked = given.get("timeout")
    return min(rooms.query_seconds, _seconds("timeout", asked)) if asked else rooms.query_seconds


def _success(data: Any) -> Response:
    return _Whole(msgspec.json.encode({"status": "success", "data": data}))


def _failure(status: int, kind: str, message: str) -> Response:
    body = msgspec.json.encode({"status": "error", "errorType": kind, "error": message})
    return Response(body, status, {"Cache-Control": "no-store"}, "application/json")


async def listed(values: list[Any], given: Given) -> Response:
    """A list, of at most `limit` entries where that is given."""
    limit = _limit(given)
    if not limit or len(values) <= limit:
        return _success(values)
    return _Whole(msgspec.json.encode({"status": "success", "data": values[:limit], "warnings": [TRUNCATED]}))


async def answered(found: Answer, given: Given) -> Response:
    """An answer of PromQL. A large one is written piece by piece, while it is being read."""
    limit = _limit(given)
    samples = len(found.values) if isinstance(found, Vector | Matrix) else 1
    if samples > _STREAMED:
        return StreamingResponse(pieces(found, limit), 200, {"Cache-Control": "no-store"}, "application/json")
    if samples > _AT_ONCE:
        return InPieces(await asyncio.to_thread(list, pieces(found, limit)))
    return _Whole(b"".join(pieces(found, limit)))


def _limit(given: Given) -> int:
    limit = given.get("limit", "0")
    if not limit.isdigit():
        raise bad_parameter("limit", "limit must be a non-negative number")
    return int(limit)


class _Whole(Response):
    """A successful answer that stands there as a whole, with nothing to be worked out about it."""

    def __init__(self, body: bytes) -> None:
        self.status_code = 200
        self.background = None
        self.body = body
        self.raw_headers = [(b"content-length", b"%d" % len(body)), *_OF_JSON]


_OF_JSON = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


def prometheus_data(found: Answer) -> dict[str, Any]:
    """An answer as the HTTP API says it: `resultType` and `result`."""
    said: dict[str, Any] = msgspec.json.decode(b"".join(pieces(found)))
    data: dict[str, Any] = said["data"]
    return data


def text_given(given: Given, name: str) -> str:
    """A parameter that may not be missing."""
    value = given.get(name)
    if not value.strip():
        raise bad_parameter(name, "unknown position: no expression found in input")
    return value


def _matchers(given: Given) -> list[str]:
    return given.every("match[]")


def selectors_given(given: Given) -> list[str]:
    """What stands in `match[]`, which may not be missing."""
    selectors = _matchers(given)
    if not selectors:
        raise bad_parameter("match[]", "no match[] parameter provided")
    return selectors


def time_given(given: Given, name: str, default: int | None = None) -> int:
    """Unix seconds with fraction, or RFC 3339 → milliseconds."""
    text = given.get(name)
    if not text and default is not None:
        return default
    if _TIME.fullmatch(text) and abs(float(text)) <= _LATEST_SECONDS:
        return round(float(text) * 1000)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise bad_parameter(name, f'cannot parse "{text}" to a valid timestamp')
    return round(instant.timestamp() * 1000)


def _step(given: Given) -> int:
    step = round(_seconds("step", given.get("step")) * 1000)
    if step <= 0:
        raise bad_parameter("step", "zero or negative query resolution step widths are not accepted. Try a positive integer")
    return step


def _seconds(name: str, text: str) -> float:
    if _SECONDS.fullmatch(text) and float(text) <= _LATEST_SECONDS:
        return float(text)
    try:
        return parse_duration(text).total_seconds()
    except (ValueError, OverflowError) as error:
        raise bad_parameter(name, f'cannot parse "{text}" to a valid duration') from error
