"""The door for samples from outside: Prometheus remote write 1.0 and 2.0."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from gwanje.keep.samples.base import Appended
from gwanje.keep.state.people import Scope, Who
from gwanje.show.api.answers import problem
from gwanje.show.api.door import Door
from gwanje.show.api.gate import needs
from gwanje.show.api.short_way import Taker
from gwanje.wire.remote_write import v2
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.histograms import native

_ENCODING, _TYPE = "snappy", "application/x-protobuf"
_VERSION_1, _VERSION_2 = "prometheus.WriteRequest", "io.prometheus.write.v2.Request"
_WRITTEN = "X-Prometheus-Remote-Write"


def routes(door: Door) -> APIRouter:
    router = APIRouter(tags=["ingest"])

    @router.post("/api/v1/write", status_code=204)
    async def write(request: Request, who: Who = needs(Scope.INGEST)) -> Response:
        """Prometheus remote write 1.0 and 2.0: a protobuf message in a snappy block.

        `Content-Type: application/x-protobuf;proto=…` names the message: `prometheus.WriteRequest`, which is also meant where
        none is named, or `io.prometheus.write.v2.Request`. 204 means that every sample is durable. 400 means that some or all
        can never be taken: the good ones were kept, and the answer says what was wrong with the first of the others. 503 asks
        to come again. What is said of metrics stands in `/api/v1/metadata`. Exemplars are passed over; native histograms are
        refused. What was written of a 2.0 message stands in the `X-Prometheus-Remote-Write-…-Written` headers.
        """
        return await _take(door, request, who)

    return router


def takers(door: Door) -> Mapping[str, Taker]:
    """The same for the short way."""
    return {"/api/v1/write": partial(_take, door)}


async def _take(door: Door, request: Request, who: Who) -> Response:
    if request.headers.get("content-encoding", _ENCODING) != _ENCODING:
        return problem(415, "the body must be compressed with snappy", where="Content-Encoding", todo=f"send {_ENCODING}")
    message = _message(request.headers.get("content-type", _TYPE))
    if message not in {_VERSION_1, _VERSION_2}:
        todo = f"send {_TYPE};proto={_VERSION_1} or proto={_VERSION_2}"
        return problem(415, "the body must be a message of remote write", where="Content-Type", todo=todo)
    if door.places.locked():
        return problem(503, "too many bodies at once", todo="send again", headers={"Retry-After": "1"})
    async with door.places:
        if message == _VERSION_2:
            return await _take_2(door, await request.body(), who)
        columns = await door.read(await request.body(), decode)
        appended = await door.store(columns, who)
        # A series has samples, histograms or exemplars: only where one has no samples the body is looked at again.
        histograms = 0 if columns.counts.all() else await asyncio.to_thread(native, columns.body)
        return _answer(_with_histograms(appended, histograms))


def _message(content_type: str) -> str:
    """The message that a Content-Type names; empty for what is no protobuf."""
    type_, *parameters = (part.strip() for part in content_type.split(";"))
    if type_.lower() != _TYPE:
        return ""
    named = dict(parameter.partition("=")[::2] for parameter in parameters)
    return named.get("proto", _VERSION_1).strip('"')


async def _take_2(door: Door, body: bytes, who: Who) -> Response:
    request = await door.read(body, v2.decode)
    appended = _with_histograms(await door.store(request.columns, who), request.histograms)
    answer = _answer(appended)
    # What was there before is written, too: a sender that repeats a batch shall not take it for lost.
    answer.headers[f"{_WRITTEN}-Samples-Written"] = str(appended.accepted + appended.duplicates)
    answer.headers[f"{_WRITTEN}-Histograms-Written"] = "0"
    answer.headers[f"{_WRITTEN}-Exemplars-Written"] = "0"
    return answer


def _with_histograms(appended: Appended, histograms: int) -> Appended:
    """What became of a body that also holds native histograms."""
    if not histograms:
        return appended
    refused = {**appended.refused, "native_histograms": histograms}
    return replace(appended, refused=refused, problem=appended.problem or "native histograms are not kept; send classic ones")


def _answer(appended: Appended) -> Response:
    if not appended.refused:
        return Response(status_code=204)
    refused = sum(appended.refused.values())
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(appended.refused.items()))
    return problem(400, f"{refused} samples refused ({reasons}), {appended.accepted} kept; the first: {appended.problem}")
