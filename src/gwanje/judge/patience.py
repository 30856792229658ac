"""Until when a label set that does not answer is not missing data: while nobody looked, and between seldom samples. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gwanje.judge.lifecycle import absence
from gwanje.judge.pauses import Pauses
from gwanje.judge.rules.seldom import Seldom
from gwanje.judge.rules.spec import Rule


@dataclass(slots=True)
class Patience:
    """That of one rule."""

    rule: Rule
    awaited: Mapping[str, Seldom] = field(default_factory=dict)
    """What the last evaluation found to report seldom, by identity."""
    _pauses: Pauses = field(default_factory=Pauses)

    def note(self, last: datetime, at: datetime) -> bool:
        """An evaluation `at`, after the `last`; returns whether nobody looked for longer than data may be missing."""
        return self._pauses.note(last, at, absence(self.rule))

    def until(self, identity: str, seen_at: datetime) -> datetime:
        """Until when what was seen then is not missing."""
        usual = seen_at + self._pauses.since(seen_at) + absence(self.rule)
        return max(usual, self.due(identity) or usual)

    def due(self, identity: str) -> datetime | None:
        """Until when what reports seldom is not missing, by its own intervals; None of anything else."""
        seldom = self.awaited.get(identity)
        return None if seldom is None else seldom.newest + self._pauses.since(seldom.newest) + seldom.patience

    def forgiven(self, seen_at: datetime) -> timedelta:
        """For how much of the time since then nobody looked."""
        return self._pauses.since(seen_at)
