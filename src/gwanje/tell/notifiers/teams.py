"""Microsoft Teams, by a workflow that posts an Adaptive Card."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import aiohttp

from gwanje import config, kinds
from gwanje.tell.notifiers.base import Accepted, Notification
from gwanje.tell.post import judge, post
from gwanje.tell.texts import Part, Speech, Text, cut, write

_MOST_BYTES: Final = 27_000
"""Teams takes 28 KB, with what the workflow adds."""
_SHOWN: Final = 10
_SENTENCE: Final = 1000
_FAILED: Final = re.compile(rb"HTTP error (\d{3})")
_LONGEST_LINE: Final = 1000
_STYLES: Final = {"critical": "attention", "warning": "warning", "info": "accent", "resolved": "good", "ended": "default"}


class Settings(Speech):
    """A channel or chat of Microsoft Teams, by a workflow "when a Teams webhook request is received"."""

    url: config.Secret
    """Address of the workflow. Whoever has it can write to the channel."""


def create(settings: Settings, world: kinds.World) -> Teams:
    return Teams(settings, world.http)


class Teams:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http

    async def send(self, notification: Notification) -> Accepted:
        body = payload(notification, self._settings)
        answer = await post(self._http, self._settings.url, what="Teams", body=body, headers={})
        # The connectors that were there before workflows answer 200 and tell in a sentence what Teams answered to them.
        if failed := _FAILED.search(answer.body[:_SENTENCE]):
            judge("Teams", int(failed[1]), answer.after, "the connector could not deliver the message")
        return Accepted(answer.status)


def payload(notification: Notification, speech: Speech) -> dict[str, Any]:
    """A message with one Adaptive Card, with as many alerts as there is room for."""
    for most in (_SHOWN, 5, 2, 1):
        body = _message(write(notification, speech, most=most))
        if len(json.dumps(body).encode()) <= _MOST_BYTES:
            return body
    text = write(notification, speech, most=0)
    return _message(Text(text.tone, text.title, cut(text.body, _LONGEST_LINE), (), text.more))


def _message(text: Text) -> dict[str, Any]:
    title = {
        "type": "TextBlock",
        "text": cut(_unmarked(text.title), _LONGEST_LINE),
        "weight": "bolder",
        "size": "medium",
        "wrap": True,
    }
    below = [_block(_unmarked(one)) for one in (text.body, text.more) if one]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [title, *below[:1], *map(_container, text.parts), *below[1:]],
        "actions": [{"type": "Action.OpenUrl", "title": link.name, "url": link.url} for link in text.links],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _container(part: Part) -> dict[str, Any]:
    facts = [{"title": line.name, "value": cut(_unmarked(line.text), _LONGEST_LINE)} for line in part.lines]
    return {
        "type": "Container",
        "style": _STYLES[part.tone],
        "bleed": True,
        "items": [{**_block(_unmarked(part.title)), "weight": "bolder"}, {"type": "FactSet", "facts": facts}],
    }


def _block(text: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True}


def _unmarked(text: str) -> str:
    """Cards read some Markdown: what stands in labels must stay text."""
    return "".join(f"\\{character}" if character in "\\*_[]`" else character for character in text)
