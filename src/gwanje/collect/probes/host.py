"""What this host does: CPU per mode, load, memory, file systems, disks, network and processes, in node_exporter's names."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import partial
from itertools import chain
from pathlib import Path

from gwanje import config
from gwanje.collect.probes import procfs
from gwanje.collect.probes.base import Reading
from gwanje.collect.probes.filesystems import Filesystems
from gwanje.collect.probes.procfs import Figure, Figures
from gwanje.kinds import World

_COUNTERS_THAT_SLIP = {"idle", "iowait"}
"""The kernel computes these two; between two looks they may go back a little."""
_HOTPLUG_SECONDS = 3.0
"""A CPU whose idle time went back by more than this was taken out and put in again; it counts from zero."""


class Settings(config.Settings):
    """The host itself: CPU, memory, file systems, disks, networks, in node_exporter's names."""

    proc: Path = Path("/proc")
    """Where the host's /proc is; inside a container, where it is mounted: `/host/proc`."""
    sys: Path = Path("/sys")
    """Where the host's /sys is; inside a container, where it is mounted: `/host/sys`."""
    root: Path | None = None
    """Where the host's file systems are seen; left out, `/`, or the `1/root` of a `proc` that is mounted elsewhere."""
    skip_mountpoints: str = r"^/(dev|proc|run/credentials/.+|sys|snap/.+|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
    """File systems mounted at a path that this pattern finds are left out."""
    skip_fstypes: str = (
        r"^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|fuse\.lxcfs|hugetlbfs|iso9660|mqueue"
        r"|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$"
    )
    """File systems of a type that this pattern finds are left out."""
    skip_disks: str = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"
    """Disks of a name that this pattern finds are left out; partitions are, because their disk counts the same bytes."""
    skip_interfaces: str = r"^(lo|veth.+|cali.+|lxc.+)$"
    """Network interfaces of a name that this pattern finds are left out; a container's own end counts the same bytes."""
    mount_patience: config.Duration = timedelta(seconds=2)
    """How long to wait for file systems that do not answer before they are reported as failed."""
    process_states: bool = True
    """Count processes by state (running, sleeping, zombie …); it reads one small file a process."""


def create(settings: Settings, world: World) -> HostProbe:
    return HostProbe(settings)


