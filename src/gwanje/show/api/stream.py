"""Server-sent events: what is on the screen, as it changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from gwanje.keep.state.people import Scope
from gwanje.show.api.answers import problem
from gwanje.show.api.gate import needs
from gwanje.show.live import Live
from gwanje.show.standing import asked_by

_TOPICS = ("overview", "alerts", "fetches")
STANDING = "standing:"
_BEGINNINGS = ("host:", "alert:", STANDING)
_MOST_STREAMS = 500
_MOST_TOPICS = 20


def routes(live: Live) -> APIRouter:
    router = APIRouter(tags=["stream"], dependencies=[needs(Scope.READ)])

    @router.get("/api/v1/stream", response_class=StreamingResponse)
    async def stream(topics: Annotated[str, Query(max_length=4000)] = "overview") -> Response:
        """Topics with commas between: `overview`, `host:NAME`, `alerts`, `alert:ID`, `standing:QUERY`, `fetches`.

        Each begins with a full look and follows at most seven times a second when it changed: of `alerts` how many are open
        (`tally`), of `standing` one page as `/api/v1/standing?QUERY` gives it. `fetch` comes as it happens; `tick` comes twice a
        second and says that the stream lives.
        """
        asked = frozenset(topic for topic in topics.split(",") if topic)
        unknown = sorted(topic for topic in asked if topic not in _TOPICS and not topic.startswith(_BEGINNINGS))
        if unknown or len(asked) > _MOST_TOPICS:
            return problem(
                400,
                f"unknown topics: {', '.join(unknown)}" if unknown else "too many topics",
                where="topics",
                todo=f"known: {', '.join(_TOPICS)}, host:NAME, alert:ID, standing:QUERY",
            )
        for topic in asked:
            if topic.startswith(STANDING):
                asked_by(topic.removeprefix(STANDING))  # which refuses nonsense before the stream begins
        if live.streams >= _MOST_STREAMS:
            return problem(503, "too many streams", headers={"Retry-After": "10"})
        return StreamingResponse(
            _events(live, asked), media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )

    return router


async def _events(live: Live, topics: frozenset[str]) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    number = 0
    async for name, data in live.stream(topics):
        number += 1
        yield b"id: %d\nevent: %b\ndata: %b\n\n" % (number, name.encode(), data)
