"""The doors for InfluxDB's line protocol, version 1 and version 2; they differ in how they say what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from gwanje.errors import BadInput, GwanjeError
from gwanje.keep.samples.base import Appended
from gwanje.keep.state.people import Scope, Who
from gwanje.show.api.answers import answer, of_error
from gwanje.show.api.door import Door
from gwanje.show.api.gate import needs
from gwanje.show.api.short_way import Taker
from gwanje.wire.influx.body import Decoded, Limits
from gwanje.wire.influx.decode import decode, unpacked
from gwanje.wire.influx.layouts import Layouts

_CODES = {
    400: "invalid",
    403: "forbidden",
    413: "request too large",
    415: "unsupported media type",
    503: "unavailable",
    507: "unavailable",
}

Refusal = Callable[[int, str, int], Response]
"""Status, message and line (0: none) → the answer in the words of one version."""


def routes(lines: Lines) -> APIRouter:
    router = APIRouter(tags=["ingest"])

    @router.post("/write", status_code=204)
    async def write(request: Request, who: Who = needs(Scope.INGEST)) -> Response:
        """InfluxDB line protocol, version 1: `precision` is n, u, ms, s, m or h; `db` and `rp` are passed over.

        204 means that every line is durable. 400 names the first bad line; the good ones were kept. 503 asks to come again. The
        key may also stand in `p`, or be the password of HTTP Basic.
        """
        return await lines.take(request, who, _version_1)

    @router.post("/api/v2/write", status_code=204)
    async def write_2(request: Request, who: Who = needs(Scope.INGEST)) -> Response:
        """InfluxDB line protocol, version 2: `precision` is ns, us, ms or s; `org` and `bucket` are passed over.

        204 means that every line is durable. 400 names the first bad line; the good ones were kept. 503 asks to come again. The
        key may also be sent as `Authorization: Token …`.
        """
        return await lines.take(request, who, _version_2)

    @router.head("/ping", status_code=204, include_in_schema=False)
    @router.get("/ping", status_code=204)
    async def ping() -> Response:
        """The process answers; InfluxDB's clients ask here."""
        return Response(status_code=204)

    return router


def takers(lines: Lines) -> Mapping[str, Taker]:
    """The same for the short way."""
    return {"/write": partial(lines.take, refusal=_version_1), "/api/v2/write": partial(lines.take, refusal=_version_2)}


class Lines:
    """Reads bodies of lines and says what became of them. One for both versions."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._limits = Limits(body_bytes=door.rooms.body_bytes)
        self._layouts = Layouts()

    async def take(self, request: Request, who: Who, refusal: Refusal) -> Response:
        encoding = request.headers.get("content-encoding", "identity").lower()
        if encoding not in {"identity", "gzip"}:
            return refusal(415, "the body is compressed in a way that is not taken; send gzip", 0)
        if self._door.places.locked():
            return refusal(503, "too many bodies at once; send again", 0)
        precision = request.query_params.get("precision", "")
        async with self._door.places:
            body = await request.body()
            try:
                decode = partial(self._decode, precision=precision, gzipped=encoding == "gzip")
                decoded = await self._door.read(body, decode)
                appended = await self._door.store(decoded.columns, who)
            except GwanjeError as error:
                return refusal(of_error(error).status_code, str(error), 0)
            except HTTPException as error:
                return refusal(error.status_code, str(error.detail), 0)
            if not decoded.refused and not appended.refused:
                return Response(status_code=204)
            return refusal(400, *await asyncio.to_thread(_what_is_bad, decoded, appended))

    def _decode(self, body: bytes, *, precision: str, gzipped: bool) -> Decoded:
        plain = unpacked(body, self._limits) if gzipped else body
        return decode(plain, precision, self._door.rooms.now_ms(), self._limits, self._layouts)


def _what_is_bad(decoded: Decoded, appended: Appended) -> tuple[str, int]:
    """What the sender is told, and the first bad line."""
    found = [(bad.number, bad.reason) for bad in decoded.bad[:1]]
    if appended.refused.get("bad_labels"):
        found += _first_without_labels(decoded)
    number, reason = min(found, default=(0, appended.problem))
    counts = [f"{decoded.refused} lines"] if decoded.refused else []
    counts += [f"{count} samples ({reason})" for reason, count in sorted(appended.refused.items())]
    where = f"line {number}: " if number else ""
    return f"partial write: {where}{reason}; refused: {', '.join(counts)}; {appended.accepted} samples kept", number


def _first_without_labels(decoded: Decoded) -> list[tuple[int, str]]:
    for key, line in zip(decoded.columns.keys, decoded.lines.tolist(), strict=True):
        try:
            decoded.columns.labels_of(key)
        except BadInput as error:
            return [(line, str(error))]
    return []


def _version_1(status: int, message: str, line: int) -> Response:
    return answer({"error": message}, status, {**_again(status), "X-Influxdb-Error": _one_line(message)})


def _version_2(status: int, message: str, line: int) -> Response:
    where = {"line": line} if line else {}
    return answer({"code": _CODES.get(status, "internal error"), "message": message, **where}, status, _again(status))


def _again(status: int) -> dict[str, str]:
    return {"Retry-After": "1" if status == 503 else "5"} if status in {503, 507} else {}


def _one_line(message: str) -> str:
    """As a header may hold it."""
    return "".join(sign if sign.isascii() and sign.isprintable() else "?" for sign in message)
