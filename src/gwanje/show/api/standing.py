"""Open alerts: counted, filtered and paged, the worst first; and what matchers would take of them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gwanje.because import Because
from gwanje.errors import BadInput
from gwanje.keep.state.people import Scope
from gwanje.keep.state.standing import Chosen
from gwanje.show import standing
from gwanje.show.api.answers import answer
from gwanje.show.api.gate import needs
from gwanje.show.rooms import Rooms
from gwanje.show.standing import MOST_ALERTS, Asked
from gwanje.tell.matchers import parse_matchers


class Which(BaseModel):
    """Which open alerts, and which page of them."""

    model_config = ConfigDict(extra="forbid")

    standing: Literal["", "critical", "warning", "unknown", "info", "pending", "recovering"] = ""
    """How it stands now; the worst stand first, in this order."""
    severity: Literal["", "critical", "warning", "info"] = ""
    rule: Annotated[str, Field(max_length=200)] = ""
    host: Annotated[str, Field(max_length=255)] = ""
    text: Annotated[str, Field(max_length=200)] = ""
    """Looked for in rule, host and labels, whatever its case."""
    after: Annotated[str, Field(max_length=300)] = ""
    """The `next` of the page before."""
    limit: Annotated[int, Field(ge=1, le=MOST_ALERTS)] = 50
    by: Literal["", "host"] = ""
    """`host`: a page of hosts with their counts, the worst first, and of each the worst few alerts, instead of a page of all."""


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["alerts"], dependencies=[needs(Scope.READ)])

    @router.get("/api/v1/standing", response_model=standing.Standing)
    async def listed(which: Annotated[Which, Query()]) -> Response:
        """Open alerts by filters, the worst first and then the older: the counts of all, by rule too, and one page of them."""
        chosen = Chosen(**which.model_dump(exclude={"after", "limit", "by"}))
        asked = Asked(chosen, which.after, which.limit, which.by)
        return answer(await asyncio.to_thread(standing.standing, rooms, asked))

    @router.get("/api/v1/standing/matched", response_model=standing.Matched)
    async def matched(matchers: Annotated[str, Query(min_length=1, max_length=4000)]) -> Response:
        """How many open alerts these matchers match, and of which rules: what a silence or a taking over would take now."""
        try:
            parsed = parse_matchers(matchers)
        except ValueError as error:
            raise BadInput(Because(str(error), "not_matchers"), where="matchers") from error
        return answer(await asyncio.to_thread(standing.matched, rooms, parsed))

    return router
