"""The gate in front of every path: which name was asked for, from which page, how much was sent, and who it is.

Nothing but the list `OPEN` is answered without a session or a key; what a route needs beyond that it says with `needs`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from typing import Any

from fastapi import Depends, HTTPException, Request
from starlette.datastructures import QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gwanje.keep.state import people
from gwanje.keep.state.people import Who
from gwanje.show.api.answers import problem
from gwanje.show.rooms import Rooms

COOKIE = "gwanje_session"
OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/api/session"),
    ("POST", "/api/first-user"),
    ("POST", "/api/v1/sns"),  # SNS can send no key: its messages are signed, and only named topics are let in
    ("GET", "/ping"),
    ("HEAD", "/ping"),
}
GUARDED = {"/metrics", "/federate", "/collect", "/status", "/write", "/v1/metrics"}
"""Beside everything under `/api/`. What is left are the page's files and views."""
SMALL_BODY = 1 << 20
INFLUX = {"/write", "/api/v2/write"}
"""Paths on which a key may also come in the ways of InfluxDB's clients."""
_LONGEST_ADDRESS = 64  # characters, with the zone of an address of version 6
_REMEMBER_SECONDS = 2.0  # how long a revoked session or key may still pass

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


class Gate:
    """ASGI middleware; puts `who` (Who or None) into the request's state."""

    def __init__(self, app: ASGIApp, rooms: Rooms) -> None:
        self._app = app
        self._rooms = rooms
        self._known: OrderedDict[tuple[str, str], tuple[float, Who | None]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        refusal = await self._refusal(scope, headers)
        inner: ASGIApp = refusal or self._app
        await inner(scope, _limited(receive, self._body_limit(scope)), _with_headers(send))

    async def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> ASGIApp | None:
        local = _from_this_machine(scope)
        if not local and not self._host_is_ours(headers.get("host", "")):
            return problem(
                421, "this server is not asked for under that name", where="Host", todo="add the name to `hosts` in gwanje.yaml"
            )
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._body_limit(scope):
            return problem(413, f"the body is over the limit of {self._body_limit(scope)} bytes", todo="send smaller bodies")
        token = _cookie(headers)
        if (
            scope["method"] not in {"GET", "HEAD", "OPTIONS"}
            and not local
            and not _same_origin(scope, headers, has_cookie=bool(token))
        ):
            return problem(403, "the request comes from another site", where="Origin")
        key = _key(scope, headers)
        who = people.Who("this machine", frozenset(people.Scope), people.Role.ADMIN) if local else await self._who(key, token)
        scope.setdefault("state", {})["who"] = who
        path = scope["path"]
        guarded = path.startswith("/api/") or path in GUARDED
        if who is None and guarded and (scope["method"], path) not in OPEN:
            return problem(401, "sign in, or send a key as `Authorization: Bearer …`", headers={"WWW-Authenticate": "Bearer"})
        return None

    def _host_is_ours(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        name = name.strip("[]").lower()
        if name == "localhost" or name in self._rooms.hosts:
            return True
        # A page of another site can point its own name at our address, but never an address itself.
        return len(name) <= _LONGEST_ADDRESS and _is_address(name)

    def _body_limit(self, scope: Scope) -> int:
        ingest = scope["path"] in {"/api/v1/write", "/api/v1/events", "/api/v1/import", "/v1/metrics", *INFLUX}
        return self._rooms.body_bytes if ingest else SMALL_BODY

    async def _who(self, key: str, token: str) -> Who | None:
        if key:
            return await self._remembered("key", key)
        return await self._remembered("session", token) if token else None

    async def _remembered(self, kind: str, token: str) -> Who | None:
        found = self._known.get((kind, token))
        if found and found[0] > time.monotonic():
            return found[1]
        who = await asyncio.to_thread(self._look_up, kind, token)
        self._known[kind, token] = (time.monotonic() + _REMEMBER_SECONDS, who)
        while len(self._known) > 10_000:
            self._known.popitem(last=False)
        return who

    def _look_up(self, kind: str, token: str) -> Who | None:
        with self._rooms.state.read() as connection:
            if kind == "key":
                return people.by_key(connection, token)
            return people.by_session(connection, token, self._rooms.now())


def who_asks(request: Request) -> Who:
    """The one who asks; the gate has let nobody unknown through to a guarded path."""
    who: Who | None = request.scope["state"].get("who")
    if who is None:
        raise HTTPException(401)
    return who


def allowed(request: Request, scope: people.Scope) -> Who:
    """The one who asks, who must have this scope. HTTPException 401 or 403 for anyone else."""
    who = who_asks(request)
    if scope not in who.scopes:
        raise HTTPException(403, f"{who.name} lacks the scope {scope.value!r}")
    return who


def needs(scope: people.Scope) -> Any:
    """A route's dependency: the one who asks must have this scope."""

    async def check(request: Request) -> Who:  # what is not async, FastAPI sends through a thread
        return allowed(request, scope)

    return Depends(check)


def _headers(scope: Scope) -> Mapping[str, str]:
    """The first of each name."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


def _from_this_machine(scope: Scope) -> bool:
    """True on the folder's socket, which only the folder's owner can open: its address is a path and has no port."""
    server = scope.get("server")
    return server is not None and server[1] is None


@lru_cache(100)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _key(scope: Scope, headers: Mapping[str, str]) -> str:
    """The key that a program sends; empty without one."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    as_influx = scope["path"] in INFLUX
    match scheme.lower():
        case "bearer":
            return credentials.strip()
        case "token" if as_influx:
            return credentials.strip()
        case "basic" if as_influx:
            return _password(credentials)
        case "" if scope["path"] == "/write":
            return QueryParams(scope["query_string"]).get("p", "")
    return ""


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _cookie(headers: Mapping[str, str]) -> str:
    sent = headers.get("cookie", "")
    if COOKIE not in sent:
        return ""
    try:
        morsel = SimpleCookie(sent).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _same_origin(scope: Scope, headers: Mapping[str, str], *, has_cookie: bool) -> bool:
    """A browser says where a request comes from; a request that a cookie authorises must say it, and it must be us."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None:
        return origin.partition("://")[2] == headers.get("host")
    if site is not None:
        return site in {"same-origin", "none"}
    return not has_cookie


def _limited(receive: Receive, limit: int) -> Receive:
    """Counts what comes in without a Content-Length, too."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            raise HTTPException(413, f"the body is over the limit of {limit} bytes")
        return message

    return counted


def _with_headers(send: Send) -> Callable[[Message], Any]:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = dict(message["headers"])
            message["headers"] = [*message["headers"], *[pair for pair in _HEADERS if pair[0] not in own]]
        await send(message)

    return sender
