"""The host as the probe sees it: on made-up trees, and beside the real node_exporter."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from gwanje.collect.probes import host
from gwanje.collect.probes.host import Settings, Steady
from gwanje.errors import GwanjeError
from gwanje.kinds import World
from gwanje.model import Sample

NOW_MS = 1_800_000_000_500
Key = tuple[str, frozenset[tuple[str, str]]]
WORLD = World(Path("/nonexistent"))


def look(settings: Settings, now_ms: int = NOW_MS) -> tuple[Sample, ...]:
    return asyncio.run(host.create(settings, WORLD).collect(now_ms)).samples


def tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


STAT = {"proc/stat": "cpu0 100 0 0 1000\nbtime 1700000000\n"}
NET_DEV = "head\nhead\n{device}: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"


def settings_of(folder: Path, **more: Any) -> Settings:
    return Settings(proc=folder / "proc", sys=folder / "sys", root=folder / "root", **more)


def test_a_kernel_that_has_little_gives_what_it_has(tmp_path: Path) -> None:
    samples = look(settings_of(tree(tmp_path, STAT)))

    metrics = {sample.metric for sample in samples}
    assert {"node_cpu_seconds_total", "node_boot_time_seconds", "node_uname_info", "node_time_seconds"} <= metrics
    assert not [metric for metric in metrics if "memory" in metric or "disk" in metric or "pressure" in metric]
    assert {sample.at_ms for sample in samples} == {NOW_MS}
    assert Sample("node_time_seconds", {}, 1_800_000_000.5, NOW_MS) in samples


@pytest.mark.parametrize(
    ("files", "named"),
    [
        pytest.param({}, "proc/stat", id="no /proc at all"),
        pytest.param({"proc/stat": "cpu0 a b\n"}, "proc/stat", id="a stat that is none"),
        pytest.param({**STAT, "proc/loadavg": "0.1\n"}, "proc/loadavg", id="a file cut short"),
        pytest.param({**STAT, "proc/meminfo": "MemTotal: x kB\n"}, "proc/meminfo", id="a number that is none"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, files: dict[str, str], named: str) -> None:
    (tmp_path / "proc").mkdir()

    with pytest.raises(GwanjeError, match=re.escape(str(tmp_path / named))):
        look(settings_of(tree(tmp_path, files)))


def test_in_a_container_the_hosts_network_is_that_of_its_first_process(tmp_path: Path) -> None:
    files = {**STAT, "proc/net/dev": NET_DEV.format(device="eth9"), "proc/1/net/dev": NET_DEV.format(device="eth0")}

    received = [
        sample for sample in look(settings_of(tree(tmp_path, files))) if sample.metric == "node_network_receive_bytes_total"
    ]

    assert [(sample.labels, sample.value) for sample in received] == [({"device": "eth0"}, 1.0)]


def test_file_systems_are_asked_below_the_root_and_filtered_by_type_and_place(tmp_path: Path) -> None:
    mountinfo = (
        "1 0 254:0 / / rw - ext4 /dev/vda rw\n"
        "2 1 254:1 / /srv rw - xfs /dev/vdb rw\n"
        "3 1 0:5 / /dev rw - devtmpfs devtmpfs rw\n"
        "4 1 0:6 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw\n"
        "5 1 0:7 / /run rw - tmpfs tmpfs rw\n"
    )
    folder = tree(tmp_path, {**STAT, "proc/1/mountinfo": mountinfo})
    (folder / "root/srv").mkdir(parents=True)

    samples = look(settings_of(folder, skip_fstypes="^(tmpfs|overlay)$"))

    sizes = {sample.labels["mountpoint"]: sample for sample in samples if sample.metric == "node_filesystem_size_bytes"}
    assert sizes.keys() == {"/", "/srv"}
    assert dict(sizes["/srv"].labels) == {"device": "/dev/vdb", "fstype": "xfs", "mountpoint": "/srv"}
    whole = os.statvfs(tmp_path)
    assert sizes["/srv"].value == whole.f_blocks * whole.f_frsize


def test_processes_are_counted_and_their_states_can_be_left_out(tmp_path: Path) -> None:
    folder = tree(
        tmp_path, {**STAT, "proc/1/stat": "1 (init) S 0", "proc/77/stat": "77 (old) Z 1", "proc/sys/kernel/pid_max": "32768\n"}
    )

    with_states, without = look(settings_of(folder)), look(settings_of(folder, process_states=False))

    assert Sample("node_processes_pids", {}, 2.0, NOW_MS) in with_states
    assert Sample("node_processes_max_processes", {}, 32768.0, NOW_MS) in with_states
    assert Sample("node_processes_state", {"state": "Z"}, 1.0, NOW_MS) in with_states
    assert set(map(str, with_states)) - set(map(str, without)) == {
        str(Sample("node_processes_state", {"state": state}, 1.0, NOW_MS)) for state in "SZ"
    }


def test_interfaces_are_up_or_not_and_have_a_speed_where_there_is_a_link(tmp_path: Path) -> None:
    net = "sys/class/net/"
    files = {
        f"{net}eth0/operstate": "up\n",
        f"{net}eth0/speed": "1000\n",
        f"{net}eth1/operstate": "down\n",
        f"{net}eth1/speed": "-1\n",
    }
    folder = tree(tmp_path, {**STAT, **files, f"{net}lo/operstate": "unknown\n"})

    states = [sample for sample in look(settings_of(folder)) if sample.metric.startswith("node_network")]

    assert [(sample.metric, sample.labels["device"], sample.value) for sample in states] == [
        ("node_network_up", "eth0", 1.0),
        ("node_network_speed_bytes", "eth0", 125_000_000.0),
        ("node_network_up", "eth1", 0.0),
    ]


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        pytest.param([10.0, 11.0, 12.5], [10.0, 11.0, 12.5], id="time goes on"),
        pytest.param([10.0, 9.9, 10.2], [10.0, 10.0, 10.2], id="a slip of the kernel's arithmetic is held"),
        pytest.param([10.0, 0.5, 1.0], [10.0, 0.5, 1.0], id="a processor that was taken out counts from zero"),
    ],
)
@pytest.mark.parametrize("mode", ["idle", "iowait"])
def test_idle_time_never_goes_back_a_little(mode: str, looks: list[float], told: list[float]) -> None:
    steady, labels = Steady(), {"cpu": "0", "mode": mode}

    values = [value for look in looks for _, _, value in steady.counters([("node_cpu_seconds_total", labels, look)])]

    assert values == told


# --- beside the real one -------------------------------------------------------------------------------------------------

# Debian narrows these two; we keep what its authors ship.
_SAME_CHOICE = {
    "--collector.filesystem.mount-points-exclude": Settings().skip_mountpoints,
    "--collector.filesystem.fs-types-exclude": Settings().skip_fstypes,
    "--collector.diskstats.device-exclude": Settings().skip_disks,
    "--collector.netdev.device-exclude": Settings().skip_interfaces,
    "--collector.netclass.ignored-devices": Settings().skip_interfaces,
}
_OURS = re.compile(
    r"node_(cpu_seconds|cpu_guest_seconds|load|memory|filesystem|network_(receive|transmit_(?!queue)|up|speed_bytes)|procs_|vmstat|filefd"
    r"|boot_time|uname_info|context_switches|intr_total|forks|processes_(pids|state|threads$|max)|pressure|disk_(?!info))|node_time_seconds$"
)
"""What we promise to say in its words. The rest of its collectors we do not have."""
_ONLY_NEWER_KERNELS = {"node_network_receive_nohandler_total"}
"""The kernel tells this over netlink alone, and not in /proc/net/dev."""
_MOVES_FREELY = re.compile(
    r"node_(load|procs_|processes_|time_|filefd_allocated|pressure|disk_io_now|memory_(Dirty|Writeback|Active|Inactive))"
)
_LINE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@pytest.fixture
def exporter() -> Iterator[str]:
    """The address of a running node_exporter that looks at the same things as we do."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(shutil.which("prometheus-node-exporter")), f"--web.listen-address=127.0.0.1:{port}", "--collector.processes"]
    command += ["--collector.netclass.ignore-invalid-speed"]
    command += [f"{flag}={pattern}" for flag, pattern in _SAME_CHOICE.items()]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}/metrics"
    finally:
        process.terminate()
        process.wait(timeout=10)


