"""Exceedances by date and machine, as they happen, and figures about alerts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from gwanje.errors import BadInput
from gwanje.keep.state import history as steps
from gwanje.keep.state.history import Chosen
from gwanje.keep.state.people import Scope, Who
from gwanje.model import from_ms
from gwanje.show import changes, history, spreadsheet, watching
from gwanje.show.api.answers import answer
from gwanje.show.api.gate import needs
from gwanje.show.history import Asked
from gwanje.show.rooms import Rooms
from gwanje.zones import Zone

_MOST_SHOWN: Final = 5000
_BEAT: Final = timedelta(seconds=15)
_LATEST: Final = 4_102_444_800_000
"""The year 2100, in milliseconds: beyond it nothing is asked for."""

Milliseconds = Annotated[int | None, Field(ge=0, le=_LATEST)]


class When(BaseModel):
    """Which time: a date of a zone's calendar, or a stretch in milliseconds."""

    date_: Annotated[date | None, Field(alias="date")] = None
    tz: Zone = "UTC"
    from_: Annotated[Milliseconds, Field(alias="from")] = None
    to: Milliseconds = None

    def between(self, now: datetime) -> tuple[datetime, datetime]:
        """The stretch; the last seven days where nothing is said."""
        if self.date_ is not None:
            return history.day(self.date_, ZoneInfo(self.tz))
        until = from_ms(self.to) if self.to is not None else now + timedelta(seconds=1)
        since = from_ms(self.from_) if self.from_ is not None else until - timedelta(days=7)
        if since >= until:
            raise BadInput("`from` must lie before `to`", where="from")
        return since, until


class Which(When):
    """Which exceedances, and how they are written."""

    host: str = ""
    container: str = ""
    rule: str = ""
    severity: str = ""
    format: Literal["json", "csv"] = "json"
    language: Literal["ko", "en"] = "ko"


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["alerts"], dependencies=[needs(Scope.READ)])

    @router.get("/api/v1/exceedances")
    async def exceedances(which: Annotated[Which, Query()], who: Who = needs(Scope.READ)) -> Response:
        """Stretches in which a threshold was crossed, told or not, newest first; `format=csv` for spreadsheets."""
        since, until = which.between(rooms.now())
        asked = Asked(since, until, who.host or which.host, which.container, which.rule, which.severity)
        found = history.exceedances(rooms, asked)
        if which.format == "csv":
            lines = spreadsheet.as_csv(found, ZoneInfo(which.tz), which.language)
            name = f'attachment; filename="exceedances-{since.astimezone(ZoneInfo(which.tz)):%Y-%m-%d}.csv"'
            headers = {"Content-Disposition": name, "Cache-Control": "no-store"}
            return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)
        shown = await asyncio.to_thread(_first, found)
        return answer({"exceedances": shown, "more": len(shown) == _MOST_SHOWN})

    @router.get("/api/v1/statistics/alerts")
    async def statistics(when: Annotated[When, Query()]) -> Response:
        """How many alerts fired, where, and how long it took until somebody had them and until they were over."""
        since, until = when.between(rooms.now())
        return answer(await asyncio.to_thread(history.statistics, rooms, since, until, ZoneInfo(when.tz)))

    @router.get("/api/v1/statistics/unjudged")
    async def unjudged(when: Annotated[When, Query()]) -> Response:
        """The hours in which nobody evaluated rules for ten minutes or longer, and for how long; of the last 31 days."""
        since, until = when.between(rooms.now())
        return answer(await watching.unjudged(rooms, since, until, ZoneInfo(when.tz)))

    @router.get("/api/v1/exceedances/stream", response_class=StreamingResponse)
    async def stream(
        host: str = "",
        rule: str = "",
        severity: str = "",
        last_event_id: Annotated[str, Header(max_length=20)] = "",
        who: Who = needs(Scope.READ),
    ) -> Response:
        """Every change of an alert as it happens. With `Last-Event-ID`, what came since that one comes first."""
        chosen = Chosen(who.host or host, rule, severity)
        number = int(last_event_id) if last_event_id.isdecimal() else await asyncio.to_thread(_newest, rooms)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_sent(rooms, chosen, number), media_type="text/event-stream", headers=headers)

    return router


async def _sent(rooms: Rooms, chosen: Chosen, number: int) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    async for change in changes.follow(rooms, chosen, number, _BEAT):
        yield b": still here\n\n" if change is None else b"id: %d\nevent: change\ndata: %b\n\n" % change


def _newest(rooms: Rooms) -> int:
    with rooms.state.read() as connection:
        return steps.newest_step(connection)


def _first(found: Iterator[history.Exceedance]) -> list[dict[str, Any]]:
    return [history.plain(one) for one, _ in zip(found, range(_MOST_SHOWN), strict=False)]
