"""What the page asks for: the overview, one host, alerts and their stories."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from gwanje.because import Because
from gwanje.keep.state.people import Scope
from gwanje.keep.state.stories import Wanted
from gwanje.model import from_ms
from gwanje.show import alerts
from gwanje.show.api.answers import answer, problem
from gwanje.show.api.gate import needs
from gwanje.show.live import Live, flat
from gwanje.show.overview import HostDetail, Overview
from gwanje.show.rooms import Rooms

_YEAR_2100 = 4_102_444_800_000
Milliseconds = Annotated[int | None, Query(description="milliseconds since the epoch", ge=0, le=_YEAR_2100)]


def routes(rooms: Rooms, live: Live) -> APIRouter:
    router = APIRouter(tags=["looks"], dependencies=[needs(Scope.READ)])

    @router.get("/api/v1/overview", response_model=Overview)
    async def overview() -> Response:
        """Everything now: hosts, containers, open alerts, pipelines and the live numbers."""
        return answer(await live.overview())

    @router.get("/api/v1/hosts/{host}", response_model=HostDetail)
    async def host(host: str) -> Response:
        """One host now, its own figures beside its file systems, interfaces, disks, containers, alerts and thresholds."""
        found = await live.host(host)
        silent = Because(f"no host named {host!r} has spoken within a day", "no_host", name=host)
        return answer(flat(found)) if found else problem(404, silent)

    @router.get("/api/v1/episodes")
    async def episodes(  # noqa: PLR0917 - each is a parameter of the address
        state: Annotated[str, Query(pattern="^(open|ended|all)$")] = "all",
        from_: Annotated[int | None, Query(alias="from", ge=0, le=_YEAR_2100)] = None,
        to: Milliseconds = None,
        rule: str = "",
        host: str = "",
        severity: str = "",
        before: str = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Response:
        """Alerts by filters, newest first; `next` asks for the page after."""
        wanted = Wanted(
            state=state,
            since=from_ms(from_) if from_ else None,
            until=from_ms(to) if to else None,
            rule=rule,
            host=host,
            severity=severity,
            before=before,
            limit=limit,
        )
        return answer(await asyncio.to_thread(alerts.page, rooms, wanted))

    @router.get("/api/v1/episodes/{episode}")
    async def episode(episode: str) -> Response:
        """One alert's story: its changes of state and every attempt to tell somebody, newest first."""
        found = await asyncio.to_thread(alerts.story, rooms, episode)
        return answer(found) if found else problem(404, Because(f"there is no alert {episode!r}", "no_alert"))

    return router
