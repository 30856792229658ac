"""Prometheus as an agent writes into the real program: version 2 by remote write 1.0, version 3 by 2.0."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import prometheus_3

from .program import Program, free_port, wait_until

pytestmark = pytest.mark.e2e

CONFIGURATION = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: prometheus
    static_configs: [{{targets: ["127.0.0.1:{own}"]}}]
  - job_name: nobody
    static_configs: [{{targets: ["127.0.0.1:{nobody}"]}}]
remote_write:
  - url: {url}/api/v1/write
    authorization: {{credentials: "{key}"}}
    queue_config: {{max_backoff: 1s, batch_send_deadline: 1s}}
    {more}
"""


@contextmanager
def agent(folder: Path, program: Program, key: str, command: list[str], more: str) -> Iterator[str]:
    """Prometheus in agent role, scraping itself and a target that does not answer; its own address."""
    port = free_port()
    folder.mkdir()
    written = CONFIGURATION.format(own=port, nobody=free_port(), key=key, url=program.url, more=more)
    (folder / "prometheus.yml").write_text(written, encoding="utf-8")
    arguments = [
        f"--config.file={folder}/prometheus.yml",
        f"--storage.agent.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, *arguments], stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def said(url: str, metric: str) -> float:
    """The sum of one of the agent's own metrics, from its page."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition("{")[0] == metric)


@pytest.mark.parametrize(
    ("command", "more"),
    [
        pytest.param(
            ["prometheus", "--enable-feature=agent"],
            "",
            marks=pytest.mark.engine("prometheus"),
            id="version 2 by remote write 1.0",
        ),
        pytest.param(
            [str(prometheus_3()), "--agent"],
            "protobuf_message: io.prometheus.write.v2.Request",
            marks=pytest.mark.engine("prometheus 3"),
            id="version 3 by remote write 2.0",
        ),
    ],
)
def test_an_agents_scrapes_arrive_whole(start: Callable[..., Program], tmp_path: Path, command: list[str], more: str) -> None:
    program = start()
    key = program.key("ingest", "read")
    program.start()
    program.first_user()
    with agent(tmp_path / "agent", program, key, command, more) as url:
        # What a scrape brought, and the five that Prometheus adds to it.
        whole = 'count({job="prometheus"}) == on() (max(scrape_samples_post_metric_relabeling{job="prometheus"}) + 5)'
        wait_until(lambda: program.value(whole), 60, "a whole scrape")
        assert program.value('prometheus_build_info{job="prometheus"}') == 1
        assert program.value('up{job="prometheus"}') == 1
        wait_until(lambda: program.value('up{job="nobody"}') == 0, 60, "a target that does not answer")
        assert said(url, "prometheus_remote_storage_samples_total") > 0
        assert said(url, "prometheus_remote_storage_samples_failed_total") == 0
        assert said(url, "prometheus_remote_storage_samples_dropped_total") == 0