def scrape(address: str) -> dict[Key, float]:
    until = time.monotonic() + 20
    while True:
        try:
            with urlopen(address, timeout=10) as answer:  # noqa: S310 # the test's own address
                lines = answer.read().decode().splitlines()
        except URLError:
            assert time.monotonic() < until, "node_exporter never answered"
            continue
        matches = [match for line in lines if (match := _LINE.match(line)) and _OURS.match(match[1])]
        return {(match[1], frozenset(_LABEL.findall(match[2] or ""))): float(match[3]) for match in matches}


@pytest.mark.engine("prometheus-node-exporter")
def test_names_labels_and_values_are_those_of_the_real_node_exporter(exporter: str) -> None:
    probe = host.create(Settings(), WORLD)

    before = scrape(exporter)
    seen = asyncio.run(probe.collect(time.time_ns() // 1_000_000)).samples
    after = scrape(exporter)

    ours = {(sample.metric, frozenset(sample.labels.items())): sample.value for sample in seen}
    # A process may be in another state, and an interface of a test's container may come or go, in this very moment.
    passing = set(before.keys() ^ after.keys()) | {key for key in {**before, **ours} if key[0] == "node_processes_state"}
    theirs = {key for key in before.keys() | after.keys() if key[0] not in _ONLY_NEWER_KERNELS} - passing
    assert theirs - ours.keys() == set(), "said by node_exporter alone"
    assert ours.keys() - theirs - passing == set(), "said by us alone"
    wrong = [
        (key, before[key], ours[key], after[key]) for key in theirs if not _agree(key[0], before[key], ours[key], after[key])
    ]
    assert wrong == []


def _agree(metric: str, before: float, value: float, after: float) -> bool:
    """Ours was read between their two: a counter lies between them, anything else near them."""
    if _MOVES_FREELY.match(metric):
        return True
    low, high = sorted((before, after))
    slack = 0.0 if metric.endswith("_total") else 0.05 * high
    return low - slack <= value <= high + slack
