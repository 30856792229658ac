"""KakaoWork, by a bot."""

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
from gwanje.tell.texts import Speech, cut, plain_part, write

_SHOWN: Final = 10
_LONGEST_HEADER: Final = 20
_LONGEST_TEXT: Final = 500
_AGAIN: Final = frozenset({"too_many_requests", "rate_limit_exceeded", "internal_server_error", "server_error"})


class Settings(Speech):
    """A room or a person in KakaoWork, by a bot."""

    app_key: config.Secret
    """The bot's app key."""
    conversation_id: str = ""
    """The room. The bot must be in it."""
    email: str = ""
    """Instead of a room: the address of a person, who is written to directly."""
    api_url: str = "https://api.kakaowork.com/v1"
    """Where KakaoWork's API is."""

    needs: ClassVar = ("app_key",)
    elsewhere: ClassVar = ("conversation_id", "email")

    @model_validator(mode="after")
    def _one(self) -> Settings:
        if bool(self.conversation_id) == bool(self.email) and self.app_key.get_secret_value():
            sentence = "needs either `conversation_id` or `email`, and not both"
            raise ValueError(Because(sentence, "either_of_both", one="conversation_id", other="email"))
        return self


def create(settings: Settings, world: kinds.World) -> KakaoWork:
    return KakaoWork(settings, world.http)


class KakaoWork:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http

    async def send(self, notification: Notification) -> Accepted:
        settings = self._settings
        key = settings.app_key.get_secret_value()
        to = {"email": settings.email} if settings.email else {"conversation_id": settings.conversation_id}
        url = Secret(f"{settings.api_url}/messages.{'send_by_email' if settings.email else 'send'}")
        body = {**to, **payload(notification, settings)}
        headers = {"Authorization": f"Bearer {key}"}
        _accepted(answer := await post(self._http, url, what="KakaoWork", body=body, headers=headers, secrets=[key]))
        return Accepted(answer.status)


def _accepted(answer: Answer) -> None:
    """Raise what `send` raises where KakaoWork took nothing: it says so in the body of a 200."""
    if answer.taken("KakaoWork", "success", "`api_url`") is not None:
        return
    error = answer.values.get("error") or {}
    code = str(error.get("code") if isinstance(error, dict) else error)[:100]
    if code in _AGAIN:
        raise RetryLater(f"KakaoWork answered {code}", after=answer.after, status=answer.status)
    raise Rejected(f"KakaoWork answered {code}; see whether `app_key` and the room are right", status=answer.status)


def payload(notification: Notification, speech: Speech) -> dict[str, Any]:
    """The line that a phone shows, and blocks below it: one of text for each alert, and buttons for the first one's links."""
    text = write(notification, speech, most=_SHOWN)
    told = [text.title, *filter(None, [text.body]), *map(plain_part, text.parts), *filter(None, [text.more])]
    blocks: list[dict[str, Any]] = [{"type": "text", "text": cut(one, _LONGEST_TEXT)} for one in told]
    blocks += [
        {
            "type": "button",
            "text": cut(link.name, _LONGEST_HEADER),
            "style": "default",
            "action": {"type": "open_system_browser", "name": f"link{number}", "value": link.url},
        }
        for number, link in enumerate(text.links)
    ]
    return {"text": cut(text.title, _LONGEST_TEXT), "blocks": blocks}
