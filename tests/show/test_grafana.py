"""What Grafana's Prometheus data source asks, answered in the shape in which a real Prometheus answers it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from gwanje.app.clock import now
from gwanje.keep.state.people import Scope
from gwanje.model import Sample, to_ms
from gwanje.wire.remote_write.encode import encode
from tests.engines.metrics import prometheus

from .conftest import Site


def requests(end: float) -> list[tuple[str, str, dict[str, str]]]:
    """Save & test, Explore, variables, annotations, exemplars, alert list; and mistakes."""
    span = {"start": f"{end - 600:.3f}", "end": f"{end:.3f}"}
    step = {**span, "step": "15"}
    return [
        ("POST", "query", {"query": "1+1", "time": f"{end:.3f}"}),
        ("GET", "query", {"query": "1+1", "time": f"{end:.3f}"}),
        ("GET", "status/buildinfo", {}),
        ("GET", "label/__name__/values", span),
        ("GET", "label/host/values", {**span, "match[]": "up"}),
        ("GET", "labels", span),
        ("POST", "labels", {**span, "match[]": 'up{host="web-1"}'}),
        ("GET", "series", {**span, "match[]": "up"}),
        ("POST", "series", {**span, "match[]": '{__name__=~"up|load_total"}'}),
        ("POST", "query_range", {"query": "sum by (host) (up)", **step}),
        ("POST", "query_range", {"query": "rate(load_total[1m])", **step}),
        ("POST", "query_range", {"query": "42", **step}),
        ("POST", "query_range", {"query": 'ALERTS{alertstate="firing"}', **step}),
        ("POST", "query", {"query": "up", "time": f"{end:.3f}"}),
        ("POST", "query", {"query": "up[2m]", "time": f"{end:.3f}"}),
        ("POST", "query", {"query": '"text"', "time": f"{end:.3f}"}),
        ("POST", "query_exemplars", {"query": "up", **span}),
        ("GET", "rules", {}),
        ("GET", "alerts", {}),
        ("POST", "query", {"query": "up{", "time": f"{end:.3f}"}),
        ("POST", "query", {"query": "up + on (job) up", "time": f"{end:.3f}"}),
        ("POST", "query_range", {"query": "up", **span, "step": "0"}),
        ("POST", "query_range", {"query": "up", **span, "step": "0.01"}),
        ("POST", "query_range", {"query": "up[1m]", **step}),
        ("GET", "query_range", {"query": "up", "start": "9", "end": "1", "step": "1"}),
        ("GET", "series", span),
        ("GET", "query", {"query": "up", "time": "noon"}),
        ("GET", "query", {"query": "up", "timeout": "long"}),
    ]


def shape(value: Any) -> Any:
    """Keys and types, of a list those of its first; texts that are the same everywhere stay."""
    match value:
        case dict():
            return {
                key: value[key] if key in {"status", "resultType", "errorType"} else shape(value[key]) for key in sorted(value)
            }
        case list():
            return [shape(one) for one in value[:1]]
        case bool() | str() | None:
            return type(value).__name__
        case _:
            return "number"


@pytest.mark.engine("prometheus")
async def test_grafana_is_answered_as_by_prometheus(site: Site, tmp_path: Path) -> None:
    at = to_ms(now())
    samples = [
        Sample(metric, {"host": host, "job": "node"}, float(value + age), at - 15_000 * age)
        for metric, value in (("up", 1), ("load_total", 5))
        for host in ("web-1", "db-1")
        for age in range(20, -1, -1)
    ]
    body = encode(samples)
    await site.house.transport.send(body)
    different = []
    with prometheus(tmp_path / "prometheus") as url:
        async with httpx.AsyncClient(base_url=url) as theirs, site.with_key(Scope.READ) as ours:
            sent = await theirs.post("/api/v1/write", content=body.body, headers={"Content-Encoding": "snappy"})
            assert sent.is_success, sent.text
            for method, path, given in requests(at / 1000):
                one, other = [await _asked(client, method, path, given) for client in (ours, theirs)]
                got, wanted = (one.status_code, one.json()), (other.status_code, other.json())
                if path in {"rules", "alerts", "status/buildinfo"}:  # what is in them is each one's own
                    got, wanted = ((code, {"status": said["status"]}) for code, said in (got, wanted))
                if (got[0], shape(got[1])) != (wanted[0], shape(wanted[1])):
                    different.append((method, path, given, got, wanted))
    assert different == []


async def _asked(client: httpx.AsyncClient, method: str, path: str, given: dict[str, str]) -> httpx.Response:
    if method == "POST":
        return await client.post(f"/api/v1/{path}", data=given)
    return await client.get(f"/api/v1/{path}", params=given)
