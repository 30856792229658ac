"""The HTTP application: the gate, the short way for what is asked all the time, then one file of routes a noun, then the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import structlog
from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Asked

from gwanje import __version__
from gwanje.because import Because
from gwanje.errors import GwanjeError
from gwanje.keep.state.people import Scope
from gwanje.show.api import (
    alertmanager,
    alertmanager_silences,
    backup,
    collection,
    dashboards,
    departures,
    docs,
    events,
    federate,
    figures,
    health,
    history,
    imports,
    influx,
    looks,
    otlp,
    page,
    page_settings,
    pausing,
    prometheus,
    query,
    ruling,
    saying,
    scaling,
    session,
    standing,
    stream,
    telling,
    thresholds,
    told,
    write,
)
from gwanje.show.api.answers import answer, of_error, problem, status_of
from gwanje.show.api.door import Door
from gwanje.show.api.gate import Gate
from gwanje.show.api.short_way import ShortWay, Way
from gwanje.show.live import Live
from gwanje.show.rooms import Rooms

log = structlog.get_logger(__name__)


_ALERTMANAGERS = ("/api/v2/alerts", "/api/v2/silence")


def application(rooms: Rooms, live: Live) -> ASGIApp:
    """Everything that answers HTTP in one process.

    Gate and short way stand before the framework, whose own layers cost what is asked for all the time a tenth of it.
    """
    door = Door(rooms)
    lines = influx.Lines(door)
    framework = _framework(_routers(rooms, live, door, lines))
    return _with_last_word(Gate(ShortWay(framework, _ways(rooms, door, lines)), rooms))


def _with_last_word(app: ASGIApp) -> ASGIApp:
    """The application, with an answer to what went wrong before the framework; the framework has its own."""

    async def answered(scope: Asked, receive: Receive, send: Send) -> None:
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await app(scope, receive, noting)
        except Exception as error:
            if not begun:
                await (await _ours(Request(scope), error))(scope, receive, send)
            raise

    return answered


def _framework(routers: Sequence[APIRouter]) -> FastAPI:
    app = FastAPI(
        title="gwanje",
        version=__version__,
        description="Watch and control: the API behind the page, and the paths that Prometheus's friends know.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    for router in routers:
        app.include_router(router)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return app


def _routers(rooms: Rooms, live: Live, door: Door, lines: influx.Lines) -> Sequence[APIRouter]:
    """One of each noun. They are tried in this order: the busiest first."""
    return (
        write.routes(door),
        influx.routes(lines),
        query.routes(rooms),
        health.routes(rooms),
        session.routes(rooms),
        looks.routes(rooms, live),
        standing.routes(rooms),
        collection.routes(rooms),
        pausing.routes(rooms),
        departures.routes(rooms),
        backup.routes(rooms),
        dashboards.routes(rooms),
        figures.routes(rooms),
        federate.routes(rooms),
        prometheus.routes(rooms),
        saying.routes(rooms),
        told.routes(rooms),
        history.routes(rooms),
        telling.routes(rooms),
        thresholds.routes(rooms),
        ruling.routes(rooms),
        page_settings.routes(rooms),
        scaling.routes(rooms),
        alertmanager.routes(rooms),
        alertmanager_silences.routes(rooms),
        events.routes(door),
        otlp.routes(door),
        imports.routes(door),
        stream.routes(live),
        docs.routes(),
        page.routes(),
    )


def _ways(rooms: Rooms, door: Door, lines: influx.Lines) -> Mapping[tuple[str, str], Way]:
    """What takes the short way, by method and path."""
    taken = {**write.takers(door), **influx.takers(lines)}
    asked = query.takers(rooms)
    return {
        **{("POST", path): Way(Scope.INGEST, take) for path, take in taken.items()},
        **{(method, path): Way(Scope.READ, take) for path, take in asked.items() for method in ("GET", "POST")},
    }


async def _room_said(request: Request, error: Exception) -> Response:
    assert isinstance(error, GwanjeError)  # noqa: S101 - what this handler is registered for
    if request.url.path.startswith(_ALERTMANAGERS):
        return answer(str(error), status_of(error))  # whose friends expect a text and nothing around it
    return of_error(error)


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what this handler is registered for
    return problem(error.status_code, str(error.detail))


async def _not_valid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what this handler is registered for
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return problem(422, _said(first), where=where)


def _said(mistake: Mapping[str, Any]) -> Because:
    """What is wrong with a value, by the words of whoever checked it where those can be worded in other languages."""
    checked = mistake.get("ctx", {}).get("error")
    sentence = checked.args[0] if isinstance(checked, ValueError) and checked.args else ""
    return sentence if isinstance(sentence, Because) else Because(mistake["msg"], "not_valid", field=str(mistake["loc"][-1]))


async def _ours(request: Request, error: Exception) -> Response:
    log.error("a request failed of a mistake of ours", path=request.url.path, exc_info=error)
    return problem(500, Because("this is a mistake of gwanje's; the log says more", "our_mistake"))


_HANDLERS: Final[Mapping[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]] = {
    GwanjeError: _room_said,
    HTTPException: _http,
    RequestValidationError: _not_valid,
    Exception: _ours,
}
