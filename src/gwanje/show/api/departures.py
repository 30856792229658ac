"""Hosts and containers that go away on purpose: a planned stop, scale-in, a host that is taken down for good."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from gwanje.config import Duration
from gwanje.keep.state.people import Scope, Who
from gwanje.show import departures
from gwanje.show.api.answers import answer
from gwanje.show.api.gate import needs
from gwanje.show.api.saying import by
from gwanje.show.departures import DepartureAsked
from gwanje.show.rooms import Rooms

_Place = Literal["host", "group", "container"]


class DepartureBody(BaseModel):
    """What goes away and why; either until when it is away, or that it was removed."""

    model_config = ConfigDict(extra="forbid")

    scope: _Place = "host"
    name: Annotated[str, Field(max_length=255)]
    """The host's or group's name; a container as `web-1/nginx`, or `nginx` on every host."""
    why: Annotated[str, Field(max_length=2000)]
    starts_at: AwareDatetime | None = None
    """Now, unless set."""
    ends_at: AwareDatetime | None = None
    for_: Annotated[Duration | None, Field(alias="for")] = None
    """Instead of `ends_at`: how long."""
    removed: bool = False
    """Instead of an end: it does not come back, and its alerts end with `host removed`."""

    @model_validator(mode="after")
    def _one_end(self) -> DepartureBody:
        if [self.ends_at is not None, self.for_ is not None, self.removed].count(True) != 1:
            raise ValueError("say either until when, for how long, or that it was removed")
        return self


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["alerts"])

    @router.get("/api/v1/departures", dependencies=[needs(Scope.READ)])
    async def listed(host: Annotated[str, Query(max_length=255)] = "") -> Response:
        """What is away on purpose now or will be; with `host`, what that one is part of or runs."""
        return answer({"departures": await asyncio.to_thread(departures.listed, rooms, host)})

    @router.post("/api/v1/departures", status_code=201)
    async def say(asked: DepartureBody, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """Say that something goes away on purpose. Nothing is raised about it meanwhile, and what is open about it ends."""
        starts_at = asked.starts_at or rooms.now()
        ends_at = asked.ends_at if asked.for_ is None else starts_at + asked.for_
        wanted = DepartureAsked(asked.scope, asked.name.strip(), asked.why, asked.starts_at, ends_at)
        said = await asyncio.to_thread(departures.say, rooms, wanted, by(request, who))
        return answer(departures.shown(said, rooms.now()), 201)

    @router.delete("/api/v1/departures/{departure}", status_code=204)
    async def take_back(departure: str, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """It is back, or never went: it is judged again."""
        await asyncio.to_thread(departures.take_back, rooms, departure, by(request, who))
        return Response(status_code=204)

    return router
