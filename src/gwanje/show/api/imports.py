"""The door for samples as JSON lines, for those who have nothing better and for what another store exported."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from starlette.responses import Response

from gwanje.errors import BadInput
from gwanje.keep.samples.base import Appended
from gwanje.keep.state.people import Scope, Who
from gwanje.show.api.answers import problem
from gwanje.show.api.door import Door
from gwanje.show.api.gate import needs
from gwanje.wire import gzip
from gwanje.wire.json.samples import Piece, pieces


def routes(door: Door) -> APIRouter:
    router = APIRouter(tags=["ingest"])

    @router.post("/api/v1/import", status_code=204)
    async def import_(request: Request, who: Who = needs(Scope.INGEST)) -> Response:
        """Samples as JSON, one object a line, as it is or by gzip.

        `{"metric": {"__name__": "up", "host": "web-1"}, "values": [1, 0], "timestamps": [1700000000000, 1700000015000]}`: the
        labels may also be called `labels`; times are milliseconds; a value may be null, "NaN" or "Infinity". 204 means that
        every sample is durable. 400 names the first bad line; the good ones were kept. 503 asks to come again.
        """
        return await _take(door, request, who)

    return router


@dataclass(slots=True)
class _Told:
    """What became of the lines so far."""

    accepted: int = 0
    lines: int = 0
    samples: Counter[str] = field(default_factory=Counter)
    first: tuple[int, str] = (0, "")

    def hear(self, piece: Piece, appended: Appended) -> None:
        self.accepted += appended.accepted
        self.lines += piece.refused
        self.samples.update(appended.refused)
        found = list(piece.bad[:1])
        if appended.refused.get("bad_labels"):
            found += _first_without_labels(piece)
        if appended.problem and not found:
            found = [(0, appended.problem)]
        if found and not self.first[1]:
            self.first = min(found)

    def answer(self) -> Response:
        if not self.lines and not self.samples:
            return Response(status_code=204)
        number, why = self.first
        counts = [f"{self.lines} lines"] if self.lines else []
        counts += [f"{count} samples ({reason})" for reason, count in sorted(self.samples.items())]
        where = f"line {number}" if number else ""
        return problem(400, f"{why}; refused: {', '.join(counts)}; {self.accepted} samples kept", where=where)


async def _take(door: Door, request: Request, who: Who) -> Response:
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in {"identity", "gzip"}:
        return problem(415, "the body is compressed in a way that is not taken", where="Content-Encoding", todo="send gzip")
    if door.places.locked():
        return problem(503, "too many bodies at once", todo="send again", headers={"Retry-After": "1"})
    async with door.places:
        body = await request.body()
        if encoding == "gzip":
            body = await asyncio.to_thread(gzip.unpacked, body, door.rooms.body_bytes)
        told, rest = _Told(), pieces(body)
        while piece := await asyncio.to_thread(_next, rest):
            told.hear(piece, await door.store(piece.columns, who))
        return told.answer()


def _next(rest: Iterator[Piece]) -> Piece | None:
    return next(rest, None)


def _first_without_labels(piece: Piece) -> list[tuple[int, str]]:
    for key, line in zip(piece.columns.keys, piece.lines, strict=True):
        try:
            piece.columns.labels_of(key)
        except BadInput as error:
            return [(line, str(error))]
    return []
