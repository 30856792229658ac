"""The nouns: sample, event, record, and the batch in which they travel. Frozen; change makes a new one.

Times are whole milliseconds since 1970-01-01T00:00:00Z wherever the name ends in `_ms`, and aware datetimes in UTC elsewhere.
This file needs nothing but the standard library, so that the agent stays light.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

FieldValue = str | int | float | bool | None

METRIC = "__name__"
"""The label under which a series carries its metric's name, as in Prometheus."""

STALE_NAN_BITS = 0x7FF0000000000002
"""The bits of the NaN that says "this series stopped here" (Prometheus's staleness marker)."""
STALE: float = struct.unpack("<d", struct.pack("<Q", STALE_NAN_BITS))[0]
"""That NaN."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A number of a series at a time. `labels` leaves the metric's name out."""

    metric: str
    labels: Mapping[str, str]
    value: float
    at_ms: int


@dataclass(frozen=True, slots=True)
class Event:
    """A fact with fields at a time: a fetch, a container start. `id` makes a repeated append harmless."""

    id: str
    at_ms: int
    name: str
    fields: Mapping[str, FieldValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """One collected item of a dataset. `body` is what the source said, `id` what it is known by there."""

    id: str
    dataset: str
    source: str
    collected_at_ms: int
    body: Mapping[str, object]
    changed_at_ms: int | None = None


class BatchOf(StrEnum):
    SAMPLES = "samples"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Batch:
    """What travels: bytes, what is in them, and how many.

    Samples are a Prometheus remote write 1.0 body (snappy block), events are JSON lines.
    """

    of: BatchOf
    body: bytes
    count: int


class Severity(StrEnum):
    """How bad, from worst. An attribute of an alert, never part of its identity."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is the worst, so that sorting puts the worst first."""
        return _RANKS[self]


_RANKS: Final = {severity: place for place, severity in enumerate(Severity)}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(instant: datetime) -> int:
    """Whole milliseconds since the epoch, rounded down."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone; give an aware datetime")
    delta = instant - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def from_ms(milliseconds: int) -> datetime:
    """The aware UTC datetime of a count of milliseconds."""
    seconds, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)
