"""The embedded store beside Prometheus 3: the same questions about samples of which half lie in a block, half in the head."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gwanje.errors import BadQuery, QueryLimit
from gwanje.keep.samples.local import LocalSamples
from gwanje.show.api.json import pieces
from gwanje.wire.remote_write.decode import decode
from gwanje.wire.remote_write.encode import body_of
from tests.keep.promql.beside import (
    APART_MS,
    AT_MS,
    BEGIN_MS,
    SPAN_MS,
    STEP_MS,
    asked_there,
    prometheus_3_of_samples,
    samples,
    unlike,
)
from tests.keep.promql.questions import Questions

SEED, MANY = 31, 150
HALF_MS = BEGIN_MS + 60 * STEP_MS


async def filled(store: LocalSamples) -> LocalSamples:
    every = {labels: held for labels, held in samples().items() if not any(" " in name for name, _ in labels)}
    older = {labels: [one for one in held if one[0] < HALF_MS] for labels, held in every.items()}
    newer = {labels: held[len(older[labels]) :] for labels, held in every.items()}
    for part in (older, newer):
        await store.append(decode(body_of((labels, held) for labels, held in part.items() if held)), AT_MS + 10 * 60_000)
        if part is older:
            await store.write_block()
    return store


async def asked(query: str, store: LocalSamples, *, whole: bool) -> dict[str, Any]:
    """Our answer as the HTTP API gives it."""
    try:
        if whole:
            answer: Any = await store.range(query, AT_MS - SPAN_MS, AT_MS, APART_MS)
        else:
            answer = await store.instant(query, AT_MS)
    except (BadQuery, QueryLimit) as error:
        return {"status": "error", "error": str(error)}
    found: dict[str, Any] = json.loads(b"".join(pieces(answer)))
    return found


@pytest.mark.engine("prometheus 3")
async def test_the_store_answers_as_prometheus_3_does(reopen: Callable[..., LocalSamples], tmp_path: Path) -> None:
    store = await filled(reopen(out_of_order=timedelta(hours=3)))
    different, answered = [], 0
    with prometheus_3_of_samples(tmp_path / "prometheus") as client:
        for query in Questions(SEED).some(MANY):
            for whole in (False, True):
                if "dotted" in query:  # names of more than letters are refused at the door
                    continue
                theirs, ours = asked_there(query, client, whole=whole), await asked(query, store, whole=whole)
                answered += "data" in ours
                if found := unlike(query, ours, theirs):
                    different.append((query, whole, found))
    assert different == []
    assert answered > MANY
