"""Dashboards: which there are, and each as its panels and queries."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from gwanje.because import Because
from gwanje.keep.state.people import Scope
from gwanje.show.api.answers import answer, problem
from gwanje.show.api.gate import needs
from gwanje.show.dashboards.files import as_json
from gwanje.show.rooms import Rooms


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["dashboards"], dependencies=[needs(Scope.READ)])
    known = {named.name: named for named in rooms.dashboards}

    @router.get("/api/v1/dashboards")
    async def dashboards() -> Response:
        """Every dashboard: its name, title and tags, and whether it is a ready one or the folder's own."""
        listed = [
            {"name": one.name, "title": one.dashboard.title.model_dump(), "tags": one.dashboard.tags, "from": one.origin}
            for one in known.values()
        ]
        return answer({"dashboards": listed})

    @router.get("/api/v1/dashboards/{name}")
    async def dashboard(name: str) -> Response:
        """One dashboard with every default filled in; its panels' queries are asked on Prometheus's paths."""
        named = known.get(name)
        if named is None:
            missing = Because(f"no dashboard named {name!r}", "no_dashboard", name=name)
            return problem(404, missing, where="name", todo=f"known: {', '.join(known)}")
        return answer(as_json(named))

    return router
