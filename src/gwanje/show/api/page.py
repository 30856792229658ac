"""The page's files, and the API's own documentation, whose scripts come with it."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from gwanje.show.api.answers import problem

FILES = Path(__file__).parent.parent / "page"
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_ALWAYS_ASK = {"Cache-Control": "no-cache"}


def routes() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/{path:path}")
    async def page(path: str) -> Response:
        """A file of the page; every other path is a view, and the page itself knows which."""
        if path.startswith("api/") or "\0" in path:
            return problem(404, f"there is no /{path}")
        file = (FILES / path).resolve()
        if path and file.is_relative_to(FILES.resolve()) and file.is_file():
            # Built files carry a hash of their content in their names.
            return FileResponse(file, headers=_FOREVER if path.startswith("assets/") else _ALWAYS_ASK)
        index = FILES / "index.html"
        if not index.is_file():
            return problem(503, "the page was not built", todo="run `make setup`, or install the wheel")
        if path.startswith("assets/") or ("." in path and "/" not in path):
            return problem(404, f"there is no /{path}")  # a file that is not there; a view's path may hold a dot: /machines/a.b
        return FileResponse(index, headers=_ALWAYS_ASK)

    return router
