"""Real containers on a real engine, seen by the probe."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from gwanje.collect.probes import container
from gwanje.collect.probes.base import Reading
from gwanje.collect.probes.container import ContainerProbe, Settings
from gwanje.kinds import World
from gwanje.model import Event
from tests.engines.dockerd import Dockerd

pytestmark = pytest.mark.engine("containers")

MIB = 1024 * 1024
UNTIL_TOLD = "while [ ! -e /go ]; do sleep 0.05; done"
PAUSE_SECONDS = 0.1
"""Between two looks at something that happens in its own time."""


@pytest.fixture
def run(docker: Dockerd) -> Iterator[Callable[..., str]]:
    """Start a container by name, options and shell command; it is gone after the test."""
    names: list[str] = []

    def start(name: str, *options: str, command: str = "exec sleep 3600") -> str:
        names.append(name)
        return docker.run("run", "--detach", "--name", name, *options, "busybox:test", "/bin/sh", "-c", command).stdout.strip()

    yield start
    docker.run("rm", "--force", *names)


def probe_of(docker: Dockerd, **settings: Any) -> ContainerProbe:
    settings = {"sockets": (docker.socket,), **settings}
    return container.create(Settings(**settings), World(Path("/nonexistent")))


def look(probe: ContainerProbe) -> Reading:
    return asyncio.run(probe.collect(time.time_ns() // 1_000_000))


def figures(reading: Reading, name: str) -> dict[str, float]:
    """The figures of one container, by metric; those of several interfaces or devices added up."""
    found: dict[str, float] = {}
    for sample in reading.samples:
        if sample.labels["name"] == name:
            found[sample.metric] = found.get(sample.metric, 0.0) + sample.value
    return found


def look_until(probe: ContainerProbe, name: str, seen: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    """Look again until the container has done what it was told to do."""
    until = time.monotonic() + 30
    while True:
        now = figures(look(probe), name)
        if seen(now):
            return now
        assert time.monotonic() < until, f"never seen; last: {now}"
        time.sleep(PAUSE_SECONDS)


def events_until(probe: ContainerProbe, wanted: int) -> list[Event]:
    events: list[Event] = []
    until = time.monotonic() + 30
    while len(events) < wanted:
        assert time.monotonic() < until, f"never seen; only: {events}"
        time.sleep(PAUSE_SECONDS)
        events += look(probe).events
    return events


def test_processor_time_is_what_its_process_used_and_throttling_is_counted(docker: Dockerd, run: Callable[..., str]) -> None:
    identity = run("burner", "--cpus", "0.1", command="while :; do :; done")
    pid = json.loads(docker.run("inspect", identity).stdout)[0]["State"]["Pid"]
    probe = probe_of(docker)
    look_until(probe, "burner", lambda seen: seen.get("container_cpu_cfs_throttled_seconds_total", 0) > 0)

    before = _process_seconds(pid)
    now = figures(look(probe), "burner")
    after = _process_seconds(pid)

    # The group also holds what starting the container took; /proc counts in hundredths.
    assert before - 0.05 <= now["container_cpu_usage_seconds_total"] <= after + 0.2
    split = now["container_cpu_user_seconds_total"] + now["container_cpu_system_seconds_total"]
    assert before - 0.05 <= split <= after + 0.2
    assert now["container_spec_cpu_quota"] / now["container_spec_cpu_period"] == pytest.approx(0.1)
    assert 0 < now["container_cpu_cfs_throttled_periods_total"] <= now["container_cpu_cfs_periods_total"]


def _process_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_memory_is_what_it_holds_and_its_limit(docker: Dockerd, run: Callable[..., str]) -> None:
    run("holder", "--memory", "64m", command="dd if=/dev/zero of=/dev/shm/held bs=1M count=20; exec sleep 3600")

    # Files in memory count as cache; the kernel brings these figures up to date every two seconds.
    now = look_until(probe_of(docker), "holder", lambda seen: seen["container_memory_cache"] >= 20 * MIB)

    assert 20 * MIB <= now["container_memory_usage_bytes"] < 30 * MIB
    assert 20 * MIB <= now["container_memory_working_set_bytes"] < 30 * MIB
    assert now["container_memory_rss"] < 10 * MIB
    assert now["container_spec_memory_limit_bytes"] == 64 * MIB
    assert now["container_processes"] >= 1
    assert now["container_oom_events_total"] == 0


def test_without_limits_the_limit_is_zero_and_there_is_no_quota(docker: Dockerd, run: Callable[..., str]) -> None:
    run("free")

    now = figures(look(probe_of(docker)), "free")

    assert now["container_spec_memory_limit_bytes"] == 0
    assert "container_spec_cpu_quota" not in now
    assert "container_cpu_cfs_periods_total" not in now


def test_network_bytes_are_counted_in_their_direction(docker: Dockerd, run: Callable[..., str]) -> None:
    docker.run("network", "create", "pages")
    run("server", "--network", "pages", command="dd if=/dev/zero of=/page bs=1M count=2 && exec httpd -f -p 80 -h /")
    address = json.loads(docker.run("inspect", "server").stdout)[0]["NetworkSettings"]["Networks"]["pages"]["IPAddress"]

    _download(f"http://{address}/page", 2 * MIB)
    now = figures(look(probe_of(docker)), "server")

    assert 2 * MIB <= now["container_network_transmit_bytes_total"] < 3 * MIB
    assert 0 < now["container_network_receive_bytes_total"] < MIB
    assert now["container_network_transmit_packets_total"] > 10
    assert now["container_network_receive_packets_total"] > 10
    assert now["container_network_receive_errors_total"] == 0


def _download(url: str, size: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with urlopen(url, timeout=10) as answer:  # noqa: S310 # the test's own address
                assert len(answer.read()) == size
                return
        except URLError:  # the server in the container is not there yet
            continue
    raise AssertionError(f"{url} never answered")


def test_a_container_on_the_hosts_network_has_no_network_figures_of_its_own(docker: Dockerd, run: Callable[..., str]) -> None:
    run("on-host", "--network", "host")

    now = figures(look(probe_of(docker)), "on-host")

    assert now["container_processes"] == 1
    assert not [metric for metric in now if "network" in metric]


def test_bytes_written_to_the_disk_are_counted_by_device(docker: Dockerd, run: Callable[..., str]) -> None:
    disk = _disk_below(docker.socket)
    # Newer kernels of version 1 count only where some limit has been set on the disk.
    limit = ("--device-write-bps", f"{disk}:1gb")
    run("writer", *limit, command="dd if=/dev/zero of=/file bs=1M count=4 conv=fsync; exec sleep 3600")
    probe = probe_of(docker)

    now = look_until(probe, "writer", lambda seen: seen.get("container_fs_writes_bytes_total", 0) >= 4 * MIB)

    assert now["container_fs_writes_total"] >= 1
    devices = {sample.labels["device"] for sample in look(probe).samples if sample.metric == "container_fs_writes_bytes_total"}
    assert disk in devices


def _disk_below(path: Path) -> str:
    number = path.stat().st_dev
    device = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    if not device.exists():
        pytest.skip("the engine's folder does not lie on a disk of this machine")
    whole = device.resolve() if not (device / "partition").exists() else device.resolve().parent
    return f"/dev/{whole.name}"


def test_labels_are_those_of_cadvisor_and_a_short_id(docker: Dockerd, run: Callable[..., str]) -> None:
    identity = run("named")

    sample = next(sample for sample in look(probe_of(docker)).samples if sample.metric == "container_memory_usage_bytes")

    assert sample.labels["name"] == "named"
    assert sample.labels["image"] == "busybox:test"
    assert identity in sample.labels["id"]
    assert sample.labels["id"].startswith("/")
    assert sample.labels["short_id"] == identity[:12]


def test_its_start_is_the_engines_and_a_new_one_after_a_restart(docker: Dockerd, run: Callable[..., str]) -> None:
    before = time.time()
    run("again", "--stop-timeout", "0")
    probe = probe_of(docker)
    first = figures(look(probe), "again")["container_start_time_seconds"]

    docker.run("restart", "--time", "0", "again")
    second = figures(look(probe), "again")

    assert before < first < second["container_start_time_seconds"] < time.time()
    assert second["container_processes"] == 1


def test_a_container_that_ended_is_seen_no_more(docker: Dockerd, run: Callable[..., str]) -> None:
    run("short")
    probe = probe_of(docker)
    assert figures(look(probe), "short")

    docker.run("kill", "short")

    assert figures(look(probe), "short") == {}


def test_what_happens_between_two_looks_is_told_once_as_events(docker: Dockerd, run: Callable[..., str]) -> None:
    probe = probe_of(docker)
    assert look(probe).events == ()

    identity = run("failing", command="exit 3")
    docker.run("wait", "failing")
    docker.run("rm", "failing")
    events = events_until(probe, 3)

    assert [event.fields["action"] for event in events] == ["start", "die", "destroy"]
    assert events[1].name == "container"
    assert events[1].fields == {
        "action": "die",
        "name": "failing",
        "image": "busybox:test",
        "container_id": identity,
        "exit_code": 3,
    }
    assert [event.at_ms for event in events] == sorted(event.at_ms for event in events)
    assert abs(events[0].at_ms / 1000 - time.time()) < 60
    assert look(probe).events == (), "told once"


def test_two_agents_give_an_event_the_same_id(docker: Dockerd, run: Callable[..., str]) -> None:
    one, other = probe_of(docker), probe_of(docker)
    look(one), look(other)

    run("twice")

    assert [event.id for event in events_until(one, 1)] == [event.id for event in events_until(other, 1)]


def test_too_much_memory_is_counted_and_told_as_an_event(docker: Dockerd, run: Callable[..., str]) -> None:
    probe = probe_of(docker)
    look(probe)
    # The engine begins to listen for kills a moment after the start.
    run("greedy", "--memory", "8m", command=f"{UNTIL_TOLD}; dd if=/dev/zero of=/dev/null bs=64M count=1; exec sleep 3600")
    (started,) = events_until(probe, 1)

    docker.run("exec", "greedy", "/bin/touch", "/go")
    (killed,) = events_until(probe, 1)

    assert [event.fields["action"] for event in (started, killed)] == ["start", "oom"]
    assert figures(look(probe), "greedy")["container_oom_events_total"] == 1


def test_a_health_check_is_told_as_an_event(docker: Dockerd, run: Callable[..., str]) -> None:
    probe = probe_of(docker)
    look(probe)

    run("healthy", "--health-cmd", "/bin/touch /alive", "--health-interval", "1s")
    events = events_until(probe, 2)

    assert events[1].fields["action"] == "health"
    assert events[1].fields["health"] == "healthy"


def test_without_a_socket_containers_are_found_by_their_control_groups(docker: Dockerd, run: Callable[..., str]) -> None:
    identity = run("nameless")
    network = figures(look(probe_of(docker)), "nameless")

    now = figures(look(probe_of(docker, sockets=())), identity[:12])

    assert now["container_processes"] == 1
    assert now["container_memory_usage_bytes"] > 0
    assert now["container_start_time_seconds"] == pytest.approx(network["container_start_time_seconds"], abs=3)
    assert set(now) == set(network)
