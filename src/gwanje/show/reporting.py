"""Why a rule has no result: what it looks at stopped, or was never seen. They are two things, and neither is a zero."""

from __future__ import annotations

from typing import Any

from gwanje.judge.rules.inputs import selectors
from gwanje.judge.rules.spec import Rule
from gwanje.keep.samples.base import Answer, Queryable, Vector

SEEN_WITHIN = "1d"
"""What sent no sample for so long was never seen, as far as anybody can tell."""


async def inputs(samples: Queryable, rule: Rule, at_ms: int) -> list[dict[str, Any]]:
    """Each selector of a rule: whether series of it `report` now, all `stopped`, or were `never seen`; and the newest sample.

    `last_at`, where they stopped, is right within five minutes.
    """
    return [await _input(samples, selector, at_ms) for selector in selectors(rule)]


async def _input(samples: Queryable, selector: str, at_ms: int) -> dict[str, Any]:
    now = _newest(await samples.instant(f"max(timestamp({selector}))", at_ms))
    if now is not None:
        return {"selector": selector, "state": "reports", "last_at": now}
    last = _newest(await samples.instant(f"max(max_over_time(timestamp({selector})[{SEEN_WITHIN}:5m]))", at_ms))
    return {"selector": selector, "state": "never seen" if last is None else "stopped", "last_at": last}


def _newest(answer: Answer) -> int | None:
    return round(float(answer.values[0]) * 1000) if isinstance(answer, Vector) and len(answer.values) else None
