"""Is it alive, can it work, and what does it measure of itself."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from gwanje.keep.state.people import Scope
from gwanje.show.api.gate import needs
from gwanje.show.rooms import Rooms
from gwanje.wire.exposition.encode import exposition


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> str:
        """The process answers."""
        return "ok\n"

    @router.get("/readyz", response_class=PlainTextResponse)
    async def readyz() -> Response:
        """The stores answer too; 503 when one does not."""
        problem = await rooms.ready()
        return PlainTextResponse("not ready\n" if problem else "ok\n", 503 if problem else 200)

    @router.get("/metrics", response_class=PlainTextResponse, dependencies=[needs(Scope.READ)])
    async def metrics() -> Response:
        """The program's own metrics, in Prometheus's text format 0.0.4."""
        return Response(exposition(rooms.own_samples()), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
