"""Every container on this host: CPU, memory, network and disk in cAdvisor's names, and what happened to it as events.

Numbers come from the kernel's control groups, names from the engine's socket. Without a socket that can be read the
containers are found by the names of their control groups; without any container there is simply nothing to see.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from gwanje import config
from gwanje.collect.probes import cgroup, procfs
from gwanje.collect.probes.base import Reading
from gwanje.collect.probes.cgroup import Usage
from gwanje.collect.probes.engine import Container, Details, Engine, short
from gwanje.collect.probes.procfs import Figure, Figures
from gwanje.errors import GwanjeError
from gwanje.kinds import World
from gwanje.model import Event, Sample

_OVERLAP_MS = 2000
"""An event is asked for again in the next look: the engine may list it a moment after its time."""


class Settings(config.Settings):
    """Every container of this host, in cAdvisor's names: found by the Docker or Podman socket, or in the cgroup tree."""

    proc: Path = Path("/proc")
    """Where the host's /proc is; inside a container, where it is mounted: `/host/proc`."""
    sys: Path = Path("/sys")
    """Where the host's /sys is; inside a container, where it is mounted: `/host/sys`."""
    sockets: tuple[Path, ...] = (Path("/var/run/docker.sock"), Path("/run/podman/podman.sock"))
    """Sockets of Docker and Podman; every one that is there is asked, and none has to be."""
    timeout: config.Duration = timedelta(seconds=3)
    """How long an engine may take to answer."""


def create(settings: Settings, world: World) -> ContainerProbe:
    return ContainerProbe(settings)


@dataclass(frozen=True, slots=True)
class Seen:
    """A running container, with where its numbers are."""

    container: Container
    path: str
    details: Details | None


class ContainerProbe:
    """Reads control groups and asks the engines. Raises GwanjeError when a socket is there but its engine does not answer."""

    job = "cadvisor"

    def __init__(self, settings: Settings) -> None:
        self._proc = settings.proc
        self._root = settings.sys / "fs/cgroup"
        timeout = settings.timeout.total_seconds()
        self._watched = [_WatchedEngine(Engine(path, timeout=timeout)) for path in settings.sockets]
        self._paths: dict[str, str] = {}
        self._details: dict[tuple[str, int], Details | None] = {}
        self._unsaid: list[Event] = []
        self._looking: asyncio.Task[list[Sample]] | None = None

    async def collect(self, now_ms: int) -> Reading:
        if self._looking and not self._looking.done():  # it was given up, but its thread still waits
            raise GwanjeError("the look before this one is still waiting for the container engine")
        self._looking = asyncio.create_task(asyncio.to_thread(self._look, now_ms))
        self._looking.add_done_callback(lambda look: look.cancelled() or look.exception())  # nobody may be left to ask for it
        samples = await asyncio.shield(self._looking)
        events, self._unsaid = self._unsaid, []
        return Reading(tuple(samples), tuple(events))

    async def close(self) -> None: ...

    def _look(self, now_ms: int) -> list[Sample]:
        watched = [one for one in self._watched if os.access(one.engine.path, os.R_OK | os.W_OK)]
        seen = list(self._from_engines([one.engine for one in watched]) if watched else self._from_cgroups())
        disks = procfs.device_names(_text(self._proc / "diskstats"))
        figures = (figure for one in seen for figure in self._figures(one, disks, now_ms))
        samples = list(procfs.samples(figures, now_ms))
        for one in watched:
            self._unsaid += one.news(now_ms)
        return samples

    def _from_engines(self, engines: Iterable[Engine]) -> Iterator[Seen]:
        running = [(engine, container) for engine in engines for container in engine.running()]
        if any(not self._is_there(container.id) for _, container in running):
            self._paths = cgroup.containers(self._root)
        known, self._details = self._details, {}
        for engine, container in running:
            if path := self._paths.get(container.id):
                key = container.id, _inode(cgroup.folder(self._root, path))
                self._details[key] = known[key] if key in known else engine.details(container.id)
                yield Seen(container, path, self._details[key])

    def _is_there(self, container_id: str) -> bool:
        path = self._paths.get(container_id)
        return path is not None and cgroup.folder(self._root, path).is_dir()

    def _from_cgroups(self) -> Iterator[Seen]:
        """Containers without their names: the short id stands for it."""
        booted_at = _booted_at(_text(self._proc / "stat"))
        for identity, path in cgroup.containers(self._root).items():
            pid = min(filter(None, cgroup.processes(self._root, path)), default=0)
            started_at = _started_at(_text(self._proc / f"{pid}/stat"), booted_at) if pid else None
            details = None if started_at is None else Details(pid, started_at, self._has_own_network(pid))
            yield Seen(Container(identity, short(identity), ""), path, details)

    def _has_own_network(self, pid: int) -> bool:
        return _link(self._proc / f"{pid}/ns/net") != _link(self._proc / "1/ns/net")

    def _figures(self, seen: Seen, disks: dict[str, str], now_ms: int) -> Figures:
        usage = cgroup.read(self._root, seen.path)
        if usage is None:
            return
        labels = {
            "id": seen.path,
            "name": seen.container.name,
            "image": seen.container.image,
            "short_id": short(seen.container.id),
        }
        yield "container_last_seen", labels, now_ms / 1000
        yield from usage_figures(usage, labels, disks)
        if seen.details:
            yield "container_start_time_seconds", labels, seen.details.started_at
            if seen.details.own_network:
                yield from network_figures(_text(self._proc / f"{seen.details.pid}/net/dev"), labels)


