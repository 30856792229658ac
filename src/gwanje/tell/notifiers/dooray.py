"""Dooray! messenger, by an incoming hook."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import aiohttp

from gwanje import config, kinds
from gwanje.errors import Rejected
from gwanje.tell.notifiers.base import Accepted, Notification
from gwanje.tell.post import post
from gwanje.tell.texts import COLOURS, Part, Speech, cut, write

_SHOWN: Final = 20
_LONGEST: Final = 3000


class Settings(Speech):
    """A channel of Dooray! messenger, by an incoming hook."""

    url: config.Secret
    """Address of the hook, from the channel's services. Whoever has it can write to the channel."""
    name: str = "gwanje"
    """The name under which messages appear."""
    icon: str = ""
    """Address of a picture that is shown beside the name."""

    elsewhere: ClassVar = ("name", "icon")


def create(settings: Settings, world: kinds.World) -> Dooray:
    return Dooray(settings, world.http)


class Dooray:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http

    async def send(self, notification: Notification) -> Accepted:
        body = payload(notification, self._settings)
        answer = await post(self._http, self._settings.url, what="Dooray", body=body, headers={})
        said = answer.values
        header = said.get("header") if isinstance(said, dict) else None
        if isinstance(header, dict) and header.get("isSuccessful") is False:  # with status 200
            raise Rejected(f"Dooray answered {str(header.get('resultMessage'))[:100]}", status=answer.status)
        return Accepted(answer.status)


def payload(notification: Notification, settings: Settings) -> dict[str, Any]:
    text = write(notification, settings, most=_SHOWN)
    attachments = [_attachment(part) for part in text.parts]
    if text.body:
        attachments.insert(0, {"text": cut(text.body, _LONGEST), "color": COLOURS[text.tone]})
    if text.more:
        attachments.append({"text": text.more, "color": COLOURS["ended"]})
    return {
        "botName": settings.name,
        **({"botIconImage": settings.icon} if settings.icon else {}),
        "text": cut(text.title, _LONGEST),
        "attachments": attachments,
    }


def _attachment(part: Part) -> dict[str, Any]:
    lines = [*(f"{line.name}: {line.text}" for line in part.lines), *(f"{link.name}: {link.url}" for link in part.links)]
    return {
        "title": part.title,
        **({"titleLink": part.link} if part.link else {}),
        "text": cut("\n".join(lines), _LONGEST),
        "color": COLOURS[part.tone],
    }
