"""Pipelines that people pause, and have go on."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from gwanje.config import Duration
from gwanje.keep.state.people import Scope, Who
from gwanje.show import collection, pausing
from gwanje.show.api.answers import answer
from gwanje.show.api.gate import needs
from gwanje.show.api.saying import by
from gwanje.show.rooms import Rooms


class PauseBody(BaseModel):
    """Why a pipeline is paused, and until when; without `until` and `for`, until somebody has it go on."""

    model_config = ConfigDict(extra="forbid")

    why: Annotated[str, Field(max_length=2000)]
    until: AwareDatetime | None = None
    for_: Annotated[Duration | None, Field(alias="for")] = None
    """Instead of `until`: how long."""

    @model_validator(mode="after")
    def _one_end(self) -> PauseBody:
        if self.until is not None and self.for_ is not None:
            raise ValueError("say either until when or for how long")
        return self


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["collection"])

    @router.put("/api/v1/pipelines/{name}/pause")
    async def pause(name: str, asked: PauseBody, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """Pause a pipeline: no tick becomes a run until the end, or until somebody has it go on. What is under way ends."""
        until = asked.until if asked.for_ is None else rooms.now() + asked.for_
        said = await asyncio.to_thread(pausing.pause, rooms, name, asked.why, until, by(request, who))
        return answer({"pipeline": name, "paused": collection.shown(said)})

    @router.delete("/api/v1/pipelines/{name}/pause", status_code=204)
    async def resume(name: str, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """Have a paused pipeline go on. Where it catches up, the latest tick that passed meanwhile is run."""
        await asyncio.to_thread(pausing.resume, rooms, name, by(request, who))
        return Response(status_code=204)

    return router