class HostProbe:
    """Reads the kernel's text files; whatever a kernel does not have is left out. Raises GwanjeError without /proc/stat."""

    job = "node"

    def __init__(self, settings: Settings) -> None:
        self._proc = settings.proc
        self._sys = settings.sys
        self._process_states = settings.process_states
        self._wants_disk = _unless(settings.skip_disks)
        self._wants_interface = _unless(settings.skip_interfaces)
        self._wants_mountpoint = _unless(settings.skip_mountpoints)
        self._wants_fstype = _unless(settings.skip_fstypes)
        root = settings.root or (Path("/") if settings.proc == Path("/proc") else settings.proc / "1/root")
        self._filesystems = Filesystems(root, patience=settings.mount_patience.total_seconds())
        self._steady = Steady()
        self._ticks = os.sysconf("SC_CLK_TCK")

    async def collect(self, now_ms: int) -> Reading:
        quick = list(chain(self._kernel(), self._devices(), self._processes(), _uname(self._proc)))
        filesystems = await asyncio.to_thread(lambda: list(self._file_systems()))
        filesystems.append(("node_time_seconds", {}, now_ms / 1000))
        return Reading(tuple(procfs.samples([*quick, *filesystems], now_ms)))

    async def close(self) -> None: ...

    def _kernel(self) -> Figures:
        stat = self._proc / "stat"
        try:
            yield from self._steady.counters(procfs.stat(stat.read_text(), self._ticks))
        except (OSError, ValueError) as error:
            raise procfs.unreadable(stat, error) from error
        yield from self._figures("loadavg", procfs.loadavg)
        yield from self._figures("meminfo", procfs.meminfo)
        yield from self._figures("vmstat", procfs.vmstat)
        yield from self._figures("sys/fs/file-nr", procfs.file_nr)
        for resource in ("cpu", "io", "memory"):
            yield from self._figures(f"pressure/{resource}", partial(procfs.pressure, resource))

    def _devices(self) -> Figures:
        yield from self._figures("diskstats", partial(procfs.diskstats, wanted=self._wants_disk))
        # /proc/net is that of whoever reads; a container that sees the host's /proc gets the host's by way of process 1.
        network = next((name for name in ("1/net/dev", "net/dev") if _text(self._proc / name)), "net/dev")
        yield from self._figures(network, partial(procfs.network, wanted=self._wants_interface))
        yield from interface_states(self._sys / "class/net", self._wants_interface)

    def _processes(self) -> Figures:
        pids = [entry for entry in os.listdir(self._proc) if entry.isdecimal()]  # noqa: PTH208 # a third of the time
        yield "node_processes_pids", {}, float(len(pids))
        yield from self._figures("sys/kernel/pid_max", partial(procfs.number, "node_processes_max_processes"))
        yield from self._figures("sys/kernel/threads-max", partial(procfs.number, "node_processes_max_threads"))
        if self._process_states:
            yield from procfs.process_states(_text(f"{self._proc}/{pid}/stat") for pid in pids)

    def _file_systems(self) -> Figures:
        text = _text(self._proc / "1/mountinfo") or _text(self._proc / "self/mountinfo")
        mounts = procfs.mountinfo(text)
        wanted = [one for one in mounts if self._wants_mountpoint(one.mountpoint) and self._wants_fstype(one.fstype)]
        yield from self._filesystems.look(procfs.distinct(wanted))

    def _figures(self, name: str, read: Callable[[str], Iterable[Figure]]) -> Figures:
        """The figures of one file; none where this kernel does not have it."""
        text = _text(self._proc / name)
        if text:
            try:
                yield from list(read(text))
            except (ValueError, IndexError) as error:
                raise procfs.unreadable(self._proc / name, error) from error


class Steady:
    """Keeps CPU counters from going back, which a rate would take for a restart and a huge jump."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], float] = {}

    def counters(self, figures: Iterable[Figure]) -> Figures:
        """The same figures, with `idle` and `iowait` never below what was told before."""
        for metric, labels, value in figures:
            if metric == "node_cpu_seconds_total" and labels["mode"] in _COUNTERS_THAT_SLIP:
                key = labels["cpu"], labels["mode"]
                last = self._last.get(key, 0.0)
                self._last[key] = value if value >= last or last - value > _HOTPLUG_SECONDS else last
                yield metric, labels, self._last[key]
            else:
                yield metric, labels, value


def interface_states(folder: Path, wanted: Callable[[str], bool]) -> Figures:
    """`/sys/class/net`: which interfaces are up, and how fast their link is."""
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        if wanted(entry.name) and (state := _text(entry / "operstate").strip()):
            labels = {"device": entry.name}
            yield "node_network_up", labels, float(state == "up")
            speed = _text(entry / "speed").strip()  # megabits; -1 or unreadable where there is no link
            if speed.isdecimal():
                yield "node_network_speed_bytes", labels, int(speed) * 1_000_000 / 8


def _uname(proc: Path) -> Iterator[Figure]:
    uname = os.uname()
    labels = {
        "domainname": _text(proc / "sys/kernel/domainname").strip(),
        "machine": uname.machine,
        "nodename": uname.nodename,
        "release": uname.release,
        "sysname": uname.sysname,
        "version": uname.version,
    }
    yield "node_uname_info", labels, 1.0


def _unless(pattern: str) -> Callable[[str], bool]:
    found = re.compile(pattern).search
    return lambda text: found(text) is None


def _text(path: Path | str) -> str:
    """The text of a file; empty where it is absent, forbidden, or its process has just ended."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 # unbuffered: half the time for hundreds of small files
            return file.readall().decode("utf-8", "replace")
    except OSError:
        return ""
