"""Which hold counts when there are several. Pure: told the time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from gwanje.keep.said import Hold


def in_effect(holds: Iterable[Hold], at: datetime) -> Hold | None:
    """The hold of one scaler that counts at a time; None where its size is its own.

    Of several, the one that began last: a planned event goes before what holds around it, which counts again after the event.
    """
    return max((one for one in holds if one.holds(at)), key=lambda one: (one.starts_at, one.said_at, one.id), default=None)


def planned(holds: Iterable[Hold], at: datetime) -> Sequence[Hold]:
    """Those that begin later, the next one first."""
    return sorted((one for one in holds if one.ended_at is None and one.starts_at > at), key=lambda one: (one.starts_at, one.id))


def replaced(holds: Iterable[Hold], new: Hold) -> Sequence[Hold]:
    """Those whose place a new hold takes: from now on all that hold now, for later what is planned for the same time."""
    if new.starts_at <= new.said_at:
        return [one for one in holds if one.holds(new.said_at)]
    return [one for one in holds if one.ended_at is None and one.starts_at == new.starts_at]
