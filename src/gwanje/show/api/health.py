"""Is it alive, can it work, and what does it measure of itself."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from gwanje.keep.state.people import Scope
from gwanje.show import collection
from gwanje.show.api.answers import answer
from gwanje.show.api.gate import needs
from gwanje.show.metrics import OWN
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
    async def metrics(request: Request) -> Response:
        """The program's own metrics in Prometheus's text format 0.0.4; to who asks for JSON, the collection in short."""
        if "application/json" in request.headers.get("accept", ""):
            return answer({"pipelines": [_summary(one) for one in await collection.pipelines(rooms, rooms.now())]})
        return Response(exposition(rooms.own_samples(), OWN), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def _summary(pipeline: collection.Pipeline) -> dict[str, object]:
    return {
        "name": pipeline.name,
        "fail_rate": pipeline.fail_rate.ratio,
        "failed": pipeline.fail_rate.failed,
        "total": pipeline.fail_rate.total,
        "window_seconds": pipeline.fail_rate.window_seconds,
        "latency_p95_ms": pipeline.latency_p95_ms,
        "per_minute": pipeline.per_minute,
    }
