"""The promise of an event store: append facts, search them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gwanje.model import Event, FieldValue


@dataclass(frozen=True, slots=True)
class Search:
    """Which events, newest first. `before` is the `next` of the page before; `text` is looked for in every text field."""

    name: str
    since_ms: int | None = None
    until_ms: int | None = None
    where: Mapping[str, FieldValue] = field(default_factory=dict)
    text: str = ""
    limit: int = 100
    before: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of events, newest first. `next` asks for the page after it; empty at the end."""

    events: Sequence[Event]
    next: str = ""


class Events(Protocol):
    """Keeps events.

    `append` returns when they are durable; an id that is already there changes nothing. Raises StoreFull when nothing can be
    written. `search` sees everything that `append` has answered. May be called from several threads' loops at once.
    """

    async def append(self, events: Sequence[Event]) -> None: ...

    async def search(self, search: Search) -> Found: ...

    async def forget(self, before_ms: int) -> int:
        """Delete what is older; returns how many. Called once an hour with the configured retention."""
        ...

    async def close(self) -> None: ...
