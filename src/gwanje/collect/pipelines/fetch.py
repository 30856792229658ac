"""One fetch as it is told: an event in the store, an update on the stream, a line in the log."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from gwanje.collect.sources.base import Fetched, Outcome
from gwanje.model import Event

NAME: Final = "fetch"
"""The name of the events."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """A fetch with its run around it. `attempt` says which try it was; the tries before it are not fetches of their own."""

    id: str
    at_ms: int
    pipeline: str
    source: str
    url: str
    outcome: Outcome
    status: int | None
    bytes: int
    rows: int
    latency_ms: float
    attempt: int
    trigger: str
    error: str = ""

    def to_event(self) -> Event:
        """The event from which `of` reads the same fetch."""
        fields = asdict(self)
        return Event(fields.pop("id"), fields.pop("at_ms"), NAME, {**fields, "outcome": self.outcome.value})

    @classmethod
    def of(cls, event: Event) -> Fetch:
        """The fetch that an event holds. Anybody may send events of this name, so nothing is taken for granted."""
        status = event.fields.get("status")
        return cls(
            id=event.id,
            at_ms=event.at_ms,
            pipeline=_text(event, "pipeline"),
            source=_text(event, "source"),
            url=_text(event, "url"),
            outcome=_outcome(event),
            status=status if isinstance(status, int) else None,
            bytes=int(_number(event, "bytes")),
            rows=int(_number(event, "rows")),
            latency_ms=_number(event, "latency_ms"),
            attempt=int(_number(event, "attempt")),
            trigger=_text(event, "trigger"),
            error=_text(event, "error"),
        )

    def as_json(self) -> dict[str, object]:
        """What the API and the stream show."""
        fields = asdict(self)
        return {"id": fields.pop("id"), "at": fields.pop("at_ms"), **fields, "outcome": self.outcome.value}


def told(fetched: Fetched, *, run: int, at_ms: int, pipeline: str, source: str, attempt: int, trigger: str) -> Fetch:
    """The fetch of a run. Its id is the same however often it is sent, and another one when the run is taken again."""
    return Fetch(
        id=f"{pipeline}-{run}-{at_ms}",
        at_ms=at_ms,
        pipeline=pipeline,
        source=source,
        url=fetched.url,
        outcome=fetched.outcome,
        status=fetched.status,
        bytes=fetched.bytes,
        rows=len(fetched.records),
        latency_ms=fetched.latency_ms,
        attempt=attempt,
        trigger=trigger,
        error=fetched.error,
    )


def _text(event: Event, name: str) -> str:
    value = event.fields.get(name)
    return value if isinstance(value, str) else ""


def _number(event: Event, name: str) -> float:
    value = event.fields.get(name)
    return value if isinstance(value, int | float) else 0


def _outcome(event: Event) -> Outcome:
    """What does not say how it went has not succeeded."""
    said = _text(event, "outcome")
    return Outcome(said) if said in set(Outcome) else Outcome.FAILED
