"""The door for samples from outside: Prometheus remote write 1.0."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from gwanje.keep.samples.base import Appended
from gwanje.keep.state.people import Scope, Who
from gwanje.show.api.answers import problem
from gwanje.show.api.gate import needs
from gwanje.show.rooms import Rooms
from gwanje.wire.columns import Columns
from gwanje.wire.remote_write.decode import decode

_ENCODING, _TYPE = "snappy", "application/x-protobuf"


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["ingest"])
    door = _Door(rooms)

    @router.post("/api/v1/write", status_code=204)
    async def write(request: Request, who: Who = needs(Scope.INGEST)) -> Response:
        """Prometheus remote write 1.0: a protobuf `WriteRequest` in a snappy block.

        204 means that every sample is durable. 400 means that some or all can never be taken: the good ones were kept, and the
        answer says what was wrong with the first of the others. 503 asks to come again.
        """
        return await door.take(request, who)

    return router


class _Door:
    """Bounded: so many bodies at once, one more is asked to come again."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._places = asyncio.Semaphore(rooms.bodies_in_flight)
        self._bound: OrderedDict[tuple[str, bytes], bool] = OrderedDict()

    async def take(self, request: Request, who: Who) -> Response:
        if request.headers.get("content-encoding", _ENCODING) != _ENCODING:
            return problem(415, "the body must be compressed with snappy", where="Content-Encoding", todo=f"send {_ENCODING}")
        if not request.headers.get("content-type", _TYPE).startswith(_TYPE):
            return problem(415, "the body must be a protobuf WriteRequest", where="Content-Type", todo=f"send {_TYPE}")
        if "io.prometheus.write.v2" in request.headers.get("content-type", ""):
            return problem(415, "remote write 2.0 is not taken yet", where="Content-Type", todo="send remote write 1.0")
        if self._places.locked():
            return problem(503, "too many bodies at once", todo="send again", headers={"Retry-After": "1"})
        async with self._places:
            body = await request.body()
            columns = await asyncio.to_thread(decode, body)
            if who.host:
                self._must_be_its_own(columns, who)
            return _answer(await self._rooms.ingest.accept_columns(columns))

    def _must_be_its_own(self, columns: Columns, who: Who) -> None:
        """An agent's key writes its own host's series only."""
        for key in columns.keys:
            known = self._bound.get((who.name, key))
            if known is None:
                known = self._bound[who.name, key] = ("host", who.host) in columns.labels_of(key)
                if len(self._bound) > 200_000:
                    self._bound.popitem(last=False)
            if not known:
                raise HTTPException(403, f"{who.name} may write series of host {who.host!r} only")


def _answer(appended: Appended) -> Response:
    if not appended.refused:
        return Response(status_code=204)
    refused = sum(appended.refused.values())
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(appended.refused.items()))
    return problem(400, f"{refused} samples refused ({reasons}), {appended.accepted} kept; the first: {appended.problem}")
