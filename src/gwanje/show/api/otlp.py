"""The door for OpenTelemetry's metrics: OTLP over HTTP, protobuf and JSON. Every answer is in the encoding of the request."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from gwanje.errors import GwanjeError
from gwanje.keep.samples.base import Appended, Remembering
from gwanje.keep.samples.recalled import Recalled
from gwanje.keep.state.people import Scope, Who
from gwanje.show.api.answers import of_error
from gwanje.show.api.door import Door
from gwanje.show.api.gate import needs
from gwanje.wire import gzip
from gwanje.wire.otlp.decode import Decoded, decode
from gwanje.wire.otlp.encode import JSON, PROTOBUF, refused, taken
from gwanje.wire.otlp.json import from_json
from gwanje.wire.otlp.running import Running

_MOST_JSON_BYTES = 8 << 20
"""A body of JSON takes many times its size while it is read."""
_AGAIN = {503, 507}
"""A sender of OTLP comes again after 503 only."""


def routes(door: Door) -> APIRouter:
    router = APIRouter(tags=["ingest"])
    points = _Points(door)

    @router.post("/v1/metrics")
    async def metrics(request: Request, who: Who = needs(Scope.INGEST)) -> Response:
        """OTLP metrics: an `ExportMetricsServiceRequest` in protobuf or JSON, as it is or by gzip.

        200 means that every point is durable but for those of `partial_success`, which says how many were refused and why.
        Deltas are summed up, and go on after a restart from what is stored; exponential histograms, and what a remote store
        cannot say or has not heard of for an hour, begin at zero again, which `rate` and `increase` take for a counter's reset.
        Histograms become classic buckets, exponential ones of bounds √2 apart.
        400 means that nothing could be read; 503 asks to come again.
        """
        return await points.take(request, who)

    return router


class _Points:
    """Reads requests and says what became of their points."""

    def __init__(self, door: Door) -> None:
        self._door = door
        samples = door.rooms.samples
        recall = samples if isinstance(samples, Remembering) else Recalled(samples, door.rooms.now_ms)
        self._running = Running(stored=recall.newest)

    async def take(self, request: Request, who: Who) -> Response:
        encoding = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if encoding not in {JSON, PROTOBUF}:
            return _refusal(PROTOBUF, 415, f"the body must be of the type {PROTOBUF} or {JSON}")
        compression = request.headers.get("content-encoding", "identity").lower()
        if compression not in {"identity", "gzip"}:
            return _refusal(encoding, 415, "the body is compressed in a way that is not taken; send gzip")
        if self._door.places.locked():
            return _refusal(encoding, 503, "too many bodies at once; send again")
        async with self._door.places:
            body = await request.body()
            try:
                decoded = await asyncio.to_thread(self._decode, body, encoding, gzipped=compression == "gzip")
                appended = await self._door.store(decoded.columns, who)
            except GwanjeError as error:
                return _refusal(encoding, of_error(error).status_code, str(error))
            except HTTPException as error:
                return _refusal(encoding, error.status_code, str(error.detail))
        return Response(taken(encoding, *_what_is_refused(decoded, appended)), media_type=encoding)

    def _decode(self, body: bytes, encoding: str, *, gzipped: bool) -> Decoded:
        rooms = self._door.rooms
        most = min(rooms.body_bytes, _MOST_JSON_BYTES) if encoding == JSON else rooms.body_bytes
        message = gzip.unpacked(body, most) if gzipped else body
        if encoding == JSON:
            message = from_json(message, most)
        return decode(message, self._running, rooms.otlp_promoted, spelling=rooms.otlp_spelling)


def _what_is_refused(decoded: Decoded, appended: Appended) -> tuple[int, str]:
    """How many points, and why. Of a histogram the store may refuse some samples: then at most all points are meant."""
    of_store = sum(appended.refused.values())
    reasons = [f"{count} {why}" for why, count in sorted(decoded.refused.items())]
    if of_store:
        counts = ", ".join(f"{why} {count}" for why, count in sorted(appended.refused.items()))
        reasons.append(f"{of_store} samples ({counts}), the first: {appended.problem}")
    points = min(decoded.points, sum(decoded.refused.values()) + of_store)
    return points, f"refused: {'; '.join(reasons)}" if reasons else ""


def _refusal(encoding: str, status: int, what: str) -> Response:
    headers = {"Retry-After": "1" if status == 503 else "5"} if status in _AGAIN else {}
    return Response(refused(encoding, what), 503 if status in _AGAIN else status, headers, encoding)
