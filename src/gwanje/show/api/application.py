"""The HTTP application: the gate, then one file of routes a noun, then the page."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from gwanje import __version__
from gwanje.errors import GwanjeError
from gwanje.show.api import (
    alertmanager,
    alertmanager_silences,
    backup,
    collection,
    dashboards,
    departures,
    docs,
    events,
    figures,
    health,
    history,
    imports,
    influx,
    looks,
    otlp,
    page,
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
from gwanje.show.live import Live
from gwanje.show.rooms import Rooms

log = structlog.get_logger(__name__)


_ALERTMANAGERS = ("/api/v2/alerts", "/api/v2/silence")


def application(rooms: Rooms, live: Live) -> FastAPI:
    """Everything that answers HTTP in one process."""
    app = FastAPI(
        title="gwanje",
        version=__version__,
        description="Watch and control: the API behind the page, and the paths that Prometheus's friends know.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    door = Door(rooms)
    for router in (  # tried in this order: the busiest first
        write.routes(door),
        influx.routes(door),
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
        prometheus.routes(rooms),
        saying.routes(rooms),
        told.routes(rooms),
        history.routes(rooms),
        telling.routes(rooms),
        thresholds.routes(rooms),
        ruling.routes(rooms),
        scaling.routes(rooms),
        alertmanager.routes(rooms),
        alertmanager_silences.routes(rooms),
        events.routes(door),
        otlp.routes(door),
        imports.routes(door),
        stream.routes(live),
        docs.routes(),
        page.routes(),
    ):
        app.include_router(router)
    app.add_exception_handler(GwanjeError, _room_said)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(Exception, _ours)
    app.add_middleware(Gate, rooms=rooms)
    return app


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
    return problem(422, str(first["msg"]), where=".".join(str(part) for part in first["loc"]))


async def _ours(request: Request, error: Exception) -> Response:
    log.error("a request failed of a mistake of ours", path=request.url.path, exc_info=error)
    return problem(500, "this is a mistake of gwanje's; the log says more")
