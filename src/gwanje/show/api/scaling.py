"""Sizes that are held: asked for by whoever scales, and said by people."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import Response

from gwanje.config import Duration
from gwanje.errors import BadInput
from gwanje.keep.state.people import Scope, Who
from gwanje.show import scaling
from gwanje.show.api.answers import answer
from gwanje.show.api.gate import needs
from gwanje.show.api.saying import by
from gwanje.show.rooms import Rooms
from gwanje.show.scaling import HoldAsked


class HoldBody(BaseModel):
    """A hold: the size to stay at or the direction that stops, from when until when, and why."""

    model_config = ConfigDict(extra="forbid")

    size: Annotated[int | None, Field(ge=0, le=1_000_000)] = None
    """The size to stay at; or, instead of it, `stop`."""
    stop: Literal["in", "out"] | None = None
    """The direction that stops: `in` makes nothing smaller meanwhile, `out` nothing larger."""
    starts_at: AwareDatetime | None = None
    """Now, unless set: a planned event begins later."""
    ends_at: AwareDatetime | None = None
    for_: Annotated[Duration | None, Field(alias="for")] = None
    """Instead of `ends_at`: how long."""
    why: Annotated[str, Field(max_length=2000)]


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["scaling"])

    @router.get("/api/v1/scaling", dependencies=[needs(Scope.READ)])
    async def listed() -> Response:
        """Every scaler of which something is held, now or later."""
        return answer({"scalers": await asyncio.to_thread(scaling.listed, rooms)})

    @router.get("/api/v1/scaling/{name:path}/hold", dependencies=[needs(Scope.READ)])
    async def held(name: str) -> Response:
        """What whoever scales must keep to now: `hold` with `size` or `stop`, null where nothing is held; and what is planned."""
        return answer(await asyncio.to_thread(scaling.of_scaler, rooms, name))

    @router.put("/api/v1/scaling/{name:path}/hold")
    async def hold(name: str, asked: HoldBody, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """Hold a size until a time. It takes the place of what holds now, which is answered as `replaced`."""
        if (asked.ends_at is None) == (asked.for_ is None):
            raise BadInput("say either until when or for how long", where="ends_at")
        ends_at = asked.ends_at or (asked.starts_at or rooms.now()) + (asked.for_ or timedelta())
        wanted = HoldAsked(name, asked.size, asked.stop or "", asked.starts_at, ends_at, asked.why)
        return answer(await asyncio.to_thread(scaling.hold, rooms, wanted, by(request, who)))

    @router.delete("/api/v1/scaling/{name:path}/hold", status_code=204)
    async def release(
        name: str, request: Request, number: Annotated[int | None, Query(alias="id")] = None, who: Who = needs(Scope.OPERATE)
    ) -> Response:
        """End the hold that counts now, or the one with this `id`, before its time."""
        await asyncio.to_thread(scaling.release, rooms, name, number, by(request, who))
        return Response(status_code=204)

    return router
