"""Signing in and out, and the first user by one-time link."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from gwanje import __version__
from gwanje.because import Because
from gwanje.errors import BadInput
from gwanje.keep.state import people
from gwanje.show.api.answers import answer, problem
from gwanje.show.api.gate import COOKIE, who_asks
from gwanje.show.rooms import Rooms

_TRIES, _WINDOW_SECONDS = 8, 60.0


class SignIn(BaseModel):
    """Name and password."""

    name: str = Field(max_length=200)
    password: str = Field(max_length=2000)


class FirstUser(SignIn):
    """The one-time link's token, and who the first user shall be."""

    token: str = Field(max_length=200)


@dataclass(frozen=True, slots=True)
class Signed:
    """Who is signed in."""

    name: str
    role: str
    version: str


class _Tries:
    """Failed tries per address and per name: after eight within a minute, wait. Bounded; oldest forgotten first."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, key: str, now: float) -> int:
        """Seconds to wait before the next try; 0 when it may be now."""
        failed = self._failed.get(key, deque())
        while failed and failed[0] <= now - _WINDOW_SECONDS:
            failed.popleft()
        return int(failed[0] + _WINDOW_SECONDS - now) + 1 if len(failed) >= _TRIES else 0

    def failed(self, key: str, now: float) -> None:
        self._failed.setdefault(key, deque(maxlen=_TRIES)).append(now)
        self._failed.move_to_end(key)
        while len(self._failed) > 10_000:
            self._failed.popitem(last=False)


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["session"])
    tries = _Tries()

    @router.post("/api/session", response_model=Signed)
    async def sign_in(asked: SignIn, request: Request) -> Response:
        """Start a session. After eight wrong tries within a minute the answer is 429 with Retry-After."""
        address = request.client.host if request.client else ""
        now = rooms.now().timestamp()
        wait = max(tries.wait(f"address {address}", now), tries.wait(f"name {asked.name}", now))
        if wait:
            what = Because(f"too many wrong tries; try again in {wait} s", "too_many_tries", seconds=wait)
            return problem(429, what, headers={"Retry-After": str(wait)})
        session = await asyncio.to_thread(_sign_in, rooms, asked.name, asked.password, address)
        if not session:
            tries.failed(f"address {address}", now)
            tries.failed(f"name {asked.name}", now)
            return problem(401, Because("name and password do not belong together", "wrong_password"))
        return _signed(rooms, *session)

    @router.get("/api/session", response_model=Signed)
    async def signed_in(request: Request) -> Response:
        """Who is signed in."""
        who = who_asks(request)
        return answer(Signed(who.name, who.role.value if who.role else "key", __version__))

    @router.delete("/api/session", status_code=204)
    async def sign_out(request: Request) -> Response:
        """End this session."""
        await asyncio.to_thread(_sign_out, rooms, request.cookies.get(COOKIE, ""))
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, path="/")
        return response

    @router.post("/api/first-user", response_model=Signed)
    async def first_user(asked: FirstUser, request: Request) -> Response:
        """Make the first user with the token of the one-time link, and sign in."""
        address = request.client.host if request.client else ""
        try:
            session = await asyncio.to_thread(_first_user, rooms, asked, address)
        except BadInput as error:
            return problem(422, str(error), where=error.where, said=error.said)
        if not session:
            what = Because("this link was used, has expired, or never was", "link_used")
            return problem(403, what, todo="start gwanje again for a new link")
        return _signed(rooms, *session)

    return router


def _sign_in(rooms: Rooms, name: str, password: str, address: str) -> tuple[str, people.Who] | None:
    # The password is checked before the write begins: argon2id takes its time, and the database has one writer.
    with rooms.state.read() as connection:
        who = people.check_password(connection, name, password)
    now = rooms.now()
    with rooms.state.write() as connection:
        people.note(connection, now, name[:100], "sign in" if who else "sign in refused", "session", address=address)
        return (people.open_session(connection, name, address, now), who) if who else None


def _sign_out(rooms: Rooms, token: str) -> None:
    with rooms.state.write() as connection:
        people.sign_out(connection, token)


def _first_user(rooms: Rooms, asked: FirstUser, address: str) -> tuple[str, people.Who] | None:
    now = rooms.now()
    with rooms.state.write() as connection:
        role = people.accept_invitation(connection, asked.token, now)
        if not role:
            return None
        people.add_user(connection, asked.name, asked.password, role, now)
        people.note(connection, now, asked.name, "user made", asked.name, after={"role": role.value}, address=address)
        who = people.Who(asked.name, role.scopes, role)
        return people.open_session(connection, asked.name, address, now), who


def _signed(rooms: Rooms, token: str, who: people.Who) -> Response:
    response = answer(Signed(who.name, who.role.value if who.role else "", __version__))
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(people.SESSION_LENGTH.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=rooms.url.startswith("https://"),
    )
    return response
