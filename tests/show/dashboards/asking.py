"""What a Grafana with a Prometheus data source sends for a dashboard, and samples of every metric that the dashboards ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

SPAN = 3600
STEP = 15
EVERY = 5.0
LOOKS = 24

Labels = dict[str, str]

HOST: Labels = {"host": "web-1", "instance": "web-1", "job": "node"}
CONTAINER: Labels = {"host": "web-1", "name": "api", "id": "/docker/1"}
OWN: Labels = {"host": "web-1", "instance": "web-1", "job": "gwanje"}
TARGET: Labels = {"job": "shop", "instance": "10.0.0.1:9100"}
FETCH: Labels = {"pipeline": "collect", "source": "web"}

# Values that stay, then counters with what they grow by at each look.
GAUGES: Sequence[tuple[str, Labels, float]] = (
    ("node_load1", HOST, 0.5),
    ("node_memory_MemAvailable_bytes", HOST, 6e9),
    ("node_memory_MemTotal_bytes", HOST, 8e9),
    ("node_time_seconds", HOST, 1.7e9),
    ("node_boot_time_seconds", HOST, 1.6e9),
    ("node_filesystem_avail_bytes", {**HOST, "mountpoint": "/", "fstype": "ext4"}, 4e10),
    ("node_filesystem_size_bytes", {**HOST, "mountpoint": "/", "fstype": "ext4"}, 5e10),
    ("container_last_seen", CONTAINER, 1.7e9),
    ("container_memory_working_set_bytes", CONTAINER, 2e8),
    ("container_spec_memory_limit_bytes", CONTAINER, 4e8),
    ("gwanje_store_active_series", OWN, 900),
    ("gwanje_store_series", OWN, 1000),
    ("gwanje_store_head_bytes", OWN, 1e6),
    ("gwanje_store_log_bytes", OWN, 1e6),
    ("gwanje_store_block_bytes", OWN, 1e6),
    ("gwanje_alerts", {**OWN, "state": "firing"}, 1),
    ("gwanje_probe_up", {"host": "web-1", "probe": "host"}, 1),
    ("gwanje_agent_waiting_batches", OWN, 0),
    ("gwanje_scrape_waiting_batches", OWN, 0),
    ("gwanje_spool_batches", OWN, 0),
    ("process_resident_memory_bytes", OWN, 1e8),
    ("up", TARGET, 1),
    ("scrape_samples_scraped", TARGET, 500),
    ("scrape_duration_seconds", TARGET, 0.02),
)
COUNTERS: Sequence[tuple[str, Labels, float]] = (
    ("node_cpu_seconds_total", {**HOST, "cpu": "0", "mode": "idle"}, 4),
    ("node_cpu_seconds_total", {**HOST, "cpu": "0", "mode": "user"}, 1),
    ("node_network_receive_bytes_total", {**HOST, "device": "eth0"}, 1e5),
    ("node_network_transmit_bytes_total", {**HOST, "device": "eth0"}, 1e5),
    ("node_disk_read_bytes_total", {**HOST, "device": "sda"}, 1e5),
    ("node_disk_written_bytes_total", {**HOST, "device": "sda"}, 1e5),
    ("container_cpu_usage_seconds_total", CONTAINER, 1),
    ("container_oom_events_total", CONTAINER, 0),
    ("container_fs_reads_bytes_total", CONTAINER, 1e4),
    ("container_fs_writes_bytes_total", CONTAINER, 1e4),
    ("gwanje_samples_received_total", OWN, 1000),
    ("gwanje_samples_duplicate_total", OWN, 0),
    ("gwanje_samples_conflicting_total", OWN, 0),
    ("gwanje_samples_refused_total", {**OWN, "reason": "old"}, 0),
    ("gwanje_events_received_total", OWN, 1),
    ("gwanje_rule_evaluations_total", OWN, 10),
    ("gwanje_rule_errors_total", OWN, 0),
    ("gwanje_rule_seconds_total", OWN, 0.1),
    ("gwanje_recording_evaluations_total", OWN, 10),
    ("gwanje_recording_errors_total", OWN, 0),
    ("gwanje_recording_seconds_total", OWN, 0.1),
    ("gwanje_delivery_attempts_total", {**OWN, "receiver": "ops", "outcome": "sent"}, 1),
    ("process_cpu_seconds_total", OWN, 0.5),
    ("gwanje_fetch_total", {**FETCH, "outcome": "succeeded"}, 3),
    ("gwanje_fetch_total", {**FETCH, "outcome": "failed"}, 1),
    ("gwanje_fetch_total", {**FETCH, "outcome": "cancelled"}, 0),
    ("gwanje_fetch_bytes_total", FETCH, 1e4),
    *(("gwanje_fetch_seconds_bucket", {**FETCH, "le": le}, grown) for le, grown in (("0.5", 2), ("1", 3), ("+Inf", 4))),
)


def samples() -> list[tuple[str, Labels, float, float]]:
    """Two minutes of every metric: metric, labels, value, age in seconds."""
    found: list[tuple[str, Labels, float, float]] = []
    for look in range(LOOKS):
        age = (LOOKS - 1 - look) * EVERY
        found.extend((metric, labels, value, age) for metric, labels, value in GAUGES)
        found.extend((metric, labels, value + grown * look, age) for metric, labels, grown in COUNTERS for value in (100.0,))
    return found


@dataclass(frozen=True, slots=True)
class Grafana:
    """Asks as Grafana's Prometheus data source does with `httpMethod: POST`."""

    client: httpx.AsyncClient
    at: float

    async def label_values(self, definition: str) -> list[str]:
        """The values of a variable, from its `label_values(selector, label)`."""
        match = re.fullmatch(r"label_values\((?P<selector>.+), (?P<label>\w+)\)", definition)
        assert match, definition
        times = {"start": str(int(self.at - SPAN)), "end": str(int(self.at))}
        params = {**times, "match[]": match["selector"]}
        return list(answered(await self.client.get(f"/api/v1/label/{match['label']}/values", params=params)))

    async def target(self, target: Mapping[str, Any], variables: Mapping[str, str]) -> list[Any]:
        """The series that one target of a panel gets."""
        expr = filled(target["expr"], variables)
        if target["range"]:
            end = int(self.at) // STEP * STEP
            form = {"query": expr, "start": str(end - SPAN), "end": str(end), "step": str(STEP)}
            data = answered(await self.client.post("/api/v1/query_range", data=form))
            assert data["resultType"] == "matrix", expr
        else:
            data = answered(await self.client.post("/api/v1/query", data={"query": expr, "time": f"{self.at:.3f}"}))
            assert data["resultType"] == "vector", expr
        return list(data["result"])


def filled(expr: str, variables: Mapping[str, str]) -> str:
    """The expression with Grafana's own variables and those that are given."""
    own = {"__rate_interval": "60s", "__interval": "15s", "__range": "3600s"}
    return re.sub(r"\$\{?(\w+)\}?", lambda match: {**own, **variables}[match[1]], expr)


def answered(response: httpx.Response) -> Any:
    """The data of an answer that went well, in Prometheus's form."""
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["status"] == "success", body
    return body["data"]