@dataclass(slots=True)
class _WatchedEngine:
    """An engine, and up to when its events are known."""

    engine: Engine
    began_ms: int | None = None
    known_until_ms: int = 0
    told: set[str] = field(default_factory=set)

    def news(self, now_ms: int) -> list[Event]:
        """What happened since the last look; nothing at the first, which only begins to listen."""
        self.began_ms = now_ms if self.began_ms is None else self.began_ms
        happened = self.engine.events(max(self.began_ms, self.known_until_ms - _OVERLAP_MS), now_ms)
        news = [event for event in happened if event.id not in self.told]
        self.known_until_ms, self.told = now_ms, {event.id for event in happened}
        return news


def usage_figures(usage: Usage, labels: dict[str, str], disks: dict[str, str]) -> Figures:
    """The numbers of a control group in cAdvisor's names; what the kernel does not tell is left out."""
    yield from _known(
        labels,
        ("container_cpu_user_seconds_total", usage.user_seconds),
        ("container_cpu_system_seconds_total", usage.system_seconds),
        ("container_spec_cpu_period", usage.cpu_period_us),
        ("container_spec_cpu_quota", usage.cpu_quota_us),
        ("container_memory_usage_bytes", usage.memory_bytes),
        ("container_memory_working_set_bytes", usage.working_set_bytes),
        ("container_memory_rss", usage.rss_bytes),
        ("container_memory_cache", usage.cache_bytes),
        ("container_memory_swap", usage.swap_bytes),
        ("container_memory_mapped_file", usage.mapped_file_bytes),
        ("container_memory_max_usage_bytes", usage.memory_peak_bytes),
        ("container_memory_failcnt", usage.limit_hits),
        ("container_oom_events_total", usage.oom_kills),
        ("container_processes", usage.processes),
        ("container_threads", usage.threads),
    )
    yield from _known({**labels, "cpu": "total"}, ("container_cpu_usage_seconds_total", usage.cpu_seconds))
    if usage.cpu_quota_us is not None:
        yield from _known(
            labels,
            ("container_cpu_cfs_periods_total", usage.periods),
            ("container_cpu_cfs_throttled_periods_total", usage.throttled_periods),
            ("container_cpu_cfs_throttled_seconds_total", usage.throttled_seconds),
        )
    if usage.memory_bytes is not None:
        yield (
            "container_spec_memory_limit_bytes",
            labels,
            float(usage.memory_limit_bytes or 0),
        )  # 0: no limit, as cAdvisor says it
    for number, device in usage.devices.items():
        yield from _known(
            {**labels, "device": f"/dev/{disks[number]}" if number in disks else number},
            ("container_fs_reads_bytes_total", device.read_bytes),
            ("container_fs_writes_bytes_total", device.written_bytes),
            ("container_fs_reads_total", device.reads),
            ("container_fs_writes_total", device.writes),
        )


def network_figures(net_dev: str, labels: dict[str, str]) -> Figures:
    """The interfaces that a container's process sees, without the loopback."""
    names = {"bytes": "bytes", "packets": "packets", "errs": "errors", "drop": "packets_dropped"}
    for interface, counters in procfs.net_dev(net_dev).items():
        if interface != "lo":
            of_interface = {**labels, "interface": interface}
            for field_name, name in names.items():
                yield f"container_network_receive_{name}_total", of_interface, float(counters.received[field_name])
                yield f"container_network_transmit_{name}_total", of_interface, float(counters.transmitted[field_name])


def _known(labels: dict[str, str], *values: tuple[str, float | None]) -> Iterator[Figure]:
    return ((metric, labels, float(value)) for metric, value in values if value is not None)


def _booted_at(stat: str) -> float:
    return next((value for metric, _, value in procfs.stat(stat, 1) if metric == "node_boot_time_seconds"), 0.0)


def _started_at(stat: str, booted_at: float) -> float | None:
    """When a process began, from the 22nd field of its `stat`: clock ticks since the host started."""
    fields = stat.rpartition(")")[2].split()
    return booted_at + int(fields[19]) / os.sysconf("SC_CLK_TCK") if len(fields) > 19 else None


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _text(path: Path) -> str:
    """The text of a file; empty where its process or its host's file is not there."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
