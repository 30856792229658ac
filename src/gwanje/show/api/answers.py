"""How the API answers: hot JSON as bytes, errors in one form."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from gwanje.because import plain
from gwanje.errors import (
    BadInput,
    BadQuery,
    GwanjeError,
    NotFound,
    Outdated,
    QueryLimit,
    Rejected,
    RetryLater,
    StoreFull,
    TooLarge,
)

_STATUS: dict[type[GwanjeError], int] = {
    TooLarge: 413,
    Outdated: 409,
    BadInput: 400,
    BadQuery: 400,
    NotFound: 404,
    QueryLimit: 422,
    RetryLater: 503,
    StoreFull: 507,
    Rejected: 422,
}


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer of dataclasses, dictionaries and lists."""
    return Response(msgspec.json.encode(value), status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


def as_file(text: str, name: str) -> Response:
    """YAML that a browser keeps as a file of this name."""
    named = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(text, headers=named, media_type="application/yaml")


def problem(
    status: int, what: str, *, where: str = "", todo: str = "", headers: dict[str, str] | None = None, said: str = ""
) -> Response:
    """An error answer: what happened, where, what to do; and its code and values, where it has them or `said` has.

    The page words it by these in the reader's language.
    """
    reason = plain(said or what)
    error = {"what": str(what), "where": where, "todo": todo}
    return answer({"error": {**error, "reason": reason} if reason else error}, status, headers)


def status_of(error: GwanjeError) -> int:
    """The status for an error that a room raised."""
    return next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)


def of_error(error: GwanjeError) -> Response:
    """The answer for an error that a room raised."""
    status = status_of(error)
    where = error.where if isinstance(error, BadInput) else ""
    retry = {"Retry-After": "5"} if status in {503, 507} else None
    return problem(status, str(error), where=where, headers=retry, said=error.said)
