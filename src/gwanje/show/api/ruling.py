"""Rules that people write on the page, and the text of those that stand in files."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from gwanje.keep.state.people import Scope, Who
from gwanje.show import exporting, rehearsing, ruling
from gwanje.show.api.answers import answer, as_file, problem
from gwanje.show.api.gate import needs
from gwanje.show.api.saying import by
from gwanje.show.api.waiting import LeftError, while_there
from gwanje.show.rooms import Rooms
from gwanje.written import LONGEST

_PATH = "/api/v1/written-rules"
_Text = Annotated[str, Field(max_length=LONGEST)]
_Name = Annotated[str, Field(max_length=200)]


class RuleBody(BaseModel):
    """A rule as YAML, as one of `rules` stands in gwanje.yaml. Its `name` names it."""

    model_config = ConfigDict(extra="forbid")

    text: _Text
    enabled: bool = True
    revision: int | None = None
    """The revision that was read, to change a rule; without it, a new one is made."""
    rule: _Name | None = None
    """The name of the rule that was read. Where the text says another, it is renamed: its open alerts end and begin anew."""


class SwitchBody(BaseModel):
    """Whether a rule is evaluated; also one of a file."""

    model_config = ConfigDict(extra="forbid")

    rule: _Name
    enabled: bool
    revision: int | None = None
    """Where it is set, a rule of the page is only switched when nobody changed it since."""


class CheckBody(BaseModel):
    """A rule's text, or the values of a form to make it of."""

    model_config = ConfigDict(extra="forbid")

    text: _Text | None = None
    values: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one(self) -> CheckBody:
        if (self.text is None) == (self.values is None):
            raise ValueError("say either `text` or `values`")
        return self


class PreviewBody(BaseModel):
    """A rule's text, and how far back it is rehearsed."""

    model_config = ConfigDict(extra="forbid")

    text: _Text
    last: Literal["24h", "7d"] = "24h"


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["rules"])

    @router.get(_PATH, dependencies=[needs(Scope.READ)])
    async def listed(rule: _Name | None = None, *, of_page: bool = False) -> Response:
        """Every rule, of files and of the page; with `rule` that one, with its text, also one of the page that is set aside."""
        if rule is None:
            return answer(await asyncio.to_thread(ruling.listed, rooms))
        return answer(await asyncio.to_thread(ruling.one, rooms, rule, of_page=of_page))

    @router.put(_PATH)
    async def put(asked: RuleBody, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """Make or change a rule; it counts from the next evaluation on. 409 when somebody changed it since it was read."""
        wanted = ruling.Asked(asked.text, asked.enabled, asked.revision, asked.rule)
        return answer(await asyncio.to_thread(ruling.save, rooms, wanted, by(request, who)))

    @router.put(f"{_PATH}/enabled")
    async def switch(asked: SwitchBody, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """Switch a rule on or off. What is open of one that is switched off ends with `rule removed`."""
        said = by(request, who)
        return answer(await asyncio.to_thread(ruling.switch, rooms, asked.rule, asked.revision, said, on=asked.enabled))

    @router.delete(_PATH, status_code=204)
    async def drop(rule: _Name, revision: int, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """Remove a rule of the page. What is open of it ends with `rule removed`."""
        await asyncio.to_thread(ruling.drop, rooms, rule, revision, by(request, who))
        return Response(status_code=204)

    @router.get(f"{_PATH}/export", dependencies=[needs(Scope.READ)])
    async def export(rule: _Name | None = None) -> Response:
        """The rules of the page, or one of them, as a file for the folder `rules`, which says the same when it is read."""
        return as_file(await asyncio.to_thread(exporting.rules, rooms, rule), "rules.yaml")

    _add_trials(router, rooms)
    return router


def _add_trials(router: APIRouter, rooms: Rooms) -> None:
    """What keeps nothing."""
    one_at_a_time = asyncio.Semaphore(1)  # one asks a whole week's questions: two at once would make evaluations late

    async def in_turn(asked: PreviewBody) -> dict[str, Any]:
        async with one_at_a_time:
            return await rehearsing.preview(rooms, asked.text, asked.last)

    @router.post(f"{_PATH}/check", dependencies=[needs(Scope.READ)])
    async def check(asked: CheckBody) -> Response:
        """What a text says, with every mistake; or the text of a form's values. Nothing is kept."""
        if asked.text is not None:
            return answer(await asyncio.to_thread(ruling.check_text, asked.text))
        return answer(await asyncio.to_thread(ruling.check_values, asked.values or {}))

    @router.post(f"{_PATH}/preview", dependencies=[needs(Scope.OPERATE)])
    async def preview(asked: PreviewBody, request: Request) -> Response:
        """How often the rule would have fired in the last 24 hours or 7 days, and when. Nothing is kept, nobody is told."""
        try:
            return answer(await while_there(request, in_turn(asked)))
        except LeftError:
            return problem(499, "the one who asked has gone")
