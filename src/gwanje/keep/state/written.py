"""Episodes as they read back, known from what was written: a hundred thousand that begin at once need not be read again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from gwanje.keep.state.alerts import Row
from gwanje.keep.state.stories import Episode
from gwanje.model import from_ms, to_ms


@dataclass(frozen=True, slots=True)
class Wrote:
    """What one transaction wrote of episodes: rows of those that began, and changed columns, both by id."""

    begun: Mapping[str, Row] = field(default_factory=dict)
    changed: Mapping[str, Row] = field(default_factory=dict)

    def read(self, id_: str, before: Episode | None) -> Episode | None:
        """The episode as it reads back; None where only the database knows it. `before` is what it was, where that is known."""
        changes = self.changed.get(id_)
        if id_ in self.begun:
            return _begun({**self.begun[id_], **(changes or {})})
        return None if changes is None or before is None else replace(before, **_kept(changes))


def _begun(row: Row) -> Episode:
    """A new row as it reads back: with what the database fills in."""
    host = row["labels"].get("host", "")[:255] or None
    unset: Row = {"ended_at": None, "ended_because": None, "value": None, "peak": None, **row, "host": host}
    for_ms = unset.pop("for_ms")
    return Episode(**_kept(unset), for_=timedelta(milliseconds=for_ms))


def _kept(row: Row) -> Row:
    """Values as the columns keep them: whole milliseconds, numbers that are none as nothing, words as plain text."""
    found = dict(row)
    for name in ("began_at", "fired_at", "ended_at"):
        if found.get(name) is not None:
            found[name] = from_ms(to_ms(found[name]))
    for name in ("value", "peak"):
        if found.get(name) is not None and not math.isfinite(found[name]):
            found[name] = None
    for name in ("state", "ended_because"):
        if found.get(name) is not None:
            found[name] = str(found[name])
    return found
