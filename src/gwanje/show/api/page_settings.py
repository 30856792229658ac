"""Receivers, windows, rotas, escalations and routes that people write on the page."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from gwanje.keep.state.people import Scope, Who
from gwanje.show import page_settings, setting_ahead, setting_export, setting_forms
from gwanje.show.api.answers import answer, as_file
from gwanje.show.api.gate import needs
from gwanje.show.api.saying import by
from gwanje.show.rooms import Rooms
from gwanje.written import LONGEST

_PATH = "/api/v1/page-settings"
_Kind = Literal["receiver", "window", "rota", "escalation", "route"]
_Text = Annotated[str, Field(max_length=LONGEST)]
_Name = Annotated[str, Field(max_length=200)]


class SettingBody(BaseModel):
    """A setting as YAML, as one of its section stands in gwanje.yaml. Its `name` names it.

    A secret is written in plain words once; where the text says `***`, the one that is kept stays.
    """

    model_config = ConfigDict(extra="forbid")

    kind: _Kind
    text: _Text
    revision: int | None = None
    """The revision that was read, to change one; without it, a new one is made."""
    name: _Name | None = None
    """The name that was read. Where the text says another, it is renamed, and what names it says the new name."""


class SettingCheckBody(BaseModel):
    """A setting's text, or the values of a form to make it of."""

    model_config = ConfigDict(extra="forbid")

    kind: _Kind
    text: _Text | None = None
    values: dict[str, Any] | None = None
    name: _Name | None = None
    """The name that was read, of a setting that is changed."""

    @model_validator(mode="after")
    def _one(self) -> SettingCheckBody:
        if (self.text is None) == (self.values is None):
            raise ValueError("say either `text` or `values`")
        return self


def routes(rooms: Rooms) -> APIRouter:
    router = APIRouter(tags=["alerts"])

    @router.get(_PATH, dependencies=[needs(Scope.READ)])
    async def listed(kind: _Kind | None = None, name: _Name | None = None, *, of_file: bool = False) -> Response:
        """Every setting, of files and of the page; with `kind` and `name` that one of the page, or of a file, with its text."""
        if kind is None or name is None:
            return answer(await asyncio.to_thread(page_settings.listed, rooms))
        return answer(await asyncio.to_thread(page_settings.one, rooms, kind, name, of_file=of_file))

    @router.put(_PATH)
    async def put(asked: SettingBody, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """Make or change a setting; it counts from the next evaluation on. 409 when somebody changed it since it was read."""
        wanted = page_settings.Asked(asked.kind, asked.text, asked.revision, asked.name)
        return answer(await asyncio.to_thread(page_settings.save, rooms, wanted, by(request, who)))

    @router.delete(_PATH, status_code=204)
    async def drop(kind: _Kind, name: _Name, revision: int, request: Request, who: Who = needs(Scope.OPERATE)) -> Response:
        """Remove a setting of the page; refused while another one names it."""
        await asyncio.to_thread(page_settings.drop, rooms, kind, name, revision, by(request, who))
        return Response(status_code=204)

    @router.get(f"{_PATH}/export", dependencies=[needs(Scope.READ)])
    async def export(kind: _Kind | None = None, name: _Name | None = None) -> Response:
        """The settings of the page, or one of them, as sections of gwanje.yaml. For secrets, variables stand in it."""
        return as_file(await asyncio.to_thread(setting_export.settings, rooms, kind, name), "settings.yaml")

    _add_trials(router, rooms)
    return router


def _add_trials(router: APIRouter, rooms: Rooms) -> None:
    """What keeps nothing."""

    @router.get(f"{_PATH}/types", dependencies=[needs(Scope.READ)])
    async def types(type: Annotated[str, Field(max_length=60)] = "") -> Response:  # noqa: A002 - the configuration's word
        """The types of receivers; with `type` what a form asks for that one."""
        if not type:
            return answer({"types": setting_forms.types()})
        return answer({"fields": await asyncio.to_thread(setting_forms.fields, type)})

    @router.post(f"{_PATH}/check", dependencies=[needs(Scope.OPERATE)])
    async def check(asked: SettingCheckBody) -> Response:
        """What a text says, with every mistake; or the text of a form's values. Nothing is kept."""
        if asked.text is not None:
            return answer(await asyncio.to_thread(page_settings.check, rooms, asked.kind, asked.text, asked.name))
        return answer(await asyncio.to_thread(page_settings.check_values, rooms, asked.kind, asked.values or {}, asked.name))

    @router.post(f"{_PATH}/ahead", dependencies=[needs(Scope.OPERATE)])
    async def ahead(asked: SettingCheckBody) -> Response:
        """What a text would do: the next times of a window, the next turns of a rota, the steps of an escalation."""
        return answer(await asyncio.to_thread(setting_ahead.ahead, rooms, asked.kind, asked.text or ""))
