"""JANDI, by an incoming webhook."""

from __future__ import annotations

from typing import Any, Final

import aiohttp

from gwanje import config, kinds
from gwanje.tell.notifiers.base import Accepted, Notification
from gwanje.tell.post import post
from gwanje.tell.texts import COLOURS, Part, Speech, cut, write

_SHOWN: Final = 20
_LONGEST: Final = 3000
_HEADERS: Final = {"Accept": "application/vnd.tosslab.jandi-v2+json"}


class Settings(Speech):
    """A topic of JANDI, by an incoming webhook."""

    url: config.Secret
    """Address of the webhook, from JANDI Connect. Whoever has it can write to the topic."""


def create(settings: Settings, world: kinds.World) -> Jandi:
    return Jandi(settings, world.http)


class Jandi:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http

    async def send(self, notification: Notification) -> Accepted:
        body = payload(notification, self._settings)
        answer = await post(self._http, self._settings.url, what="JANDI", body=body, headers=_HEADERS)
        return Accepted(answer.status)


def payload(notification: Notification, speech: Speech) -> dict[str, Any]:
    text = write(notification, speech, most=_SHOWN)
    below = [{"title": part.title, "description": _description(part)} for part in text.parts]
    if text.body:
        below.insert(0, {"description": cut(text.body, _LONGEST)})
    if text.more:
        below.append({"description": text.more})
    return {"body": _unmarked(cut(text.title, _LONGEST)), "connectColor": COLOURS[text.tone], "connectInfo": below}


def _description(part: Part) -> str:
    lines = [
        *(f"{line.name}: {_unmarked(line.text)}" for line in part.lines),
        *(f"[[{link.name}]]({link.url})" for link in part.links),
    ]
    return cut("\n".join(lines), _LONGEST)


def _unmarked(text: str) -> str:
    """JANDI reads `[[text]](address)` as a link: a label could otherwise lead people elsewhere."""
    return text.replace("[[", "[ [")
