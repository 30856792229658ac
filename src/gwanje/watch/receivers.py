"""The receivers that messages are handed to, after each change of those of the page; looked at once a second.

The book is read by the rounds: here is only seen that it says something else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from gwanje.config import Chosen
from gwanje.tell.delivery import Delivery
from gwanje.tell.notifiers.base import Notifier
from gwanje.watch.policybook import Policybook

_LOOK_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


class Receivers:
    """Makes a notifier of every receiver of the page, once, and gives delivery those that count. `run` goes on until cancelled.

    `files` are those of the folder's files, which never change.
    """

    def __init__(
        self,
        book: Policybook,
        delivery: Delivery,
        *,
        files: Mapping[str, Notifier],
        create: Callable[[Chosen], Notifier],
    ) -> None:
        self._book = book
        self._delivery = delivery
        self._files = files
        self._create = create
        self._made: dict[str, tuple[Chosen, Notifier]] = {}
        self._taken_over: object = None

    async def run(self) -> None:
        """Take over what changes, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Take over what changed since the last time."""
        now = self._book.now
        if now is self._taken_over:
            return
        self._made = {name: made for name, chosen in now.of_page.items() if (made := self._kept_or_made(name, chosen))}
        self._delivery.take_over({**self._files, **{name: notifier for name, (_, notifier) in self._made.items()}})
        self._taken_over = now

    def _kept_or_made(self, name: str, chosen: Chosen) -> tuple[Chosen, Notifier] | None:
        before = self._made.get(name)
        if before is not None and before[0] is chosen:
            return before
        try:
            return chosen, self._create(chosen)
        except Exception as error:  # noqa: BLE001 - one that cannot be made must not keep the others from being told
            log.error("a receiver of the page cannot be told", receiver=name, reason=type(error).__name__)  # noqa: TRY400 - a traceback may hold a secret
            return None
