"""Metrics as plain JSON, for scripts and pages that speak no PromQL: the latest values, and the history of one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from gwanje.keep.samples.base import Labels, Matrix, Vector
from gwanje.keep.state.people import Scope
from gwanje.model import METRIC
from gwanje.show.api.answers import answer, problem
from gwanje.show.api.gate import needs
from gwanje.show.rooms import Rooms
from gwanje.wire.exposition.encode import series_name

_POINTS = 1440
"""How many points a series of the history has at most."""


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["figures"], dependencies=[needs(Scope.READ)])

    @router.get("/api/v1/metrics")
    async def latest(
        match: Annotated[str, Query(max_length=500)] = '{__name__=~".+"}', limit: Annotated[int, Query(ge=1, le=100_000)] = 10_000
    ) -> Response:
        """The newest value of every series of the last five minutes that `match` (a PromQL selector) picks."""
        at_ms = rooms.now_ms()
        found = await rooms.samples.instant(match, at_ms)
        if not isinstance(found, Vector):
            return problem(400, '`match` must be a selector such as node_load1 or {job="node"}', where="match")
        rows = [_row(labels, value) for labels, value in zip(found.labels[:limit], found.values[:limit].tolist(), strict=True)]
        return answer({"at": at_ms, "metrics": rows, "left_out": max(0, len(found.labels) - limit)})

    @router.get("/api/v1/metrics/{name}/history")
    async def history(name: str, hours: Annotated[float, Query(gt=0, le=24 * 366)] = 24.0) -> Response:
        """Every series of one metric over the last `hours`, as `[milliseconds, value]`, at most 1,440 points each."""
        end = rooms.now_ms()
        span = round(hours * 3_600_000)
        step = max(5_000, -(-span // _POINTS))
        found = await rooms.samples.range(series_name(name, {}), end - span, end, step)
        return answer({"name": name, "step_ms": step, "series": [_line(found, index) for index in range(len(found.labels))]})

    return router


def _row(labels: Labels, value: float) -> dict[str, Any]:
    named = dict(labels)
    return {"name": named.pop(METRIC, ""), "labels": named, "value": _finite(value)}


def _line(matrix: Matrix, index: int) -> dict[str, Any]:
    part = slice(int(matrix.offsets[index]), int(matrix.offsets[index + 1]))
    points = zip(matrix.times[part].tolist(), matrix.values[part].tolist(), strict=True)
    named = {name: value for name, value in matrix.labels[index] if name != METRIC}
    return {"labels": named, "points": [[at, _finite(value)] for at, value in points]}


def _finite(value: float) -> float | None:
    """JSON has no NaN and no infinity: null."""
    return value if value - value == 0 else None
