"""NAVER WORKS, by a bot and its service account."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final

import aiohttp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import field_validator, model_validator

from gwanje import config, kinds
from gwanje.because import Because
from gwanje.config import Secret
from gwanje.errors import Rejected, RetryLater
from gwanje.tell.notifiers.base import Accepted, Notification
from gwanje.tell.post import post
from gwanje.tell.texts import Speech, cut, write

_LONGEST: Final = 2000
_SHOWN: Final = 10
_RESETS: Final = "rateLimit-reset"
"""The header by which it says in how many seconds it takes requests again."""
_JWT_LASTS: Final = 1800
_EARLY: Final = 300
"""Seconds before its end at which a token is asked for anew."""


class Settings(Speech):
    """A room or a person of NAVER WORKS, by a bot. The bot signs in as its app's service account."""

    bot_id: str
    """The bot's number."""
    client_id: str
    """The app's Client ID."""
    client_secret: config.Secret
    """The app's Client Secret."""
    service_account: str
    """The app's service account: `…serviceaccount@example`."""
    private_key: config.Secret
    """The service account's private key as PEM; line breaks may be written `\\n`."""
    channel_id: str = ""
    """The room. The bot must be in it."""
    user_id: str = ""
    """Instead of a room: a person, who is written to directly."""
    api_url: str = "https://www.worksapis.com/v1.0"
    """Where the API is."""
    auth_url: str = "https://auth.worksmobile.com/oauth2/v2.0"
    """Where tokens are given out."""

    elsewhere: ClassVar = ("bot_id", "channel_id", "user_id")
    needs: ClassVar = ("bot_id", "client_id", "client_secret", "service_account", "private_key")

    @field_validator("private_key")
    @classmethod
    def _readable(cls, key: config.Secret) -> config.Secret:
        if key.get_secret_value():
            _loaded(key)
        return key

    @model_validator(mode="after")
    def _one(self) -> Settings:
        if bool(self.channel_id) == bool(self.user_id) and not self.absent:
            sentence = "needs either `channel_id` or `user_id`, and not both"
            raise ValueError(Because(sentence, "either_of_both", one="channel_id", other="user_id"))
        return self


def create(settings: Settings, world: kinds.World) -> NaverWorks:
    return NaverWorks(settings, world.http)


class NaverWorks:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._token, self._until = "", 0.0

    async def send(self, notification: Notification) -> Accepted:
        token = await self._signed_in()
        settings = self._settings
        to = f"users/{settings.user_id}" if settings.user_id else f"channels/{settings.channel_id}"
        try:
            answer = await post(
                self._http,
                Secret(f"{settings.api_url}/bots/{settings.bot_id}/{to}/messages"),
                what="NAVER WORKS",
                body=payload(notification, settings),
                headers={"Authorization": f"Bearer {token}"},
                secrets=[token],
                resets=_RESETS,
            )
        except Rejected as error:
            if error.status != 401:
                raise
            self._token = ""  # a token may be taken back before its time; the next try asks for another
            raise RetryLater("NAVER WORKS does not know the token any more", status=401) from None
        return Accepted(answer.status)

    async def _signed_in(self) -> str:
        """A token that still lasts. Raises what `send` raises."""
        now = self._clock()
        if self._token and now < self._until - _EARLY:
            return self._token
        settings = self._settings
        secret = settings.client_secret.get_secret_value()
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": assertion(settings, now),
            "client_id": settings.client_id,
            "client_secret": secret,
            "scope": "bot",
        }
        url = Secret(f"{settings.auth_url}/token")
        answer = await post(
            self._http, url, what="NAVER WORKS' sign-in", form=form, headers={}, secrets=[secret, form["assertion"]]
        )
        said = answer.values
        try:
            self._token, self._until = str(said["access_token"]), now + float(said.get("expires_in", 3600))
        except (KeyError, TypeError, ValueError):
            raise RetryLater("NAVER WORKS' sign-in gave no token", status=answer.status) from None
        return self._token


def assertion(settings: Settings, now: float) -> str:
    """The JWT (RFC 7523, RS256) by which the service account signs in, for half an hour."""
    claims = {"iss": settings.client_id, "sub": settings.service_account, "iat": int(now), "exp": int(now) + _JWT_LASTS}
    told = f"{_base64(json.dumps({'alg': 'RS256', 'typ': 'JWT'}))}.{_base64(json.dumps(claims))}"
    signature = _loaded(settings.private_key).sign(told.encode(), PKCS1v15(), hashes.SHA256())
    return f"{told}.{_base64(signature)}"


def payload(notification: Notification, speech: Speech) -> dict[str, Any]:
    text = write(notification, speech, most=_SHOWN)
    return {"content": {"type": "text", "text": cut(f"{text.title}\n\n{text.plain}".strip(), _LONGEST)}}


def _loaded(key: config.Secret) -> RSAPrivateKey:
    """The key. Raises ValueError where it is none; what it holds is not told."""
    try:
        loaded = load_pem_private_key(key.get_secret_value().replace("\\n", "\n").encode(), password=None)
    except (ValueError, TypeError):
        raise ValueError(Because("is no private key as PEM: `-----BEGIN PRIVATE KEY-----…`", "no_private_key")) from None
    if not isinstance(loaded, RSAPrivateKey):
        raise ValueError(Because("is no RSA key", "no_private_key"))  # noqa: TRY004 - a wrong setting, which pydantic reports
    return loaded


def _base64(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
