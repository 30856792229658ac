"""What the library Apprise reaches: more than a hundred services, each by an address in its spelling."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

from apprise import Apprise as Library
from pydantic import field_validator

from gwanje import config, kinds
from gwanje.errors import RetryLater
from gwanje.tell.notifiers.base import Accepted, Notification
from gwanje.tell.once import Once
from gwanje.tell.texts import Speech, Text, write

_TYPES: Final = {"critical": "failure", "warning": "warning", "resolved": "success"}
_FORBIDDEN: Final = frozenset({"file", "dbus", "qt", "gnome", "macosx", "windows", "syslog"})
"""What acts on this machine instead of telling somebody."""


class Settings(Speech):
    """Whatever the library Apprise reaches: ntfy, Matrix, Gotify, Pushover, and Rocket.Chat, among others."""

    urls: tuple[config.Secret, ...]
    """Addresses in Apprise's spelling: `ntfy://topic`. Each may hold a key, so they are never shown."""

    needs: ClassVar = ("urls",)
    own_connections: ClassVar = True

    @field_validator("urls")
    @classmethod
    def _known(cls, urls: tuple[config.Secret, ...]) -> tuple[config.Secret, ...]:
        kept = tuple(url for url in urls if url.get_secret_value())
        for number, url in enumerate(kept):
            address = url.get_secret_value()
            if address.partition(":")[0].lower() in _FORBIDDEN or Library.instantiate(address) is None:
                raise ValueError(f"the address number {number + 1} is none that Apprise knows for telling somebody")
        return kept


def create(settings: Settings, world: kinds.World) -> Apprise:
    return Apprise(settings, Once(world.state))


class Apprise:
    """The library waits for sockets, so each address is told in a thread; only those that did not accept are tried again."""

    def __init__(self, settings: Settings, once: Once) -> None:
        self._settings = settings
        self._once = once

    async def send(self, notification: Notification) -> Accepted:
        text = write(notification, self._settings)
        addresses = [url.get_secret_value() for url in self._settings.urls]
        left = await self._once.left(notification.key, addresses)
        told = await asyncio.gather(*(asyncio.to_thread(_tell, one, text) for one in left))
        await self._once.has(*(address for address, taken in zip(left, told, strict=True) if taken))
        failed = [str(addresses.index(one) + 1) for one in await self._once.left(notification.key, addresses)]
        if failed:
            raise RetryLater(f"Apprise could not tell address {', '.join(failed)}; its library gives no reason")
        return Accepted()


def _tell(address: str, text: Text) -> bool:
    library = Library()
    kind = _TYPES.get(text.tone, "info")
    body = text.plain or text.title
    return bool(library.add(address) and library.notify(title=text.title, body=body, notify_type=kind, body_format="text"))
