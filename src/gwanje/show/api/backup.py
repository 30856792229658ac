"""`gwanje backup` of the running process: asked over the folder's socket, by nobody else."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from gwanje.keep.state.people import Scope, Who
from gwanje.show.api.answers import answer, problem
from gwanje.show.api.gate import needs
from gwanje.show.rooms import Rooms


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["tools"])

    @router.post("/api/v1/backup")
    async def backup(request: Request, to: str, _who: Who = needs(Scope.ADMIN)) -> Response:
        """Copy everything into a new folder of this machine, and say what the copy holds."""
        if request.client is not None:  # who could name a folder from elsewhere could write anywhere we can
            return problem(403, "a backup is made on the machine itself", todo="run: gwanje backup TO FOLDER")
        return answer({"contents": await rooms.backup(Path(to))})

    return router
