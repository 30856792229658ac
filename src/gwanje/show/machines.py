"""Hosts and their containers as the page shows them, put together from samples.

The questions are PromQL, so that any sample store can answer them; putting the answers together is pure.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gwanje.keep.samples.base import Queryable, Vector

NO_DATA_AFTER_MS = 30_000
"""A host that said nothing for so long is `no_data` (three missed intervals, at least 30 s)."""

_HOST = {
    "last_seen": "max by (host) (node_time_seconds) * 1000",
    # A share of the sum and not a rate alone: in the first minute a rate is too low, and too low for both by the same factor.
    "cpu_used_ratio": (
        '1 - sum by (host) (rate(node_cpu_seconds_total{mode="idle"}[1m])) / sum by (host) (rate(node_cpu_seconds_total[1m]))'
    ),
    "memory_used_ratio": "1 - max by (host) (node_memory_MemAvailable_bytes) / max by (host) (node_memory_MemTotal_bytes)",
    "memory_bytes": "max by (host) (node_memory_MemTotal_bytes)",
    "swap_used_ratio": "1 - max by (host) (node_memory_SwapFree_bytes) / max by (host) (node_memory_SwapTotal_bytes)",
    "load1": "max by (host) (node_load1)",
    "network_receive_bytes_per_second": 'sum by (host) (rate(node_network_receive_bytes_total{device!="lo"}[1m]))',
    "network_transmit_bytes_per_second": 'sum by (host) (rate(node_network_transmit_bytes_total{device!="lo"}[1m]))',
    "disk_read_bytes_per_second": "sum by (host) (rate(node_disk_read_bytes_total[1m]))",
    "disk_written_bytes_per_second": "sum by (host) (rate(node_disk_written_bytes_total[1m]))",
    "processes": "max by (host) (node_processes_pids)",
    "boot_at": "max by (host) (node_boot_time_seconds) * 1000",
    "cpus": 'count by (host) (node_cpu_seconds_total{mode="idle"})',
}
_FILESYSTEM = {
    "size_bytes": "max by (host, mountpoint, device, fstype) (node_filesystem_size_bytes)",
    "available_bytes": "max by (host, mountpoint, device, fstype) (node_filesystem_avail_bytes)",
}
_CONTAINER = {
    "last_seen": "max by (host, id, name, image) (container_last_seen) * 1000",
    "cpu_used_cores": "sum by (host, id, name, image) (rate(container_cpu_usage_seconds_total[1m]))",
    "cpu_quota": "max by (host, id, name, image) (container_spec_cpu_quota)",
    "cpu_period": "max by (host, id, name, image) (container_spec_cpu_period)",
    "memory_working_set_bytes": "max by (host, id, name, image) (container_memory_working_set_bytes)",
    "memory_limit_bytes": "max by (host, id, name, image) (container_spec_memory_limit_bytes)",
    "network_receive_bytes_per_second": "sum by (host, id, name, image) (rate(container_network_receive_bytes_total[1m]))",
    "network_transmit_bytes_per_second": "sum by (host, id, name, image) (rate(container_network_transmit_bytes_total[1m]))",
    "started_at": "max by (host, id, name, image) (container_start_time_seconds) * 1000",
}
_SEEN_LATELY = "max by (host) (last_over_time(node_time_seconds[1d])) * 1000"
_DEVICES = {
    "networks": {
        "receive_bytes_per_second": 'sum by (device) (rate(node_network_receive_bytes_total{host=HOST,device!="lo"}[1m]))',
        "transmit_bytes_per_second": 'sum by (device) (rate(node_network_transmit_bytes_total{host=HOST,device!="lo"}[1m]))',
    },
    "disks": {
        "read_bytes_per_second": "sum by (device) (rate(node_disk_read_bytes_total{host=HOST}[1m]))",
        "written_bytes_per_second": "sum by (device) (rate(node_disk_written_bytes_total{host=HOST}[1m]))",
    },
}

Figures = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Absence:
    """Somebody's word that a host is away on purpose; `until` is null where it was removed."""

    by: str
    why: str
    since: int
    until: int | None


