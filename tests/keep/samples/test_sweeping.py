"""Many selectors answered as one column: each answer is the one that its selector gets by itself."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from gwanje import kinds
from gwanje.errors import BadQuery, QueryLimit
from gwanje.keep.samples import local
from gwanje.keep.samples.base import Answer, Sweeping, Vector
from gwanje.model import STALE, Sample
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.encode import encode

START_MS = 1_770_000_000_000
SELECTORS = ("cpu", 'cpu{host="web-1"}', '{__name__="disk"}', "nothing", 'disk{mount=~"/.*"}', 'cpu{host!="web-1"}')


@pytest.fixture
async def samples(tmp_path: Path) -> AsyncIterator[local.LocalSamples]:
    made = local.create(local.Settings(), kinds.World(tmp_path))
    yield made
    await made.close()


async def _append(samples: local.LocalSamples, *found: Sample) -> None:
    await samples.append(decode(encode(found).body), max(one.at_ms for one in found))


async def _same(samples: local.LocalSamples, at_ms: int) -> None:
    swept = await samples.sweep(SELECTORS, at_ms)
    for place, selector in enumerate(SELECTORS):
        assert _plain(swept.answer(place)) == _plain(await samples.instant(selector, at_ms)), (selector, at_ms)
        ages, asked = swept.ages(place), await samples.instant(f"timestamp({selector})", at_ms)
        assert isinstance(asked, Vector)
        assert ages.values.tolist() == asked.values.tolist()


def _plain(answer: Answer) -> tuple[list[object], list[str]]:
    assert isinstance(answer, Vector)
    return list(answer.labels), list(map(repr, np.asarray(answer.values).tolist()))


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_swept_is_what_each_selector_is_answered(samples: local.LocalSamples, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - values of a test
    assert isinstance(samples, Sweeping)
    at_ms = START_MS
    for _ in range(25):
        at_ms += chance.choice((250, 1000, 90_000))
        came: list[Sample] = []
        for number in range(4):
            value = chance.choice((0.5, -1.0, math.nan, math.inf, STALE))
            if chance.random() < 0.6:
                came.append(Sample("cpu", {"host": f"web-{number}"}, value, at_ms))
            if chance.random() < 0.4:
                came.append(Sample("disk", {"host": f"web-{number}", "mount": chance.choice(("/", "/var"))}, value, at_ms))
        if came:
            await _append(samples, *came)
        for back in (0, 100, 300, 2000, 400_000):
            await _same(samples, at_ms - back)


async def test_a_selector_that_is_none_is_refused(samples: local.LocalSamples) -> None:
    with pytest.raises(BadQuery):
        await samples.sweep(("cpu offset 5m",), START_MS)


async def test_a_selector_of_more_series_than_a_query_may_touch_is_refused(tmp_path: Path) -> None:
    small = local.create(local.Settings(query_samples=2), kinds.World(tmp_path))
    try:
        await _append(small, *(Sample("cpu", {"host": f"web-{number}"}, 1.0, START_MS) for number in range(3)))
        with pytest.raises(QueryLimit):
            await small.sweep(("cpu",), START_MS)
    finally:
        await small.close()
