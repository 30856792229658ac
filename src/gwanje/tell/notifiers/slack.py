"""Slack, by an incoming webhook, or by a bot that keeps one thread for each group of alerts."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import aiohttp
from pydantic import model_validator

from gwanje import config, kinds
from gwanje.because import Because
from gwanje.config import Secret
from gwanje.errors import Rejected, RetryLater
from gwanje.tell.notifiers.base import Accepted, Notification
from gwanje.tell.post import Answer, post
from gwanje.tell.texts import COLOURS, Part, Speech, Text, cut, write

_SHOWN: Final = 20
"""Slack takes at most 100 attachments and reads badly long before."""
_LONGEST_TEXT: Final = 4000
_LONGEST_FIELD: Final = 2000
_AGAIN: Final = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "message_limit_exceeded",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
    }
)
"""Errors after which Slack may take the same message later; it answers 200 to all of them."""


class Settings(Speech):
    """A Slack channel, by an incoming webhook (`url`), or by a bot (`bot_token` and `channel`): a bot answers in the thread of
    a group's first message, and its message about the end stands in the channel, too.
    """

    url: config.Secret = Secret("")
    """Address of the incoming webhook, from Slack's app page. Whoever has it can write to the channel."""
    bot_token: config.Secret = Secret("")
    """Instead of `url`: the token of a bot with the scope `chat:write`: `xoxb-…`."""
    channel: str = ""
    """With `bot_token`: the channel's ID or name. The bot must be a member of it."""
    api_url: str = "https://slack.com/api"
    """With `bot_token`: where Slack's API is."""

    needs: ClassVar = ()
    elsewhere: ClassVar = ("channel",)

    @property
    def absent(self) -> list[str]:
        """A bot needs a channel; a webhook its address."""
        if self.bot_token.get_secret_value():
            return [] if self.channel else ["channel"]
        return [] if self.url.get_secret_value() else ["url"]

    @model_validator(mode="after")
    def _one(self) -> Settings:
        if self.url.get_secret_value() and self.bot_token.get_secret_value():
            sentence = "needs either `url` or `bot_token` with `channel`, and not both"
            raise ValueError(Because(sentence, "either_of_both", one="url", other="bot_token + channel"))
        return self


def create(settings: Settings, world: kinds.World) -> Webhook | Bot:
    return (Bot if settings.bot_token.get_secret_value() else Webhook)(settings, world.http)


class Webhook:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http

    async def send(self, notification: Notification) -> Accepted:
        body = payload(notification, self._settings)
        answer = await post(self._http, self._settings.url, what="Slack", body=body, headers={})
        return Accepted(answer.status)


class Bot:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http
        self._token = settings.bot_token.get_secret_value()

    async def send(self, notification: Notification) -> Accepted:
        body = {**payload(notification, self._settings), "channel": self._settings.channel}
        if notification.reference:
            body |= {"thread_ts": notification.reference, "reply_broadcast": notification.resolved}
        answer = await post(
            self._http,
            Secret(f"{self._settings.api_url}/chat.postMessage"),
            what="Slack",
            body=body,
            headers={"Authorization": f"Bearer {self._token}"},
            secrets=[self._token],
        )
        said = _accepted(answer)
        return Accepted(answer.status, notification.reference or str(said.get("ts") or ""))


def _accepted(answer: Answer) -> dict[str, Any]:
    """Slack's own word on a message. Raises what `send` raises: the status is 200 also where it took nothing."""
    said = answer.taken("Slack", "ok", "`api_url`")
    if said is not None:
        return said
    error = str(answer.values.get("error"))[:100]
    if error in _AGAIN:
        raise RetryLater(f"Slack answered {error}", after=answer.after, status=answer.status)
    raise Rejected(f"Slack answered {error}; see whether `bot_token` and `channel` are right", status=answer.status)


def payload(notification: Notification, speech: Speech) -> dict[str, Any]:
    """The message: one line that a phone shows, and one attachment for each alert."""
    text = write(notification, speech, most=_SHOWN)
    attachments = [_attachment(part) for part in text.parts]
    if text.body:
        attachments.insert(0, {"color": COLOURS[text.tone], "text": _escaped(cut(text.body, _LONGEST_TEXT))})
    if text.more:
        attachments.append({"color": COLOURS["ended"], "text": text.more})
    return {"text": _headline(text), "attachments": attachments}


def _headline(text: Text) -> str:
    return _escaped(cut(text.title, _LONGEST_FIELD))


def _attachment(part: Part) -> dict[str, Any]:
    fields = [{"title": line.name, "value": _escaped(cut(line.text, _LONGEST_FIELD)), "short": line.short} for line in part.lines]
    return {
        "color": COLOURS[part.tone],
        "title": _escaped(part.title),
        **({"title_link": part.link} if part.link else {}),
        **({"text": " · ".join(f"<{link.url}|{link.name}>" for link in part.links)} if part.links else {}),
        "fallback": _escaped(cut(f"{part.title}: {part.summary}", _LONGEST_FIELD)),
        "fields": fields,
        "ts": int(part.at.timestamp()),
    }


def _escaped(text: str) -> str:
    """Slack reads these three characters as its own marks: a label could otherwise call everybody in the channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
