"""A real Prometheus writes into the real program, and both answer the same."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from .program import Program, free_port, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.engine("prometheus")]

CONFIGURATION = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: prometheus
    static_configs: [{{targets: ["127.0.0.1:{own}"]}}]
  - job_name: gwanje
    authorization: {{credentials: "{key}"}}
    static_configs: [{{targets: ["127.0.0.1:{theirs}"]}}]
remote_write:
  - url: {url}/api/v1/write
    authorization: {{credentials: "{key}"}}
    queue_config: {{max_backoff: 1s}}
"""


@contextmanager
def prometheus(folder: Path, program: Program, key: str) -> Iterator[str]:
    """Prometheus, scraping itself and gwanje, and writing all of it to gwanje; its own address."""
    port = free_port()
    folder.mkdir()
    written = CONFIGURATION.format(own=port, theirs=program.port, key=key, url=program.url)
    (folder / "prometheus.yml").write_text(written, encoding="utf-8")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def asked(url: str, query: str, **params: Any) -> list[dict[str, Any]]:
    """What Prometheus itself answers."""
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query, **params})
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def test_prometheus_writes_through_a_kill_and_both_hold_the_same_samples(start: Callable[..., Program], tmp_path: Path) -> None:
    program = start()
    key = program.key("ingest", "read")
    program.start()
    program.first_user()
    with prometheus(tmp_path / "prometheus", program, key) as url:
        wait_until(lambda: program.value('up{job="prometheus"}'), 60, "the first samples")
        program.kill()
        program.start()
        after = httpx.get(f"{url}/api/v1/query", params={"query": "time()"}).json()["data"]["result"][0]
        wait_until(lambda: (program.value('max(timestamp(up{job="gwanje"}))') or 0) > after + 5, 60, "samples of after the kill")
        theirs = asked(url, 'up{job="prometheus"}[10m]')[0]["values"]
        last = theirs[-1][0]
        wait_until(lambda: (program.value('timestamp(up{job="prometheus"})') or 0) >= last, 60, "what Prometheus held then")
        ours = program.get("/api/v1/query", query='up{job="prometheus"}[10m]')["data"]["result"][0]["values"]
        assert [pair for pair in ours if pair[0] <= last] == theirs
        # Each series goes through a queue of its own, and a queue may hold what it has for five seconds.
        compared = ("scrape_samples_scraped", "prometheus_tsdb_head_samples_appended_total")
        # Between two scrapes, and a range that was full from its start: version 2 counts the left edge in, and carries a counter
        # that began within the range back to its zero, however far that is; ours does both as version 3.
        at = last - 1.4
        for name in compared:
            wait_until(lambda name=name: (program.value(f"min(timestamp({name}))") or 0) >= at, 60, f"{name} of both jobs")
        for query in ("sum by (job) (scrape_samples_scraped)", "rate(prometheus_tsdb_head_samples_appended_total[5s])"):
            of_ours = program.get("/api/v1/query", query=query, time=str(at))["data"]["result"]
            assert sorted(map(str, of_ours)) == sorted(map(str, asked(url, query, time=str(at))))
