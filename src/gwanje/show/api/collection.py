"""Pipelines: how they do, what they fetched, and "run now"."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gwanje.because import Because
from gwanje.collect.pipelines.spec import Prepared
from gwanje.collect.schedule import run_now
from gwanje.errors import RetryLater
from gwanje.keep.state.people import Scope, Who
from gwanje.keep.state.runs import Run
from gwanje.model import to_ms
from gwanje.show import collection, pausing
from gwanje.show.api.answers import answer, problem
from gwanje.show.api.gate import COOKIE, needs
from gwanje.show.rooms import Rooms

_ANYWAY: Final = "resume it, or run it all the same with anyway=true"


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["collection"])

    @router.get("/api/v1/pipelines", dependencies=[needs(Scope.READ)])
    async def pipelines() -> Response:
        """Every pipeline with its schedule, fail rate, latency and last fetches."""
        return answer({"pipelines": await collection.pipelines(rooms, rooms.now())})

    @router.get("/api/v1/fetches", dependencies=[needs(Scope.READ)])
    async def fetches(
        pipeline: str = "",
        outcome: Annotated[str, Query(pattern="^(|succeeded|failed|cancelled)$")] = "",
        q: Annotated[str, Query(max_length=200)] = "",
        before: str = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Response:
        """The fetch log, newest first; `q` is looked for in every text, `next` asks for the page after."""
        return answer(await collection.fetch_log(rooms, {"pipeline": pipeline, "outcome": outcome}, q, before, limit))

    @router.get("/status", dependencies=[needs(Scope.READ)])
    async def status() -> Response:
        """The last fetches of every pipeline, in short."""
        found = await collection.pipelines(rooms, rooms.now())
        return answer({"pipelines": [_short(pipeline) for pipeline in found], "at": rooms.now_ms()})

    @router.post("/collect")
    async def collect(request: Request, pipeline: str = "", *, anyway: bool = False, who: Who = needs(Scope.OPERATE)) -> Response:
        """Run a pipeline now and wait for its end: outcome, time, rows. Without a name, the only pipeline there is.

        While it is paused, only with `anyway`.
        """
        chosen = _chosen(rooms, pipeline)
        if isinstance(chosen, Response):
            return chosen
        if chosen.source.off_because:
            return problem(409, dict(chosen.source.off_because)["en"], where=chosen.name)
        paused = (await asyncio.to_thread(pausing.now_paused, rooms, rooms.now())).get(chosen.name)
        if paused is not None and not anyway:
            return problem(409, pausing.sentence(paused), where=chosen.name, todo=_ANYWAY)
        trigger = "page" if COOKIE in request.cookies else "command" if request.client is None else "api"
        patience = chosen.pipeline.timeout + timedelta(seconds=60)
        try:
            run = await run_now(
                rooms.state, rooms.updates, chosen.name, trigger=trigger, asked_by=who.name, clock=rooms.now, patience=patience
            )
        except RetryLater as error:
            return problem(504, str(error), said=error.said)
        return answer(ended(run))

    return router


def ended(run: Run) -> dict[str, Any]:
    """How a run ended, as `POST /collect` says it."""
    return {
        "outcome": run.outcome,
        "at": to_ms(run.started_at or run.asked_at),
        "rows": run.rows,
        "bytes": run.bytes,
        "latency_ms": run.latency_ms,
        "status": run.status,
        "error": run.error or "",
        "pipeline": run.pipeline,
        "run": run.id,
    }


def _chosen(rooms: Rooms, name: str) -> Prepared | Response:
    known = {prepared.name: prepared for prepared in rooms.pipelines}
    if not known:
        return problem(404, Because("no pipeline is configured", "no_pipelines"), todo="write one into pipelines/*.yaml")
    if name:
        nowhere = Because(f"no pipeline named {name!r}", "no_pipeline", name=name)
        return known.get(name) or problem(404, nowhere, todo=f"known: {', '.join(sorted(known))}")
    if len(known) > 1:
        return problem(400, "there are several pipelines", where="pipeline", todo=f"name one of {', '.join(sorted(known))}")
    return next(iter(known.values()))


def _short(pipeline: collection.Pipeline) -> dict[str, Any]:
    fields = dataclasses.asdict(pipeline)
    names = (
        "name",
        "on",
        "off_because",
        "paused",
        "schedule",
        "next_at",
        "running",
        "last",
        "fail_rate",
        "latency_p95_ms",
        "recent",
    )
    return {name: fields[name] for name in names}
