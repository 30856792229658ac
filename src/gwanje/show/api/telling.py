"""Who is told what and when, and whether a receiver works."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gwanje.keep.state.people import Scope, Who
from gwanje.model import from_ms
from gwanje.show import telling
from gwanje.show.api.answers import answer
from gwanje.show.api.gate import needs
from gwanje.show.api.saying import by
from gwanje.show.rooms import Rooms

_PATIENCE: Final = timedelta(seconds=10)


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["alerts"])

    @router.get("/api/v1/telling", dependencies=[needs(Scope.READ)])
    async def told(from_: Annotated[int | None, Query(alias="from", ge=0, le=4_102_444_800_000)] = None) -> Response:
        """Receivers, windows, rotas and escalations, and what the calendar says for two weeks from `from` (milliseconds)."""
        start = from_ms(from_) if from_ is not None else None
        return answer(await asyncio.to_thread(telling.overview, rooms, start))

    @router.post("/api/v1/receivers/{receiver}/test")
    async def test(receiver: str, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """Send a test to a receiver, the way every message goes; the answer says what became of it."""
        return answer(await telling.send_test(rooms, receiver, by(request, who), _PATIENCE))

    return router
