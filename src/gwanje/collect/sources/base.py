"""The promise of a source: it asks one place for records and says how that went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gwanje.model import Record


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Fetched:
    """One fetch: what came, or why nothing did.

    `url` is without secrets, `status` is None where no answer came, `error` is a sentence for people where the outcome is failed.
    `try_again` says whether the same fetch may succeed at once (a dropped connection, a 503), so that the run may retry it.
    """

    outcome: Outcome
    url: str
    status: int | None
    bytes: int
    latency_ms: float
    records: Sequence[Record] = ()
    error: str = ""
    try_again: bool = False


class Source(Protocol):
    """A kind of place records come from.

    `fetch` is called by one run at a time, and not at all while `off_because` says why there is nothing to ask. A place that
    answers badly, or not at all, is an outcome, never an exception. Cancelled, it lets go of the connection and of nothing
    else: whoever cancelled it tells the outcome.
    """

    @property
    def url(self) -> str:
        """Where it asks, without secrets, for people to see; empty when it is off."""
        ...

    @property
    def off_because(self) -> Mapping[str, str] | None:
        """Why it asks nothing, by language (`ko`, `en`); None when it is on."""
        ...

    async def fetch(self, now_ms: int) -> Fetched: ...
