"""The door for samples from outside: Prometheus remote write 1.0."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from gwanje.keep.samples.base import Appended
from gwanje.keep.state.people import Scope, Who
from gwanje.show.api.answers import problem
from gwanje.show.api.door import Door
from gwanje.show.api.gate import needs
from gwanje.wire.remote_write.decode import decode

_ENCODING, _TYPE = "snappy", "application/x-protobuf"


def routes(door: Door) -> APIRouter:
    router = APIRouter(tags=["ingest"])

    @router.post("/api/v1/write", status_code=204)
    async def write(request: Request, who: Who = needs(Scope.INGEST)) -> Response:
        """Prometheus remote write 1.0: a protobuf `WriteRequest` in a snappy block.

        204 means that every sample is durable. 400 means that some or all can never be taken: the good ones were kept, and the
        answer says what was wrong with the first of the others. 503 asks to come again.
        """
        return await _take(door, request, who)

    return router


async def _take(door: Door, request: Request, who: Who) -> Response:
    if request.headers.get("content-encoding", _ENCODING) != _ENCODING:
        return problem(415, "the body must be compressed with snappy", where="Content-Encoding", todo=f"send {_ENCODING}")
    if not request.headers.get("content-type", _TYPE).startswith(_TYPE):
        return problem(415, "the body must be a protobuf WriteRequest", where="Content-Type", todo=f"send {_TYPE}")
    if "io.prometheus.write.v2" in request.headers.get("content-type", ""):
        return problem(415, "remote write 2.0 is not taken yet", where="Content-Type", todo="send remote write 1.0")
    if door.places.locked():
        return problem(503, "too many bodies at once", todo="send again", headers={"Retry-After": "1"})
    async with door.places:
        columns = await asyncio.to_thread(decode, await request.body())
        return _answer(await door.store(columns, who))


def _answer(appended: Appended) -> Response:
    if not appended.refused:
        return Response(status_code=204)
    refused = sum(appended.refused.values())
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(appended.refused.items()))
    return problem(400, f"{refused} samples refused ({reasons}), {appended.accepted} kept; the first: {appended.problem}")
