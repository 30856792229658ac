"""Thresholds of a group, host or container apart from the rule's own, and how rules are doing."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from gwanje.keep.said import Override
from gwanje.keep.state.people import Scope, Who
from gwanje.show import judging, reporting, thresholds
from gwanje.show.api.answers import answer
from gwanje.show.api.gate import needs
from gwanje.show.api.saying import by
from gwanje.show.rooms import Rooms

_Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255)]
_Written = Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)]
_Place = Literal["group", "host", "container"]


class SetApart(BaseModel):
    """Thresholds of one rule for one place. What is left out is as in the wider place."""

    model_config = ConfigDict(extra="forbid")

    rule: Annotated[str, Field(max_length=200)]
    scope: _Place
    name: _Name
    """The group's or host's name; a container as `web-1/nginx`, or `nginx` on every host."""
    warning: _Written | None = None
    """As rules write it: `>= 0.85`."""
    critical: _Written | None = None
    clear: _Written | None = None


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["rules"])

    @router.get("/api/v1/thresholds", dependencies=[needs(Scope.READ)])
    async def listed() -> Response:
        """Rules with their own thresholds, groups of hosts, and what is set apart by files and by people."""
        return answer(await asyncio.to_thread(thresholds.listed, rooms))

    @router.get("/api/v1/thresholds/effective", dependencies=[needs(Scope.READ)])
    async def effective(rule: str, host: str = "", container: str = "") -> Response:
        """What counts for one host or container, and where each threshold comes from."""
        return answer(await asyncio.to_thread(thresholds.effective, rooms, rule, host, container))

    @router.get("/api/v1/thresholds/hosts/{host}", dependencies=[needs(Scope.READ)])
    async def of_host(host: str) -> Response:
        """What counts on one host, rule by rule, where each threshold comes from, and what is set apart for it."""
        return answer(await asyncio.to_thread(thresholds.of_host, rooms, host))

    @router.put("/api/v1/thresholds")
    async def put(asked: SetApart, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """Set thresholds apart for one place, instead of those set apart there before. They count from the next evaluation on."""
        override = Override(**asked.model_dump(), changed_by=who.name[:120], changed_at=rooms.now())
        await asyncio.to_thread(thresholds.save, rooms, override, by(request, who))
        return answer(thresholds.shown(override))

    @router.delete("/api/v1/thresholds", status_code=204)
    async def drop(rule: str, scope: _Place, name: str, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """End what people set apart for one place: what the wider place says counts again."""
        await asyncio.to_thread(thresholds.drop, rooms, rule, scope, name, by(request, who))
        return Response(status_code=204)

    @router.get("/api/v1/judging", dependencies=[needs(Scope.READ)])
    async def judged(rule: Annotated[str | None, Query(max_length=200)] = None) -> Response:
        """Every rule and its last evaluation, the worst first; with `rule` that one, with why, for its worst 100 label sets.

        Where it has no result, `inputs` says of each selector whether its series report, stopped, or were never seen.
        """
        if rule is None:
            return answer({"rules": await asyncio.to_thread(judging.overview, rooms)})
        found = await asyncio.to_thread(judging.of_rule, rooms, rule)
        known = next((one for one in rooms.rules if one.name == rule), None)
        if known is None or found["results"]:
            return answer({**found, "inputs": []})
        return answer({**found, "inputs": await reporting.inputs(rooms.samples, known, rooms.now_ms())})

    return router
