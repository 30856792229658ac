"""What the library Apprise reaches: more than a hundred services, each by an address in its spelling."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Final

from apprise import Apprise as Library
from pydantic import field_validator

from gwanje import config, kinds
from gwanje.because import Because
from gwanje.errors import RetryLater
from gwanje.tell.notifiers.base import Accepted, Notification
from gwanje.tell.once import Once
from gwanje.tell.texts import Speech, Text, write

_TYPES: Final = {"critical": "failure", "warning": "warning", "resolved": "success"}
_FORBIDDEN: Final = frozenset({"file", "dbus", "qt", "gnome", "macosx", "windows", "syslog"})
"""What acts on this machine instead of telling somebody."""
_AT_ONCE: Final = 8


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
                sentence = f"the address number {number + 1} is none that Apprise knows for telling somebody"
                raise ValueError(Because(sentence, "no_apprise_address", count=number + 1))
        return kept


def create(settings: Settings, world: kinds.World) -> Apprise:
    return Apprise(settings, Once(world.state))


class Apprise:
    """The library waits for sockets, so each address is told in a thread; only those that did not accept are tried again.

    The threads are its own: addresses that hang keep nothing else of the process from a thread.
    """

    def __init__(self, settings: Settings, once: Once) -> None:
        self._settings = settings
        self._once = once
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="apprise")

    async def send(self, notification: Notification) -> Accepted:
        text = write(notification, self._settings)
        addresses = [url.get_secret_value() for url in self._settings.urls]
        left = await self._once.left(notification.key, addresses)
        # Each is noted when it has the message: one that hangs for longer than the message may take repeats no other.
        for told in asyncio.as_completed([self._told(one, text) for one in left]):
            address, taken = await told
            if taken:
                await self._once.has(address)
        failed = [str(addresses.index(one) + 1) for one in await self._once.left(notification.key, addresses)]
        if failed:
            raise RetryLater(f"Apprise could not tell address {', '.join(failed)}; its library gives no reason")
        return Accepted()

    async def _told(self, address: str, text: Text) -> tuple[str, bool]:
        return address, await asyncio.get_running_loop().run_in_executor(self._threads, _tell, address, text)


def _tell(address: str, text: Text) -> bool:
    library = Library()
    kind = _TYPES.get(text.tone, "info")
    body = text.plain or text.title
    return bool(library.add(address) and library.notify(title=text.title, body=body, notify_type=kind, body_format="text"))
