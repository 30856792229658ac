"""Events → JSON lines. Light: the standard library alone, so that the agent can use it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from gwanje.model import Batch, BatchOf

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gwanje.model import Event, FieldValue


def events_batch(events: Iterable[Event]) -> Batch:
    """One batch of all events, one object a line: `{"id": …, "at_ms": …, "name": …, "fields": {…}}`.

    JSON knows neither NaN nor infinity; such a field travels as null.
    """
    lines = [line_of(event) for event in events]
    return Batch(BatchOf.EVENTS, b"".join(lines), len(lines))


def line_of(event: Event) -> bytes:
    """One event with its newline."""
    fields = {name: _writable(value) for name, value in event.fields.items()}
    body = {"id": event.id, "at_ms": event.at_ms, "name": event.name, "fields": fields}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace") + b"\n"


def _writable(value: FieldValue) -> FieldValue:
    return None if isinstance(value, float) and not math.isfinite(value) else value