@dataclass(frozen=True, slots=True)
class Filesystem:
    mountpoint: str
    device: str
    fstype: str
    size_bytes: float | None
    available_bytes: float | None
    used_ratio: float | None


@dataclass(frozen=True, slots=True)
class Container:
    """One container; a limit is null where none is set."""

    host: str
    name: str
    image: str
    id: str
    state: str
    last_seen: int
    cpu_used_cores: float | None
    cpu_limit_cores: float | None
    memory_working_set_bytes: float | None
    memory_limit_bytes: float | None
    network_receive_bytes_per_second: float | None
    network_transmit_bytes_per_second: float | None
    started_at: int | None


@dataclass(frozen=True, slots=True)
class Host:
    """One host as it is now. Null is "not known"; `state` is ok, pending, warning, critical, no_data or away."""

    host: str
    state: str
    last_seen: int | None
    cpu_used_ratio: float | None
    memory_used_ratio: float | None
    memory_bytes: float | None
    swap_used_ratio: float | None
    filesystem_used_ratio: float | None
    filesystem_fullest: str | None
    load1: float | None
    network_receive_bytes_per_second: float | None
    network_transmit_bytes_per_second: float | None
    disk_read_bytes_per_second: float | None
    disk_written_bytes_per_second: float | None
    processes: int | None
    boot_at: int | None
    cpus: int | None
    containers: int
    alerts: int = 0
    away: Absence | None = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """All hosts and containers at one instant, in order of their names."""

    hosts: Sequence[Host] = ()
    containers: Sequence[Container] = ()
    filesystems: Mapping[str, Sequence[Filesystem]] = field(default_factory=dict)


async def look(samples: Queryable, at_ms: int, seen: Mapping[str, int | None]) -> Fleet:
    """Ask the store for everything at `at_ms`. `seen` holds hosts that are known though silent, with their last time."""
    hosts, filesystems, containers = await asyncio.gather(
        _ask(samples, at_ms, _HOST, ("host",)),
        _ask(samples, at_ms, _FILESYSTEM, ("host", "mountpoint", "device", "fstype")),
        _ask(samples, at_ms, _CONTAINER, ("host", "id", "name", "image")),
    )
    by_host = _filesystems(filesystems)
    boxes = [_container(key, figures, at_ms) for key, figures in sorted(containers.items())]
    count: Counter[str] = Counter()
    for box in boxes:
        count[box.host] += 1
    silent: dict[tuple[str, ...], Figures] = {
        (host,): {"last_seen": None if at is None else float(at)} for host, at in seen.items() if (host,) not in hosts
    }
    everyone = {**silent, **hosts}
    return Fleet(
        hosts=[_host(key[0], everyone[key], by_host.get(key[0], ()), count[key[0]], at_ms) for key in sorted(everyone)],
        containers=boxes,
        filesystems=by_host,
    )


async def seen_lately(samples: Queryable, at_ms: int) -> dict[str, int]:
    """Every host that spoke within the last day, and when it last did: dear, so ask once a minute."""
    answer = await samples.instant(_SEEN_LATELY, at_ms)
    return {key[0]: int(value) for key, value in _values(answer, ("host",)) if value is not None}


async def devices(samples: Queryable, host: str, at_ms: int) -> dict[str, list[dict[str, object]]]:
    """Network interfaces and disks of one host with their rates."""
    found: dict[str, list[dict[str, object]]] = {}
    for what, questions in _DEVICES.items():
        asked = {name: query.replace("HOST", quoted(host)) for name, query in questions.items()}
        rows = await _ask(samples, at_ms, asked, ("device",))
        found[what] = [{"device": key[0], **dict.fromkeys(questions), **rows[key]} for key in sorted(rows)]
    return found


def with_alerts(
    fleet: Fleet, worst: Mapping[str, str], count: Mapping[str, int], by_container: Mapping[tuple[str, str], str]
) -> Fleet:
    """The fleet with the worst state that open alerts give each host and container. What is silent or away stays that."""
    hosts = [
        replace(host, alerts=count.get(host.host, 0), state=worst.get(host.host, "ok") if host.state == "ok" else host.state)
        for host in fleet.hosts
    ]
    containers = [
        replace(box, state=by_container.get((box.host, box.name), "ok") if box.state == "ok" else box.state)
        for box in fleet.containers
    ]
    return replace(fleet, hosts=hosts, containers=containers)


