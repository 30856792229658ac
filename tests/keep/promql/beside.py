"""Samples of all sorts, Prometheus 3 that holds them, and what differs between its answers and ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from gwanje.model import STALE
from gwanje.wire.columns import Labels
from gwanje.wire.remote_write.encode import body_of
from tests.conftest import prometheus_3
from tests.engines.metrics import prometheus

BEGIN_MS = 1_700_000_000_000
STEP_MS = 15_000
AT_MS = BEGIN_MS + 100 * STEP_MS + 7_001
SPAN_MS, APART_MS = 20 * 61_000, 61_000
ODD = {
    "nan": [1.0, float("nan"), 3.0],
    "inf": [float("inf"), 2.0, -1.0],
    "ninf": [-float("inf"), 0.0, -0.0],
    "tiny": [1e-300, -1e300, 1e16],
    "same": [4.0, 4.0, 4.0],
}

Held = list[tuple[int, float]]


def samples() -> dict[Labels, Held]:
    """Counters that begin anew and have gaps, gauges, buckets, a series that ends, names of more than letters, odd numbers."""
    numbers = np.random.default_rng(7)
    found: dict[Labels, Held] = {}

    def put(name: str, labels: dict[str, str], held: Held) -> None:
        found[tuple(sorted([("__name__", name), *labels.items()]))] = held

    even = [BEGIN_MS + place * STEP_MS for place in range(130)]
    for number, host in enumerate("abc"):
        for code in ("200", "404", "500"):
            times = [at + int(numbers.integers(0, 900)) for at in even]
            if (host, code) == ("a", "404"):
                times = [at for place, at in enumerate(times) if not 70 < place < 95 and place % 3]
            counted = np.cumsum(numbers.integers(0, 50, len(times))).astype(float) + (0 if host == "c" else 10_000)
            if host == "b":
                counted[50:] -= counted[50]
                counted[80:] -= counted[80] - 3
            put("c_total", {"host": host, "code": code}, list(zip(times, counted.tolist(), strict=True)))
            put(
                "g",
                {"host": host, "code": code},
                list(zip(times, numbers.normal(0, 9, len(times)).round(2).tolist(), strict=True)),
            )
        most = np.cumsum(numbers.integers(0, 20, len(even))).astype(float)
        for bound, share in (("0.1", 0.2), ("0.5", 0.7), ("2.5", 0.9), ("+Inf", 1.0)):
            put("h_bucket", {"host": host, "le": bound}, list(zip(even, np.floor(most * share).tolist(), strict=True)))
        ended = [(at, STALE if place == 90 + number else place % 7.0) for place, at in enumerate(even[: 91 + number])]
        put("ended", {"host": host, "code": "200"}, ended)
        put("dotted.name", {"the host": host}, [(at, place * (number + 1.0)) for place, at in enumerate(even)])
        put("other", {"host": host, "kind": "x"}, [(BEGIN_MS + place * 60_000, place % 5.0) for place in range(30)])
    for kind, values in ODD.items():
        put("odd", {"kind": kind, "host": "a"}, [(at, values[place // 2 % 3]) for place, at in enumerate(even)])
    return found


@contextmanager
def prometheus_3_of_samples(folder: Path, held: Mapping[Labels, Held] | None = None) -> Iterator[httpx.Client]:
    """Prometheus 3 with these samples, or with `samples`, for as long as it is asked."""
    flags = ["--enable-feature=promql-experimental-functions"]
    with (
        prometheus(folder, flags=flags, program=prometheus_3()) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        sent = client.post("/api/v1/write", content=body_of((held or samples()).items()), headers={"Content-Encoding": "snappy"})
        assert sent.is_success, sent.text
        yield client


def asked_there(query: str, client: httpx.Client, *, whole: bool) -> dict[str, Any]:
    """Prometheus's answer, at the one instant or over the whole span."""
    times = {"time": f"{AT_MS / 1000:.3f}"}
    if whole:
        times = {"start": f"{(AT_MS - SPAN_MS) / 1000:.3f}", "end": f"{AT_MS / 1000:.3f}", "step": f"{APART_MS // 1000}"}
    answer: dict[str, Any] = client.post(
        "/api/v1/query_range" if whole else "/api/v1/query", data={"query": query, **times}
    ).json()
    return answer


def unlike(query: str, ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """What differs between two whole answers, in words; empty when nothing does."""
    if "error" in (ours["status"], theirs["status"]):
        return "" if ours["status"] == theirs["status"] else f"{ours.get('error')} and {theirs.get('error')}"
    found = difference(ours["data"], theirs["data"])
    if not found and _comparable(query, ours, theirs) and _notes(ours) != _notes(theirs):
        return f"{_notes(ours)} and {_notes(theirs)}"
    return found


def difference(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """What differs between two answers of the HTTP API (`resultType`, `result`), in words; empty when nothing does."""
    if ours["resultType"] != theirs["resultType"]:
        return f"{ours['resultType']} and {theirs['resultType']}"
    own, other = _rows(ours), _rows(theirs)
    if own.keys() != other.keys():
        return f"only ours {sorted(own.keys() - other.keys())[:3]}, only theirs {sorted(other.keys() - own.keys())[:3]}"
    return next((f"{labels}: {found}" for labels in own if (found := _of_samples(own[labels], other[labels]))), "")


def _rows(data: dict[str, Any]) -> dict[str, list[Any]]:
    if data["resultType"] in {"scalar", "string"}:
        return {"": [data["result"]]}
    return {json.dumps(row["metric"], sort_keys=True): row.get("values", [row.get("value")]) for row in data["result"]}


def _of_samples(own: list[Any], other: list[Any]) -> str:
    if [at for at, _ in own] != [at for at, _ in other]:
        return f"{len(own)} and {len(other)} samples, or other times"
    got, wanted = (np.array([float(value) for _, value in samples]) for samples in (own, other))
    alike = np.isclose(got, wanted, rtol=1e-6, atol=1e-9, equal_nan=True)
    if alike.all():
        return ""
    first = int(np.argmin(alike))
    return f"{got[first]} and {wanted[first]} at {own[first][0]}"


def _notes(answer: dict[str, Any]) -> set[str]:
    """Warnings and hints without their place in the query."""
    return {re.sub(r" \(\d+:\d+\)$", "", note) for kind in ("warnings", "infos") for note in answer.get(kind, ())}


def _comparable(query: str, *answers: dict[str, Any]) -> bool:
    """Whether the notes can be: of very many only some are said, and Prometheus counts those of a subquery otherwise."""
    return "]" not in re.sub(r"\[\w+\]|{[^}]*}", "", query) and not any("omitted" in str(answer) for answer in answers)
