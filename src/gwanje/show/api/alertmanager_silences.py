"""Silences in Alertmanager's API, version 2: amtool makes and ends the same ones as the page."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gwanje.errors import BadInput
from gwanje.keep.said import Silence
from gwanje.keep.state import silences
from gwanje.keep.state.people import Scope, Who
from gwanje.show import saying
from gwanje.show.api.alertmanager import matchers_of
from gwanje.show.api.answers import answer, problem
from gwanje.show.api.gate import needs
from gwanje.show.api.saying import by
from gwanje.show.rooms import Rooms
from gwanje.show.saying import By, SilenceAsked
from gwanje.tell.matchers import matcher
from gwanje.wire import alertmanager as wire


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["alertmanager"])

    @router.get("/api/v2/silences", dependencies=[needs(Scope.READ)])
    async def get_silences(filter_: Annotated[list[str] | None, Query(alias="filter")] = None) -> Response:
        """Every silence, those that are over among them; `filter` leaves those that have all these matchers."""
        wanted = set(matchers_of(filter_ or ()))
        found = await asyncio.to_thread(_silences, rooms)
        return answer([_silence(one, rooms.now()) for one in found if wanted <= set(saying.matchers_of(one))])

    @router.post("/api/v2/silences")
    async def post_silence(request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """Make a silence, or change the one whose id is given."""
        asked = wire.silence(await request.body())
        kept = await asyncio.to_thread(_save, rooms, asked, by(request, who))
        return answer({"silenceID": kept.id})

    @router.get("/api/v2/silence/{silence}", dependencies=[needs(Scope.READ)])
    async def get_silence(silence: str) -> Response:
        found = await asyncio.to_thread(_one, rooms, silence)
        return answer(_silence(found, rooms.now())) if found else problem(404, f"there is no silence {silence!r}")

    @router.delete("/api/v2/silence/{silence}")
    async def delete_silence(silence: str, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """End a silence now."""
        await asyncio.to_thread(saying.end_silence, rooms, silence, by(request, who))
        return Response(status_code=200)

    return router


def _silences(rooms: Rooms) -> list[Silence]:
    with rooms.state.read() as connection:
        return silences.every(connection)


def _one(rooms: Rooms, id_: str) -> Silence | None:
    with rooms.state.read() as connection:
        return silences.one(connection, id_)


def _save(rooms: Rooms, asked: wire.PostedSilence, asker: By) -> Silence:
    words = [wire.matcher_words(one) for one in asked.matchers]
    try:
        matchers = tuple(matcher(one.label, one.operator, one.value) for one in words)
    except ValueError as error:
        raise BadInput(str(error), where="matchers") from error
    wanted = SilenceAsked(matchers, asked.starts_at, asked.ends_at, asked.comment, asked.id or "", asked.created_by)
    return saying.save_silence(rooms, wanted, asker)


def _silence(silence: Silence, now: datetime) -> dict[str, Any]:
    return {
        "id": silence.id,
        "matchers": [wire.matcher_plain(one.label, one.operator, one.value) for one in saying.matchers_of(silence)],
        "startsAt": silence.starts_at.isoformat(),
        "endsAt": silence.ends_at.isoformat(),
        "updatedAt": silence.updated_at.isoformat(),
        "createdBy": silence.created_by,
        "comment": silence.comment,
        "status": {"state": saying.state_of(silence, now)},
    }