def quoted(text: str) -> str:
    """A PromQL string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


async def _ask(
    samples: Queryable, at_ms: int, questions: Mapping[str, str], key: tuple[str, ...]
) -> dict[tuple[str, ...], dict[str, float | None]]:
    answers = await asyncio.gather(*(samples.instant(query, at_ms) for query in questions.values()))
    rows: dict[tuple[str, ...], dict[str, float | None]] = defaultdict(dict)
    for name, found in zip(questions, answers, strict=True):
        for labels, value in _values(found, key):
            rows[labels][name] = value
    return rows


def _values(found: object, key: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], float | None]]:
    if not isinstance(found, Vector):
        return
    for labels, value in zip(found.labels, found.values.tolist(), strict=True):
        named = dict(labels)
        yield tuple(named.get(name, "") for name in key), value if math.isfinite(value) else None


def _filesystems(rows: Mapping[tuple[str, ...], Figures]) -> dict[str, list[Filesystem]]:
    found: dict[str, list[Filesystem]] = defaultdict(list)
    for (host, mountpoint, device, fstype), figures in sorted(rows.items()):
        size, free = figures.get("size_bytes"), figures.get("available_bytes")
        used = 1 - free / size if size and free is not None else None
        found[host].append(Filesystem(mountpoint, device, fstype, size, free, used))
    return found


def _host(name: str, figures: Figures, filesystems: Sequence[Filesystem], containers: int, at_ms: int) -> Host:
    fullest = max(filesystems, key=lambda one: one.used_ratio or 0, default=None)
    last_seen = _whole(figures.get("last_seen"))
    return Host(
        host=name,
        state="no_data" if at_ms - (last_seen or 0) > NO_DATA_AFTER_MS else "ok",
        last_seen=last_seen,
        cpu_used_ratio=_ratio(figures.get("cpu_used_ratio")),
        memory_used_ratio=_ratio(figures.get("memory_used_ratio")),
        memory_bytes=figures.get("memory_bytes"),
        swap_used_ratio=_ratio(figures.get("swap_used_ratio")),
        filesystem_used_ratio=fullest.used_ratio if fullest else None,
        filesystem_fullest=fullest.mountpoint if fullest else None,
        load1=figures.get("load1"),
        network_receive_bytes_per_second=figures.get("network_receive_bytes_per_second"),
        network_transmit_bytes_per_second=figures.get("network_transmit_bytes_per_second"),
        disk_read_bytes_per_second=figures.get("disk_read_bytes_per_second"),
        disk_written_bytes_per_second=figures.get("disk_written_bytes_per_second"),
        processes=_whole(figures.get("processes")),
        boot_at=_whole(figures.get("boot_at")),
        cpus=_whole(figures.get("cpus")),
        containers=containers,
    )


def _container(key: tuple[str, ...], figures: Figures, at_ms: int) -> Container:
    host, identity, name, image = key
    quota, period = figures.get("cpu_quota"), figures.get("cpu_period")
    last_seen = _whole(figures.get("last_seen")) or 0
    return Container(
        host=host,
        name=name or identity,
        image=image,
        id=identity,
        state="no_data" if at_ms - last_seen > NO_DATA_AFTER_MS else "ok",
        last_seen=last_seen,
        cpu_used_cores=figures.get("cpu_used_cores"),
        cpu_limit_cores=quota / period if quota and quota > 0 and period else None,
        memory_working_set_bytes=figures.get("memory_working_set_bytes"),
        memory_limit_bytes=figures.get("memory_limit_bytes") or None,
        network_receive_bytes_per_second=figures.get("network_receive_bytes_per_second"),
        network_transmit_bytes_per_second=figures.get("network_transmit_bytes_per_second"),
        started_at=_whole(figures.get("started_at")),
    )


def _ratio(value: float | None) -> float | None:
    """Rates are estimated from the edges of a window and may leave 0…1 by a hair."""
    return None if value is None else min(max(value, 0.0), 1.0)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
