"""The API's own documentation page. Its scripts come with the page's files, from nowhere else."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import HTMLResponse

_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8"><title>gwanje: the API</title>
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <link rel="icon" href="/favicon.svg">
  <link rel="stylesheet" href="/api-docs/swagger-ui.css">
</head>
<body>
  <main id="docs"></main>
  <script src="/api-docs/swagger-ui-bundle.js"></script>
  <script src="/api-docs/start.js"></script>
</body>
</html>
"""


def routes() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/api/docs")
    async def docs() -> HTMLResponse:
        """Swagger UI over /api/openapi.json."""
        return HTMLResponse(_PAGE)

    return router
