"""KakaoTalk AlimTalk, by the gateway of a reseller: what is sent there is written in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

import aiohttp
from pydantic import Field, field_validator

from gwanje import config, kinds
from gwanje.errors import Rejected
from gwanje.tell.notifiers.base import Accepted, Notification
from gwanje.tell.once import Once
from gwanje.tell.post import post
from gwanje.tell.texts import Speech, cut, in_language, moment, where, write
from gwanje.tell.words import word

_LONGEST: Final = 1000
"""Characters of an AlimTalk message."""
_NAMES: Final = (
    "title",
    "text",
    "severity",
    "rule",
    "where",
    "value",
    "threshold",
    "since",
    "link",
    "to",
    "template_code",
    "key",
)


class Settings(Speech):
    """KakaoTalk AlimTalk to telephone numbers, by the gateway of a reseller. AlimTalk takes texts only that fit a template that
    Kakao approved: write it in `message`, with `{title}`, `{text}`, `{severity}`, `{rule}`, `{where}`, `{value}`, `{threshold}`,
    `{since}`, `{link}` where it has its variables. Each number is one request.
    """

    url: config.Secret
    """Where the gateway takes messages."""
    headers: dict[str, config.Secret] = Field(default_factory=dict)
    """Headers of each request, such as the gateway's key."""
    to: tuple[str, ...] = ()
    """The telephone numbers, as the gateway wants them written: `01012345678`."""
    template_code: str = ""
    """The code of the approved template."""
    message: str = "{title}"
    """The approved text, with our names where it has variables."""
    body: dict[str, Any] = Field(default_factory=dict)
    """What is sent, at any depth, with `{to}`, `{message}`, `{template_code}` and the names above in its texts:
    `{recipient: "{to}", templateCode: "{template_code}", content: "{message}"}`.
    `{key}` is the same when a message is tried again."""
    form: bool = False
    """Whether the gateway takes a form instead of JSON."""
    method: Literal["POST", "PUT"] = "POST"
    """The request's method."""
    accepted: dict[str, str] = Field(default_factory=dict)
    """What the answer holds when the gateway took the message, where it answers 200 to all: `{code: "200"}`."""

    needs: ClassVar = ("url", "to")

    @field_validator("to", mode="before")
    @classmethod
    def _listed(cls, to: object) -> object:
        """One text may name several, by commas, as the environment does."""
        return [one.strip() for one in to.split(",") if one.strip()] if isinstance(to, str) else to


def create(settings: Settings, world: kinds.World) -> AlimTalk:
    return AlimTalk(settings, world.http, Once(world.state))


class AlimTalk:
    """A number that has the message is not told again when another one's request is tried again.

    A number that is refused keeps nobody else from the message; then it failed all the same, so that people hear of it.
    """

    def __init__(self, settings: Settings, http: aiohttp.ClientSession, once: Once) -> None:
        self._settings = settings
        self._http = http
        self._once = once

    async def send(self, notification: Notification) -> Accepted:
        status, refused, left = None, list[Rejected](), await self._once.left(notification.key, self._settings.to)
        for number in left:
            try:
                status = await self._tell(notification, number)
            except Rejected as error:
                refused.append(error)
            else:
                await self._once.has(number)
        if refused:
            of = f" ({len(refused)} of {len(left)} numbers)" if len(left) > 1 else ""
            raise Rejected(f"{refused[0]}{of}", status=refused[0].status)
        return Accepted(status)

    async def _tell(self, notification: Notification, number: str) -> int:
        settings = self._settings
        headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
        body = payload(notification, settings, number)
        answer = await post(
            self._http,
            settings.url,
            what="the AlimTalk gateway",
            method=settings.method,
            body=None if settings.form else body,
            form={name: str(value) for name, value in body.items()} if settings.form else None,
            headers=headers,
            secrets=headers.values(),
            pages=True,
        )
        _accepted(answer.values, settings, answer.status)
        return answer.status


def _accepted(values: Any, settings: Settings, status: int) -> None:
    for name, wanted in settings.accepted.items():
        said = values.get(name) if isinstance(values, dict) else None
        if str(said) != wanted:
            raise Rejected(f"the AlimTalk gateway answered {name}={str(said)[:100]}, and not {wanted}", status=status)


def payload(notification: Notification, settings: Settings, to: str) -> dict[str, Any]:
    """The body for one number."""
    known = _known(notification, settings, to)
    filled = _filled(settings.body, {**known, "message": cut(_text(settings.message, known), _LONGEST)})
    return dict(filled)


def _known(notification: Notification, settings: Settings, to: str) -> dict[str, str]:
    text = write(notification, settings, most=5)
    first = notification.alerts[0] if notification.alerts else None
    about = (
        {
            "severity": word(first.severity, settings.language),
            "rule": first.rule,
            "where": where(first.labels),
            "value": first.value_text,
            "threshold": first.threshold,
            "since": moment(first.since, settings.timezone),
            "link": first.link,
        }
        if first
        else {
            "where": "-",
            "severity": word("info", settings.language),
            "rule": in_language(notification.title, settings.language),
        }
    )
    said = {
        "title": text.title,
        "text": text.plain,
        "to": to,
        "template_code": settings.template_code,
        "key": f"{notification.key}:{to}",
    }
    return {**dict.fromkeys(_NAMES, ""), **about, **said}


def _filled(value: Any, known: Mapping[str, str]) -> Any:
    """The value with the names in its texts replaced, at any depth."""
    if isinstance(value, dict):
        return {name: _filled(inner, known) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, known) for inner in value]
    return _text(value, known) if isinstance(value, str) else value


def _text(text: str, known: Mapping[str, str]) -> str:
    """Names in braces replaced, in one pass: what is put in is not looked at again."""
    parts: list[str] = []
    for before in text.split("{"):
        name, brace, after = before.partition("}")
        parts.append(known[name] + after if parts and brace and name in known else ("{" if parts else "") + before)
    return "".join(parts)
