"""What people say about alerts: "I am on it", and "do not tell me of these until then"."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from gwanje.because import Because
from gwanje.config import Duration
from gwanje.errors import BadInput
from gwanje.keep.said import Silence
from gwanje.keep.state import silences
from gwanje.keep.state.people import Scope, Who
from gwanje.model import from_ms, to_ms
from gwanje.show import saying
from gwanje.show.api.answers import answer
from gwanje.show.api.gate import needs
from gwanje.show.rooms import Rooms
from gwanje.show.saying import By, SilenceAsked, Word
from gwanje.tell.matchers import Matchers

_YEAR_2100 = 4_102_444_800_000
"""In milliseconds; a time after it is a mistake."""


class Taken(BaseModel):
    """Alerts that somebody takes over."""

    model_config = ConfigDict(extra="forbid")

    episodes: Annotated[list[str], Field(max_length=1000)] = []
    matchers: Matchers = ()
    """Instead of `episodes`: every open alert that these match now, as `/api/v1/standing/matched` counts them."""
    why: Annotated[str, Field(max_length=2000)] = ""
    for_: Annotated[Duration | None, Field(alias="for")] = None
    """How long it holds at most: `2h`; without it until the alert ends or gets worse."""

    @model_validator(mode="after")
    def _one_way(self) -> Taken:
        if bool(self.episodes) == bool(self.matchers):
            raise ValueError("say either which `episodes` or which `matchers`")
        return self


class SilenceBody(BaseModel):
    """A silence: what it matches, from when until when, and why."""

    model_config = ConfigDict(extra="forbid")

    matchers: Matchers
    """`host="web-1", severity=~"warning|critical"`; `rule` and `severity` match beside the labels."""
    starts_at: AwareDatetime | None = None
    """Now, unless set."""
    ends_at: AwareDatetime | None = None
    for_: Annotated[Duration | None, Field(alias="for")] = None
    """Instead of `ends_at`: how long."""
    comment: Annotated[str, Field(max_length=2000)]


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["alerts"])

    @router.post("/api/v1/acknowledgements")
    async def acknowledge(asked: Taken, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """Take open alerts over: no repeats and no escalation of these until they end, get worse, or the time is over."""
        word = Word(asked.why, asked.for_, by(request, who))
        if asked.matchers:
            return answer({"count": await asyncio.to_thread(saying.acknowledge_matching, rooms, asked.matchers, word)})
        taken = await asyncio.to_thread(saying.acknowledge, rooms, asked.episodes, word)
        return answer({"acknowledged": taken})

    @router.delete("/api/v1/acknowledgements/{episode}", status_code=204)
    async def give_back(episode: str, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """End an acknowledgement: repeats and escalation go on."""
        await asyncio.to_thread(saying.give_back, rooms, episode, by(request, who))
        return Response(status_code=204)

    @router.get("/api/v1/silences", dependencies=[needs(Scope.READ)])
    async def listed(
        from_: Annotated[int | None, Query(alias="from", ge=0, le=_YEAR_2100)] = None,
        to: Annotated[int | None, Query(ge=0, le=_YEAR_2100)] = None,
    ) -> Response:
        """Silences that hold or will hold; with `from` and `to` (milliseconds) those that held at some time between."""
        found = await asyncio.to_thread(_listed, rooms, from_, to)
        return answer({"silences": [shown(one, rooms.now()) for one in found]})

    @router.post("/api/v1/silences", status_code=201)
    async def make(asked: SilenceBody, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """Begin a silence: nobody is told of what it matches; evaluation and history go on."""
        return await _save(rooms, asked, "", request, who)

    @router.put("/api/v1/silences/{silence}")
    async def change(silence: str, asked: SilenceBody, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """Change a silence. Where it matches something else now, the old one ends and a new one begins."""
        return await _save(rooms, asked, silence, request, who)

    @router.delete("/api/v1/silences/{silence}")
    async def end(silence: str, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """End a silence early. What still fires is told once, marked as silenced before."""
        ended = await asyncio.to_thread(saying.end_silence, rooms, silence, by(request, who))
        return answer(shown(ended, rooms.now()))

    return router


def shown(silence: Silence, now: datetime) -> dict[str, Any]:
    """A silence as the page reads it."""
    return {
        "id": silence.id,
        "matchers": silence.matchers,
        "starts_at": to_ms(silence.starts_at),
        "ends_at": to_ms(silence.ends_at),
        "comment": silence.comment,
        "created_by": silence.created_by,
        "created_at": to_ms(silence.created_at),
        "updated_at": to_ms(silence.updated_at),
        "state": saying.state_of(silence, now),
    }


def by(request: Request, who: Who) -> By:
    """Who asks, for the audit trail."""
    return By(who.name, request.client.host if request.client else "")


async def _save(rooms: Rooms, asked: SilenceBody, id_: str, request: Request, who: Who) -> Response:
    starts_at = asked.starts_at or rooms.now()
    if (asked.ends_at is None) == (asked.for_ is None):
        raise BadInput(Because("say either until when or for how long", "end_said_twice"), where="ends_at")
    ends_at = asked.ends_at or starts_at + (asked.for_ or rooms.longest_silence)
    wanted = SilenceAsked(asked.matchers, starts_at, ends_at, asked.comment, id_)
    silence = await asyncio.to_thread(saying.save_silence, rooms, wanted, by(request, who))
    return answer(shown(silence, rooms.now()), 200 if id_ else 201)


def _listed(rooms: Rooms, start: int | None, end: int | None) -> list[Silence]:
    with rooms.state.read() as connection:
        if start is None and end is None:
            return silences.not_over(connection, rooms.now())
        return silences.between(connection, from_ms(start or 0), from_ms(end) if end is not None else rooms.now())
