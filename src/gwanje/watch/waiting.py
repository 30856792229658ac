"""Results that are gone: whether their inputs report so seldom that nothing is missing yet.

The samples of the hours before are asked for once each time a result is gone, and only of results that matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from gwanje.errors import QueryLimit
from gwanje.judge.rules import seldom
from gwanje.judge.rules.seldom import Seldom, Sets
from gwanje.judge.rules.spec import Rule
from gwanje.model import to_ms
from gwanje.watch.asking import Asking

_LONGEST: Final = timedelta(seconds=3)
"""What takes longer to answer is not known; the rule itself must be judged in time."""


class Waiting:
    """What is gone of each rule, and how often it reported before, where that is seldom."""

    def __init__(self, samples: Asking) -> None:
        self._samples = samples
        self._gone: dict[str, Mapping[str, Seldom | None]] = {}

    def forget(self, rule: str) -> None:
        self._gone.pop(rule, None)

    async def awaited(
        self, rule: Rule, missing: Sets, stopped: Collection[str], at: datetime, seen: datetime
    ) -> Mapping[str, Seldom]:
        """Those of the label sets that report seldom. `stopped` were known to have stopped before they were missing.

        `at` is when the rule is evaluated, `seen` the time as of which samples are looked at.
        """
        if not missing:
            self._gone.pop(rule.name, None)
            return {}
        before = self._gone.get(rule.name, {})
        gone: dict[str, Seldom | None] = {identity: before.get(identity) for identity in missing}
        new = {one: rule.given(labels) for one, labels in missing.items() if one not in before and one not in stopped}
        if new:
            gone |= await self._rhythms(rule, new, at, seen)
        self._gone[rule.name] = gone
        return {identity: one for identity, one in gone.items() if one is not None}

    async def _rhythms(self, rule: Rule, sets: Sets, at: datetime, seen: datetime) -> Mapping[str, Seldom]:
        at_ms = to_ms(seen)
        asked = (self._samples.instant(question.query, at_ms) for question in seldom.samples(rule, sets))
        try:
            async with asyncio.timeout(_LONGEST.total_seconds()):
                return seldom.rhythms(sets, await asyncio.gather(*asked), at, at_ms)
        except (QueryLimit, TimeoutError):
            return {}
