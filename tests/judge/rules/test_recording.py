"""Recording rules: what an answer becomes, and what the ready ones say of real names."""

import numpy as np
import pytest
from pydantic import ValidationError

from gwanje.judge.rules.evaluate import RuleError
from gwanje.judge.rules.recording import Recording, ready, recorded
from gwanje.keep.samples.base import Answer, Matrix, Scalar, Vector
from gwanje.testing.scenarios import MemorySamples

AT_MS = 1_767_258_000_000
RULE = Recording(record="used", expr="x", labels={"team": "web"})


def _vector(*series: tuple[tuple[tuple[str, str], ...], float]) -> Vector:
    return Vector([labels for labels, _ in series], np.array([value for _, value in series]), AT_MS)


def test_each_result_becomes_a_series_of_the_metric() -> None:
    answer = _vector(((("__name__", "x"), ("host", "a")), 1.0), ((("host", "b"), ("team", "db")), 2.0))
    assert recorded(RULE, answer) == {
        (("__name__", "used"), ("host", "a"), ("team", "web")): 1.0,
        (("__name__", "used"), ("host", "b"), ("team", "web")): 2.0,
    }
    assert recorded(RULE, Scalar(3.0, AT_MS)) == {(("__name__", "used"), ("team", "web")): 3.0}


def test_a_metric_may_have_any_name_but_a_query() -> None:
    assert recorded(Recording(record="host.used", expr="x"), Scalar(3.0, AT_MS)) == {(("__name__", "host.used"),): 3.0}
    for record in ("", "sum(x)", 'x{host="a"}'):
        with pytest.raises(ValidationError, match="a query belongs into `expr`"):
            Recording(record=record, expr="x")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(_vector(((("__name__", "x"),), 1.0), ((("__name__", "y"),), 2.0)), id="two that would be one"),
        pytest.param(Matrix([], np.zeros(1, np.int64), np.empty(0, np.int64), np.empty(0)), id="a range"),
    ],
)
def test_what_cannot_be_kept_is_said(answer: Answer) -> None:
    with pytest.raises(RuleError, match="used"):
        recorded(RULE, answer)


def _host(samples: MemorySamples) -> None:
    for at in (AT_MS - 30_000, AT_MS):
        later = at == AT_MS
        for cpu in ("0", "1"):
            samples.append("node_cpu_seconds_total", {"host": "web-1", "cpu": cpu, "mode": "idle"}, 15.0 * later, at)
            samples.append("node_cpu_seconds_total", {"host": "web-1", "cpu": cpu, "mode": "user"}, 15.0 * later, at)
        for way in ("receive", "transmit"):
            samples.append(f"node_network_{way}_bytes_total", {"host": "web-1", "device": "eth0"}, 3000.0 * later, at)
            samples.append(f"node_network_{way}_bytes_total", {"host": "web-1", "device": "lo"}, 9000.0 * later, at)
        for way in ("read", "written"):
            samples.append(f"node_disk_{way}_bytes_total", {"host": "web-1", "device": "sda"}, 6000.0 * later, at)
        samples.append("container_cpu_usage_seconds_total", {"host": "web-1", "name": "db"}, 15.0 * later, at)
    of_host = {"MemAvailable": 25.0, "MemTotal": 100.0, "SwapFree": 90.0, "SwapTotal": 100.0}
    for name, value in of_host.items():
        samples.append(f"node_memory_{name}_bytes", {"host": "web-1"}, value, AT_MS)
    samples.append("node_load1", {"host": "web-1"}, 3.0, AT_MS)
    for fstype, free in (("ext4", 20.0), ("squashfs", 0.0)):
        of_disk = {"host": "web-1", "mountpoint": "/" if fstype == "ext4" else "/snap", "fstype": fstype}
        samples.append("node_filesystem_avail_bytes", of_disk, free, AT_MS)
        samples.append("node_filesystem_size_bytes", of_disk, 100.0, AT_MS)
    of_container = {"cpu_quota": 200_000.0, "cpu_period": 100_000.0, "memory_limit_bytes": 400.0}
    for name, value in of_container.items():
        samples.append(f"container_spec_{name}", {"host": "web-1", "name": "db"}, value, AT_MS)
    samples.append("container_memory_working_set_bytes", {"host": "web-1", "name": "db"}, 100.0, AT_MS)


async def test_the_ready_ones_say_plainly_what_the_agent_counts() -> None:
    samples = MemorySamples()
    _host(samples)
    found = {
        one.record: [(dict(labels), value) for labels, value in recorded(one, await samples.instant(one.expr, AT_MS)).items()]
        for one in ready()
    }
    assert {name: values[0][1] for name, values in found.items()} == pytest.approx(
        {
            "host_cpu_used_ratio": 0.5,
            "host_load_per_cpu": 1.5,
            "host_memory_used_ratio": 0.75,
            "host_swap_used_ratio": 0.1,
            "host_filesystem_used_ratio": 0.8,
            "host_network_receive_bytes_per_second": 100.0,
            "host_network_transmit_bytes_per_second": 100.0,
            "host_disk_read_bytes_per_second": 200.0,
            "host_disk_written_bytes_per_second": 200.0,
            "container_cpu_used_cores": 0.5,
            "container_cpu_used_ratio": 0.25,
            "container_memory_used_ratio": 0.25,
        },
        rel=0.5,  # a rate reaches half an interval beyond the first of two samples
    )
    assert [labels for labels, _ in found["host_filesystem_used_ratio"]] == [
        {"__name__": "host_filesystem_used_ratio", "host": "web-1", "mountpoint": "/"}
    ]
    assert found["host_cpu_used_ratio"][0][1] == pytest.approx(0.5)
    assert found["container_memory_used_ratio"][0][1] == 0.25
