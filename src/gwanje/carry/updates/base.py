"""The promise of updates: what changed reaches every process that streams it to people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

Topic = Literal["alerts", "events", "fetches", "holds", "missed", "outbox", "outside", "pauses", "runs", "samples"]
"""What changed; `missed` says that there were more updates than are told."""


@dataclass(frozen=True, slots=True)
class Update:
    """Something changed: `topic` says what, and `key` which one."""

    topic: Topic
    key: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)


class Updates(Protocol):
    """Tells listeners that something changed. An update is a hint: whoever gets it reads the store for the truth.

    `publish` never blocks and may be called from any thread. A listener that is too slow for its bounded queue loses the
    oldest hints and gets one `Update("missed")` in their place, on which it reads everything again.
    """

    def publish(self, update: Update) -> None: ...

    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[Update]]: ...
