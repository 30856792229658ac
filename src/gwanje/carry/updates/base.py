"""The promise of updates: what changed reaches every process that streams it to people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Update:
    """Something changed. `topic` is a noun (`samples`, `alerts`, `fetches`, `runs`), `key` says which one."""

    topic: str
    key: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)


class Updates(Protocol):
    """Tells listeners that something changed. An update is a hint: whoever gets it reads the store for the truth.

    `publish` never blocks and may be called from any thread. A listener that is too slow for its bounded queue loses the
    oldest hints and gets one `Update("missed")` in their place, on which it reads everything again.
    """

    def publish(self, update: Update) -> None: ...

    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[Update]]: ...
