"""Questions made at random, with the odd ones, to Prometheus 3 and to us: the same answers, the same refusals, the same notes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gwanje.errors import BadQuery, QueryLimit
from gwanje.keep.promql import instant, range_
from gwanje.keep.promql.conformance.memory import Memory
from gwanje.show.api.json import pieces
from tests.keep.promql.beside import APART_MS, AT_MS, SPAN_MS, asked_there, prometheus_3_of_samples, samples, unlike
from tests.keep.promql.questions import Questions

SEED, MANY = 11, 300


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Memory]]:
    memory = Memory()
    memory.append({labels: dict(own) for labels, own in samples().items()})
    with prometheus_3_of_samples(tmp_path_factory.mktemp("prometheus")) as client:
        yield client, memory


def asked(query: str, memory: Memory, *, whole: bool) -> dict[str, Any]:
    """Our answer as the HTTP API gives it."""
    try:
        if whole:
            answer: Any = range_(query, AT_MS - SPAN_MS, AT_MS, APART_MS, memory.fetch)
        else:
            answer = instant(query, AT_MS, memory.fetch)
    except (BadQuery, QueryLimit) as error:
        return {"status": "error", "error": str(error)}
    found: dict[str, Any] = json.loads(b"".join(pieces(answer)))
    return found


@pytest.mark.engine("prometheus 3")
@pytest.mark.parametrize("whole", [pytest.param(False, id="instant"), pytest.param(True, id="range")])
def test_random_questions_are_answered_and_refused_as_prometheus_3_does(
    beside: tuple[httpx.Client, Memory],
    whole: bool,  # noqa: FBT001 -- a table's cell
) -> None:
    client, memory = beside
    different, answered = [], 0
    for query in Questions(SEED).some(MANY):
        theirs, ours = asked_there(query, client, whole=whole), asked(query, memory, whole=whole)
        answered += "data" in ours
        if found := unlike(query, ours, theirs):
            different.append((query, found))
    assert different == []
    assert answered > MANY * 0.8
