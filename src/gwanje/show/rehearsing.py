"""A rule that is being written, rehearsed: what it would have done with the samples that are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from gwanje.because import Because, plain
from gwanje.config import format_duration
from gwanje.errors import RetryLater
from gwanje.judge.rules.questions import curve
from gwanje.judge.rules.thresholds import Thresholds, joined
from gwanje.keep.state import history, silences
from gwanje.keep.state import thresholds as set_apart
from gwanje.model import to_ms
from gwanje.show.rooms import Rooms
from gwanje.show.ruling import right
from gwanje.show.thresholds import shown_rule
from gwanje.tell.muted import words
from gwanje.watch.backtest import Backtest, Firing, Then, backtest, speaking
from gwanje.watch.instants import floor

SPANS: Final[Mapping[str, timedelta]] = {"24h": timedelta(hours=24), "7d": timedelta(days=7)}
"""How far back a rule can be rehearsed."""
SHOWN: Final = 200
"""So many firings are written out, the latest; all are counted."""
_STEPS: Final = {"24h": timedelta(minutes=1), "7d": timedelta(minutes=10)}
_PATIENCE: Final = timedelta(seconds=20)


async def preview(rooms: Rooms, text: str, last: str) -> dict[str, Any]:
    """How often a rule would have fired, when and for whom, by the same state machine over stored samples.

    Raises BadInput for a text with mistakes, RetryLater when it takes too long; may be cancelled at any step.
    """
    rule = right(text)
    step = _STEPS[last]
    end = floor(rooms.now(), step)
    span = end - SPANS[last], end
    thresholds = await asyncio.to_thread(_thresholds, rooms)
    then = await asyncio.to_thread(_then, rooms, span)
    try:
        async with asyncio.timeout(_PATIENCE.total_seconds()):
            found = await backtest(rule, rooms.samples, rooms.policy, span, step, thresholds=thresholds, then=then)
    except TimeoutError as error:
        hint = "try 24h" if last != "24h" else "look at fewer series, or use: gwanje rules backtest"
        sentence = f"the rehearsal was not done within {format_duration(_PATIENCE)}; {hint}"
        raise RetryLater(Because(sentence, "rehearsal_too_long", seconds=_PATIENCE.total_seconds())) from error
    return {
        "from": to_ms(span[0]),
        "to": to_ms(span[1]),
        "step_seconds": step.total_seconds(),
        "looks_at": curve(rule, {}),
        **shown_rule(rule),
        **_found(found),
    }


def _found(found: Backtest) -> dict[str, Any]:
    firings = sorted(found.firings, key=lambda firing: firing.began)
    return {
        "count": len(firings),
        "told": sum(bool(one.told) for one in firings),
        "muted": sum(bool(one.muted) and not one.told for one in firings),
        "failed": str(found.failed),
        "failed_reason": plain(found.failed),
        "firings": [_firing(one) for one in firings[-SHOWN:]],
    }


def _firing(firing: Firing) -> dict[str, Any]:
    return {
        "labels": firing.labels,
        "severity": firing.severity,
        "began": to_ms(firing.began),
        "ended": to_ms(firing.ended) if firing.ended else None,
        "peak": firing.peak,
        "told": firing.told,
        "muted": words(firing.muted),
        "muted_by": [{name: getattr(one, name) for name in ("what", "name", "who", "why")} for one in firing.muted],
    }


def _then(rooms: Rooms, span: tuple[datetime, datetime]) -> Then:
    with rooms.state.read() as connection:
        return Then(silences.between(connection, *span), speaking(history.fired(connection, *span), rooms.policy))


def _thresholds(rooms: Rooms) -> Thresholds:
    with rooms.state.read() as connection:
        overrides = joined(rooms.inventory.overrides, set_apart.every(connection))
    return Thresholds(overrides, rooms.inventory.groups)
