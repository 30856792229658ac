"""Discord, by a channel's webhook."""

from __future__ import annotations

from typing import Any, Final

import aiohttp
from yarl import URL

from gwanje import config, kinds
from gwanje.config import Secret
from gwanje.tell.notifiers.base import Accepted, Notification
from gwanje.tell.post import post
from gwanje.tell.texts import COLOURS, Part, Speech, write

_SHOWN: Final = 10
_LONGEST: Final = {"content": 2000, "title": 256, "description": 4096, "name": 256, "value": 1024}
_ALL: Final = 6000
"""Characters of all embeds of a message together."""
_ASKS: Final = ("retry_after",)


class Settings(Speech):
    """A Discord channel, by its webhook."""

    url: config.Secret
    """Address of the webhook, from the channel's integrations. Whoever has it can write to the channel."""


def create(settings: Settings, world: kinds.World) -> Discord:
    return Discord(settings, world.http)


class Discord:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http

    async def send(self, notification: Notification) -> Accepted:
        body = payload(notification, self._settings)
        answer = await post(self._http, _confirmed(self._settings.url), what="Discord", body=body, headers={}, asks=_ASKS)
        return Accepted(answer.status)


def _confirmed(url: Secret) -> Secret:
    """The webhook's address, asked to answer only when the message is kept: otherwise Discord is silent about what it drops."""
    address = url.get_secret_value()
    try:
        return Secret(str(URL(address).update_query(wait="true"))) if address else url
    except ValueError:
        return url


def payload(notification: Notification, speech: Speech) -> dict[str, Any]:
    """The message: one line, and one embed for each alert as far as there is room. Nobody is called by what stands in it."""
    text = write(notification, speech, most=_SHOWN)
    embeds = [_embed(part) for part in text.parts]
    if text.body:
        embeds.insert(0, {"description": _cut(_unlinked(text.body), _LONGEST["description"]), "color": _number(text.tone)})
    kept, left = [], _ALL
    for embed in embeds[:_SHOWN]:
        left -= _length(embed)
        kept += [embed] if left >= 0 else []
    more = f"\n{text.more}" if text.more else "" if len(kept) == len(embeds) else "\n…"
    return {
        "content": _cut(_unlinked(text.title), _LONGEST["content"] - len(more)) + more,
        "embeds": kept,
        "allowed_mentions": {"parse": []},
    }


def _embed(part: Part) -> dict[str, Any]:
    links = " · ".join(f"[{link.name}]({link.url})" for link in part.links)
    fields = [
        {"name": _cut(line.name, _LONGEST["name"]), "value": _cut(_unlinked(line.text), _LONGEST["value"]), "inline": line.short}
        for line in part.lines
    ]
    return {
        "title": _cut(_unlinked(part.title), _LONGEST["title"]),
        **({"url": part.link} if part.link else {}),
        **({"description": _cut(links, _LONGEST["description"])} if links else {}),
        "color": _number(part.tone),
        "timestamp": part.at.isoformat(),
        "fields": fields,
    }


def _cut(text: str, most: int) -> str:
    """The text in at most so many characters as Discord counts them, with a sign where some are left out."""
    if _units(text) <= most:
        return text
    return text.encode("utf-16-le", errors="replace")[: 2 * (most - 1)].decode("utf-16-le", errors="ignore").rstrip() + "…"


def _units(text: str) -> int:
    """Discord counts in UTF-16: most emoji are two."""
    return len(text.encode("utf-16-le", errors="replace")) // 2


def _unlinked(text: str) -> str:
    """Discord reads `[text](address)` as a link: a label could otherwise lead people elsewhere."""
    return text.replace("](", "] (")


def _length(embed: dict[str, Any]) -> int:
    fields = sum(_units(field["name"]) + _units(field["value"]) for field in embed.get("fields", ()))
    return _units(embed.get("title", "")) + _units(embed.get("description", "")) + fields


def _number(tone: str) -> int:
    return int(COLOURS[tone].removeprefix("#"), 16)
