"""A real Prometheus takes series over from the real program."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import prometheus_3

from .program import Program, free_port, wait_until

pytestmark = pytest.mark.e2e

CONFIGURATION = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: gwanje
    honor_labels: true
    metrics_path: /federate
    params: {{"match[]": ['{{job="batch"}}', "gwanje_store_series"]}}
    authorization: {{credentials: "{key}"}}
    static_configs: [{{targets: ["127.0.0.1:{theirs}"]}}]
"""


@contextmanager
def prometheus(folder: Path, program: Program, key: str, command: str) -> Iterator[str]:
    """Prometheus, scraping nothing else; its own address."""
    port = free_port()
    folder.mkdir()
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(theirs=program.port, key=key), encoding="utf-8")
    arguments = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([command, *arguments, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def asked(url: str, query: str) -> list[dict[str, Any]]:
    try:
        answer = httpx.get(f"{url}/api/v1/query", params={"query": query})
    except httpx.TransportError:  # it begins
        return []
    if answer.status_code == 503:  # it listens, and reads its own log yet
        return []
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


@pytest.mark.parametrize(
    ("command", "name"),
    [
        pytest.param("prometheus", "http_time", marks=pytest.mark.engine("prometheus"), id="version 2"),
        pytest.param(str(prometheus_3()), "http.time", marks=pytest.mark.engine("prometheus 3"), id="version 3"),
    ],
)
def test_series_are_taken_over_with_their_labels_and_times(
    start: Callable[..., Program], tmp_path: Path, command: str, name: str
) -> None:
    program = start()
    key = program.key("ingest", "read")
    program.start()
    at_ms = time.time_ns() // 1_000_000 - 20_000
    sent = {"metric": {"__name__": "http.time", "job": "batch", "path": 'a"b'}, "values": [1.5], "timestamps": [at_ms]}
    headers = {"Authorization": f"Bearer {key}"}
    httpx.post(f"{program.url}/api/v1/import", content=json.dumps(sent), headers=headers).raise_for_status()
    with prometheus(tmp_path / "prometheus", program, key, command) as url:
        query = f'{{__name__="{name}"}}[5m]'
        (found,) = wait_until(lambda: asked(url, query), 60, "the series")
        assert found["metric"] == {"__name__": name, "job": "batch", "path": 'a"b'}
        assert found["values"] == [[at_ms / 1000, "1.5"]]
        assert wait_until(lambda: asked(url, "gwanje_store_series"), 60, "our own figure")
        assert asked(url, 'up{job="gwanje"}')[0]["value"][1] == "1"
