"""The newest samples of series in a store elsewhere: asked in PromQL, many series a question, and for a bounded time."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import structlog

from gwanje.errors import GwanjeError
from gwanje.keep.samples.base import Labels, Matrix, Queryable
from gwanje.model import METRIC
from gwanje.wire.names import label, one_of, quoted

log = structlog.get_logger(__name__)

_BACK_MINUTES: Final = 60
_AHEAD_MINUTES: Final = 10
"""How far ahead of ours a sender's clock may be."""
_OWNER: Final = frozenset({"job", "instance"})
"""Labels that say whose series it is; those of one owner are asked for together."""
_METRICS_A_QUESTION: Final = 100
_AT_ONCE: Final = 8
"""Questions of one request."""
_PATIENCE_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 30.0
"""How long a store that could not be asked is left alone."""

Newest = tuple[int, float] | None


class Recalled:
    """Answers as the promise `Remembering` does, later: whoever calls has a thread and no loop, and waits ten seconds at most.

    None stands also for a series whose newest sample is older than an hour, and for one that could not be asked for; that is
    logged, and for half a minute nothing is asked again. What the store shows late is not seen.
    """

    def __init__(self, samples: Queryable, now_ms: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._samples = samples
        self._now_ms = now_ms
        self._clock = clock
        self._again = clock()

    def newest(self, series: Sequence[Labels]) -> list[Newest]:
        """Milliseconds and value of the newest sample of each series."""
        if self._clock() < self._again:
            return [None] * len(series)
        found: dict[Labels, Newest] = {}
        try:
            asyncio.run(self._ask(series, found))
        except (GwanjeError, TimeoutError) as error:
            self._again = self._clock() + _PAUSE_SECONDS
            reason = str(error) or f"no answer within {_PATIENCE_SECONDS:g} s"
            log.warning("the store cannot say where sums stand; they begin at zero", series=len(series), reason=reason)
        return [found.get(labels) for labels in series]

    async def _ask(self, series: Sequence[Labels], found: dict[Labels, Newest]) -> None:
        at_ms = self._now_ms() + _AHEAD_MINUTES * 60_000
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def ask(selector: str) -> None:
            async with at_once:
                answer = await self._samples.instant(f"{selector}[{_BACK_MINUTES + _AHEAD_MINUTES}m]", at_ms)
            if isinstance(answer, Matrix):
                found.update(_last(answer))

        async with asyncio.timeout(_PATIENCE_SECONDS):
            await asyncio.gather(*map(ask, selectors(series)))


def selectors(series: Sequence[Labels]) -> Iterator[str]:
    """Few selectors that together pick every one of the series, and little beside: by owner, and what its series have alike."""
    by_owner: defaultdict[Labels, list[Labels]] = defaultdict(list)
    for labels in series:
        by_owner[tuple(pair for pair in labels if pair[0] in _OWNER)].append(labels)
    for own in by_owner.values():
        alike = sorted(set(own[0]).intersection(*own))
        metrics = sorted({value for labels in own for name, value in labels if name == METRIC})
        for begin in range(0, len(metrics), _METRICS_A_QUESTION):
            yield _selector(metrics[begin : begin + _METRICS_A_QUESTION], [pair for pair in alike if pair[0] != METRIC])


def _selector(metrics: Sequence[str], alike: Sequence[tuple[str, str]]) -> str:
    of = f"={quoted(metrics[0])}" if len(metrics) == 1 else f"=~{one_of(metrics)}"
    return "{" + ",".join([METRIC + of, *(f"{label(name)}={quoted(value)}" for name, value in alike)]) + "}"


def _last(answer: Matrix) -> Iterator[tuple[Labels, Newest]]:
    ends = answer.offsets[1:].tolist()
    for labels, begin, end in zip(answer.labels, answer.offsets.tolist(), ends, strict=False):
        if end > begin:
            yield labels, (int(answer.times[end - 1]), float(answer.values[end - 1]))
