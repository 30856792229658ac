"""The real program scrapes real exporters, beside a real Prometheus that scrapes the same."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engines.metrics import prometheus

from .program import Program, free_port, wait_until
from .test_prometheus import asked

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.engine("prometheus", "prometheus-node-exporter", "prometheus-blackbox-exporter"),
]

JOBS = """
  - job_name: node
    scrape_interval: 1s
    file_sd_configs: [{{files: [{folder}/machines.json], refresh_interval: 1s}}]
    relabel_configs:
      - {{source_labels: [__meta_filepath], regex: '.*/(\\w+)\\.json', target_label: list}}
    metric_relabel_configs:
      - {{source_labels: [__name__], regex: 'node_(uname|os|load1|boot|cpu|filesystem_size).*', action: keep}}
      - {{regex: fstype, action: labeldrop}}
  - job_name: web
    scrape_interval: 1s
    metrics_path: /probe
    params: {{module: [http_2xx]}}
    static_configs: [{{targets: ["{site}"], labels: {{team: ops}}}}]
    relabel_configs:
      - {{source_labels: [__address__], target_label: __param_target}}
      - {{source_labels: [__param_target], target_label: instance}}
      - {{target_label: __address__, replacement: "{blackbox}"}}
"""
OURS = "listen: 127.0.0.1:${PORT}\nagent: {probes: {}}\ntargets:"
Found = list[dict[str, Any]]

SERIES = '{job=~"node|web",__name__!~"scrape_.*"}'
STABLE = '{__name__=~"node_uname_info|node_boot_time_seconds|node_filesystem_size_bytes|probe_success|probe_http_status_code|up"}'


@contextmanager
def exporter(command: str, *flags: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """An exporter on a port of loopback."""
    process = subprocess.Popen(
        [command, f"--web.listen-address=127.0.0.1:{port}", *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/"), 60, command)
        yield process
    finally:
        process.kill()
        process.wait()


def name_machines(folder: Path, *ports: int) -> None:
    written = [{"targets": [f"127.0.0.1:{port}"], "labels": {"site": "seoul"}} for port in ports]
    (folder / "machines.json.new").write_text(json.dumps(written), encoding="utf-8")
    (folder / "machines.json.new").replace(folder / "machines.json")


def test_it_scrapes_as_prometheus_does(start: Callable[..., Program], tmp_path: Path) -> None:
    program = start()
    machine, prober, other = free_port(), free_port(), free_port()
    program.folder.mkdir()
    jobs = JOBS.format(folder=tmp_path, site=f"http://127.0.0.1:{machine}/", blackbox=f"127.0.0.1:{prober}")
    (program.folder / "gwanje.yaml").write_text(OURS + jobs, encoding="utf-8")
    name_machines(tmp_path, machine)
    modules = tmp_path / "blackbox.yml"
    modules.write_text("modules: {http_2xx: {prober: http, http: {preferred_ip_protocol: ip4}}}\n", encoding="utf-8")
    with ExitStack() as stack:
        node = stack.enter_context(exporter("prometheus-node-exporter", port=machine))
        stack.enter_context(exporter("prometheus-blackbox-exporter", f"--config.file={modules}", port=prober))
        theirs = stack.enter_context(prometheus(tmp_path / "theirs", configuration=f"scrape_configs:{jobs}"))
        program.start()
        program.first_user()

        def ours(query: str) -> Found:
            answer: Found = program.get("/api/v1/query", query=query)["data"]["result"]
            return answer

        def of_theirs(query: str) -> Found:
            return asked(theirs, query)

        both = (ours, of_theirs)
        wait_until(lambda: all(one("min(up) == 1 and count(up) == 2") for one in both), 60, "both jobs in both")
        wait_until(lambda: names(both[0](SERIES)) == names(both[1](SERIES)) != [], 60, "the same series in both")
        wait_until(lambda: valued(ours(STABLE)) == valued(of_theirs(STABLE)), 60, "the same values in both")
        assert {one["metric"]["team"] for one in both[0]("probe_success")} == {"ops"}
        for query in ('scrape_samples_scraped{job="node"}', 'scrape_samples_post_metric_relabeling{job="node"}'):
            wait_until(lambda query=query: valued(ours(query)) == valued(of_theirs(query)) != [], 60, f"the same {query}")

        def same_targets() -> bool:
            told = shown(program.get("/api/v1/targets")["data"])
            return told == shown(httpx.get(f"{theirs}/api/v1/targets").json()["data"]) != []

        wait_until(same_targets, 60, "the same targets in both")
        about = program.get("/api/v1/metadata", metric="node_load1")["data"]
        assert about == httpx.get(f"{theirs}/api/v1/metadata", params={"metric": "node_load1"}).json()["data"]

        node.kill()
        node.wait()
        wait_until(lambda: all(one('up{job="node"} == 0') for one in both), 60, "the exporter's end seen by both")
        wait_until(lambda: all(one("probe_success == 0") for one in both), 60, "and by the prober")
        assert [one('{__name__=~"node_.*"}') for one in both] == [[], []]
        assert program.get("/api/v1/targets", state="active", scrapePool="node")["data"]["activeTargets"][0]["health"] == "down"

        stack.enter_context(exporter("prometheus-node-exporter", port=other))
        name_machines(tmp_path, other)
        alive = f'up{{instance="127.0.0.1:{other}"}} == 1'
        wait_until(lambda: all(one(alive) for one in both), 60, "the machine that the file names now")
        wait_until(lambda: all(not one(f'up{{instance="127.0.0.1:{machine}"}}') for one in both), 60, "the end of the one before")


def names(found: Found) -> list[str]:
    return sorted(json.dumps(one["metric"], sort_keys=True) for one in found)


def valued(found: Found) -> list[str]:
    return sorted(json.dumps([one["metric"], one["value"][1]], sort_keys=True) for one in found)


def shown(answer: dict[str, Any]) -> list[Any]:
    """What is alike in both: not the times, and not their own host's name."""
    keys = ("labels", "scrapePool", "scrapeUrl", "lastError", "health", "scrapeInterval", "scrapeTimeout", "discoveredLabels")
    return sorted(([one[key] for key in keys] for one in answer["activeTargets"]), key=str)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code < 500
    except httpx.HTTPError:
        return False
