"""The door for events from outside: JSON lines, as agents send them."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from gwanje.keep.state.people import Scope, Who
from gwanje.model import Batch, BatchOf, Event
from gwanje.show.api.answers import problem
from gwanje.show.api.door import Door
from gwanje.show.api.gate import needs
from gwanje.wire.json import decode


def routes(door: Door) -> APIRouter:
    router = APIRouter(tags=["ingest"])

    @router.post("/api/v1/events", status_code=204)
    async def take(request: Request, who: Who = needs(Scope.INGEST)) -> Response:
        """Events, one JSON object a line: `{"id": …, "at_ms": …, "name": …, "fields": {…}}`.

        204 means that every event is durable; an event whose `id` is known changes nothing. 400 names the first bad line, and
        nothing is kept. An agent's key writes events of its own host only.
        """
        if door.places.locked():
            return problem(503, "too many bodies at once", todo="send again", headers={"Retry-After": "1"})
        async with door.places:
            body = await request.body()
            events = await asyncio.to_thread(decode.events, body)
            if who.host and any(not _is_of(who.host, event) for event in events):
                raise HTTPException(403, f"this key may write events of host {who.host!r} only")
            await door.rooms.ingest.accept(Batch(BatchOf.EVENTS, body, len(events)))
        return Response(status_code=204)

    return router


def _is_of(host: str, event: Event) -> bool:
    return event.fields.get("host") == host
