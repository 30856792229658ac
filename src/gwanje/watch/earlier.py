"""What answered in the hour before a rule's first evaluation: what does not answer any more has stopped meanwhile.

One question a rule, of all of them together: of a series that reports seldom, every window of the hour shows its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from gwanje.errors import GwanjeError
from gwanje.judge.rules.found import Known
from gwanje.judge.rules.questions import answering
from gwanje.judge.rules.spec import Rule
from gwanje.keep.samples.base import Queryable
from gwanje.model import METRIC, to_ms

LOOKS_BACK: Final = timedelta(hours=1)
"""How far, over an outage, too."""
_EVERY: Final = timedelta(minutes=5)
"""As long as PromQL looks back from each instant."""
_AT_ONCE: Final = 8
"""So many questions are asked at a time."""
_LONGEST: Final = timedelta(seconds=10)

log = structlog.get_logger(__name__)


async def answered(
    samples: Queryable, rules: Sequence[tuple[Rule, datetime]], seen: Callable[[Rule, datetime], datetime]
) -> list[tuple[Rule, Known, datetime]]:
    """The label sets of each rule that is evaluated first at a time; what cannot be said is left out.

    `seen` gives the time as of which a rule looks at samples.
    """
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(rule: Rule, at: datetime) -> list[tuple[Rule, Known, datetime]]:
        async with free:
            known = await _known(samples, rule, seen(rule, at))
        return [(rule, known, at)] if known else []

    found = await asyncio.gather(*(one(rule, at) for rule, at in rules))
    return [each for own in found for each in own]


async def _known(samples: Queryable, rule: Rule, now: datetime) -> Known | None:
    try:
        async with asyncio.timeout(_LONGEST.total_seconds()):
            start, end, step = to_ms(now - LOOKS_BACK), to_ms(now - _EVERY), _EVERY // timedelta(milliseconds=1)
            asked = (await samples.range(answering(rule), start, end, step)).labels
    except (GwanjeError, TimeoutError) as error:
        log.warning("what answered earlier is not known", rule=rule.name, reason=f"{type(error).__name__}: {error}")
        return None
    return Known.of(rule, asked, [{name: text for name, text in labels if name != METRIC} for labels in asked])
