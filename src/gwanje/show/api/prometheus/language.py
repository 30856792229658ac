"""What can be said of a query without its samples: its usual form, its tree, and its exemplars, of which none are kept."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from gwanje.show.api.parameters import Given
from gwanje.show.api.prometheus.given import query_given, read
from gwanje.show.api.prometheus.tree import tree
from gwanje.show.api.query import bad_parameter, in_prometheus_form, time_given
from gwanje.show.rooms import Rooms


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter()

    async def exemplars(given: Given) -> list[Any]:
        if time_given(given, "end", rooms.now_ms()) < time_given(given, "start", 0):
            raise bad_parameter("", "end timestamp must not be before start timestamp")
        read(given.get("query"))
        return []

    async def formatted(given: Given) -> str:
        return query_given(given).prettify()

    async def taken_apart(given: Given) -> dict[str, Any]:
        return tree(query_given(given))

    @router.get("/api/v1/query_exemplars")
    @router.post("/api/v1/query_exemplars")
    async def query_exemplars(request: Request) -> Response:
        """The exemplars of a query's series: none, because none are kept."""
        return await in_prometheus_form(rooms, request, exemplars)

    @router.get("/api/v1/format_query")
    @router.post("/api/v1/format_query")
    async def format_query(request: Request) -> Response:
        """`query` in the language's usual form."""
        return await in_prometheus_form(rooms, request, formatted)

    @router.get("/api/v1/parse_query")
    @router.post("/api/v1/parse_query")
    async def parse_query(request: Request) -> Response:
        """`query` as a tree of its parts."""
        return await in_prometheus_form(rooms, request, taken_apart)

    return router
