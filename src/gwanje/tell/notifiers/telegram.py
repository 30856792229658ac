"""Telegram, by a bot."""

from __future__ import annotations

from html import escape
from typing import Any, ClassVar, Final

import aiohttp

from gwanje import config, kinds
from gwanje.config import Secret
from gwanje.errors import Rejected
from gwanje.tell.notifiers.base import Accepted, Notification
from gwanje.tell.post import post
from gwanje.tell.texts import Part, Speech, cut, write

_LONGEST: Final = 4096
"""Characters of a message, without its marks."""
_SHOWN: Final = 10
_ASKS: Final = ("parameters", "retry_after")


class Settings(Speech):
    """A Telegram chat, by a bot. Later messages of a group answer its first one."""

    bot_token: config.Secret
    """The bot's token, from @BotFather."""
    chat_id: str
    """The chat: a number, or `@name` of a public channel. The bot must be a member of it."""
    thread_id: int | None = None
    """The topic of a group that has topics."""
    api_url: str = "https://api.telegram.org"
    """Where Telegram's Bot API is."""

    needs: ClassVar = ("bot_token", "chat_id")
    elsewhere: ClassVar = ("chat_id", "thread_id")


def create(settings: Settings, world: kinds.World) -> Telegram:
    return Telegram(settings, world.http)


class Telegram:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http

    async def send(self, notification: Notification) -> Accepted:
        token = self._settings.bot_token.get_secret_value()
        url = Secret(f"{self._settings.api_url}/bot{token}/sendMessage")
        body = payload(notification, self._settings)
        answer = await post(self._http, url, what="Telegram", body=body, headers={}, secrets=[token], asks=_ASKS)
        said = answer.taken("Telegram", "ok", "`api_url`")
        if said is None:
            raise Rejected(f"Telegram answered {str(answer.values.get('description'))[:100]}", status=answer.status)
        result = said.get("result") or {}
        return Accepted(answer.status, notification.reference or str(result.get("message_id") or ""))


def payload(notification: Notification, settings: Settings) -> dict[str, Any]:
    """The message in Telegram's HTML; what is longer than Telegram takes is cut between alerts."""
    text = write(notification, settings, most=_SHOWN)
    body: dict[str, Any] = {
        "chat_id": settings.chat_id,
        "text": _html(text.title, [*filter(None, [text.body]), *text.parts, *filter(None, [text.more])]),
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }
    if settings.thread_id is not None:
        body["message_thread_id"] = settings.thread_id
    if notification.reference.isdigit():
        body["reply_parameters"] = {"message_id": int(notification.reference), "allow_sending_without_reply": True}
    return body


def _html(title: str, below: list[str | Part]) -> str:
    """Title and parts, each escaped and none cut in the middle of a mark."""
    title = cut(title, 500)
    text, room = f"<b>{escape(title)}</b>", _LONGEST - len(title)
    for part in below:
        plain = part if isinstance(part, str) else "\n".join(f"{line.name}: {line.text}" for line in part.lines)
        plain = cut(plain, min(room - 2, 1500)) if room > 40 else ""
        if not plain:
            return f"{text}\n…"
        links = (
            ""
            if isinstance(part, str)
            else " · ".join(f'<a href="{escape(link.url)}">{escape(link.name)}</a>' for link in part.links)
        )
        names = 0 if isinstance(part, str) else sum(len(link.name) + 3 for link in part.links)
        text += f"\n\n{escape(plain)}" + (f"\n{links}" if links and names + len(plain) + 2 < room else "")
        room -= len(plain) + names + 3
    return text
