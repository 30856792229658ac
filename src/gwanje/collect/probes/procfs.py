"""What the kernel's text files under /proc say, in node_exporter's names. Pure: text in, figures out.

Every function takes the text of one file and yields figures; what a kernel leaves out is left out here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gwanje.errors import GwanjeError
from gwanje.model import Sample

Figure = tuple[str, Mapping[str, str], float]
"""A metric's name, its labels and its value now."""
Figures = Iterator[Figure]

_NO_LABELS: Mapping[str, str] = {}
_SECTOR_BYTES = 512
"""The unit of /proc/diskstats, whatever the disk's own sector size is."""
_CPU_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


def samples(figures: Iterable[Figure], at_ms: int) -> Iterator[Sample]:
    """Give every figure the time of the look."""
    for metric, labels, value in figures:
        yield Sample(metric, labels, value, at_ms)


def stat(text: str, ticks: int) -> Figures:
    """`/proc/stat`: seconds of each CPU by mode, interrupts, context switches, forks. `ticks` is USER_HZ."""
    totals = {
        "intr": "node_intr_total",
        "ctxt": "node_context_switches_total",
        "btime": "node_boot_time_seconds",
        "processes": "node_forks_total",
        "procs_running": "node_procs_running",
        "procs_blocked": "node_procs_blocked",
    }
    for line in text.splitlines():
        name, *fields = line.split(maxsplit=11)
        if name in totals:
            yield totals[name], _NO_LABELS, float(fields[0])
        elif name.startswith("cpu") and name != "cpu":
            yield from _cpu(name.removeprefix("cpu"), [int(field) / ticks for field in fields])


def _cpu(cpu: str, seconds: Sequence[float]) -> Figures:
    for mode, value in zip(_CPU_MODES, seconds, strict=False):
        yield "node_cpu_seconds_total", {"cpu": cpu, "mode": mode}, value
    for mode, value in zip(("user", "nice"), seconds[len(_CPU_MODES) :], strict=False):
        yield "node_cpu_guest_seconds_total", {"cpu": cpu, "mode": mode}, value


def loadavg(text: str) -> Figures:
    """`/proc/loadavg`: the three loads, and how many threads there are."""
    one, five, fifteen, threads, *_ = text.split()
    yield "node_load1", _NO_LABELS, float(one)
    yield "node_load5", _NO_LABELS, float(five)
    yield "node_load15", _NO_LABELS, float(fifteen)
    yield "node_processes_threads", _NO_LABELS, float(threads.partition("/")[2])


def meminfo(text: str) -> Figures:
    """`/proc/meminfo`: bytes where the kernel writes kB, plain counts (huge pages) where it does not."""
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        number, _, unit = rest.strip().partition(" ")
        name = re.sub(r"\((.*)\)", r"_\1", name)
        if unit == "kB":
            yield f"node_memory_{name}_bytes", _NO_LABELS, float(int(number) * 1024)
        elif number:
            yield f"node_memory_{name}", _NO_LABELS, float(number)


def vmstat(text: str) -> Figures:
    """`/proc/vmstat`: paging, swapping, faults and out-of-memory kills, as node_exporter chooses them."""
    for line in text.splitlines():
        name, _, number = line.partition(" ")
        if name.startswith(("oom_kill", "pgpg", "pswp")) or (name.startswith("pg") and "fault" in name):
            yield f"node_vmstat_{name}", _NO_LABELS, float(number)


def pressure(resource: str, text: str) -> Figures:
    """`/proc/pressure/{cpu,io,memory}`: seconds in which somebody waited, and in which everybody stood still."""
    for line in text.splitlines():
        share, _, rest = line.partition(" ")
        seconds = int(rest.rpartition("total=")[2]) / 1e6
        if share == "some":
            yield f"node_pressure_{resource}_waiting_seconds_total", _NO_LABELS, seconds
        elif resource != "cpu":  # newer kernels write "full" for cpu as well, always without meaning for a whole host
            yield f"node_pressure_{resource}_stalled_seconds_total", _NO_LABELS, seconds


def number(metric: str, text: str) -> Figures:
    """A file that holds one number."""
    yield metric, _NO_LABELS, float(text)


def file_nr(text: str) -> Figures:
    """`/proc/sys/fs/file-nr`: open files of the whole host, and how many it allows."""
    allocated, _, maximum = text.split()
    yield "node_filefd_allocated", _NO_LABELS, float(allocated)
    yield "node_filefd_maximum", _NO_LABELS, float(maximum)


_DISK_FIELDS: Sequence[tuple[str, float]] = (
    ("node_disk_reads_completed_total", 1),
    ("node_disk_reads_merged_total", 1),
    ("node_disk_read_bytes_total", _SECTOR_BYTES),
    ("node_disk_read_time_seconds_total", 1 / 1000),
    ("node_disk_writes_completed_total", 1),
    ("node_disk_writes_merged_total", 1),
    ("node_disk_written_bytes_total", _SECTOR_BYTES),
    ("node_disk_write_time_seconds_total", 1 / 1000),
    ("node_disk_io_now", 1),
    ("node_disk_io_time_seconds_total", 1 / 1000),
    ("node_disk_io_time_weighted_seconds_total", 1 / 1000),
    ("node_disk_discards_completed_total", 1),
    ("node_disk_discards_merged_total", 1),
    ("node_disk_discarded_sectors_total", 1),
    ("node_disk_discard_time_seconds_total", 1 / 1000),
    ("node_disk_flush_requests_total", 1),
    ("node_disk_flush_requests_time_seconds_total", 1 / 1000),
)


def diskstats(text: str, wanted: Callable[[str], bool]) -> Figures:
    """`/proc/diskstats`: what each disk read and wrote. Older kernels have fewer fields."""
    for line in text.splitlines():
        _, _, device, *fields = line.split()
        if wanted(device):
            labels = {"device": device}
            for (metric, unit), field in zip(_DISK_FIELDS, fields, strict=False):
                yield metric, labels, int(field) * unit


def device_names(text: str) -> dict[str, str]:
    """`/proc/diskstats`: `254:0` → `vda`."""
    return {":".join(fields[:2]): fields[2] for fields in (line.split() for line in text.splitlines())}


RECEIVED = ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")
TRANSMITTED = ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")


@dataclass(frozen=True, slots=True)
class Interface:
    """The counters of one network interface, by the kernel's column names."""

    received: Mapping[str, int]
    transmitted: Mapping[str, int]


def net_dev(text: str) -> dict[str, Interface]:
    """`/proc/<pid>/net/dev`: the counters of every interface that this process sees."""
    interfaces = {}
    for line in text.splitlines()[2:]:
        device, _, rest = line.rpartition(":")  # an alias (`eth0:1`) holds a colon itself
        numbers = [int(field) for field in rest.split()]
        interfaces[device.strip()] = Interface(
            dict(zip(RECEIVED, numbers, strict=False)), dict(zip(TRANSMITTED, numbers[len(RECEIVED) :], strict=False))
        )
    return interfaces


def network(text: str, wanted: Callable[[str], bool]) -> Figures:
    """The host's interfaces in node_exporter's names."""
    for device, interface in net_dev(text).items():
        if wanted(device):
            labels = {"device": device}
            for field, value in interface.received.items():
                yield f"node_network_receive_{field}_total", labels, float(value)
            for field, value in interface.transmitted.items():
                yield f"node_network_transmit_{field}_total", labels, float(value)


def process_states(stats: Iterable[str]) -> Figures:
    """`/proc/<pid>/stat` of every process: how many are in which state."""
    counts: dict[str, int] = {}
    for text in stats:
        state = text[text.rfind(")") + 2 : text.rfind(")") + 3]  # a process may have any name, brackets and blanks too
        if state:
            counts[state] = counts.get(state, 0) + 1
    for state, count in sorted(counts.items()):
        yield "node_processes_state", {"state": state}, float(count)


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of `/proc/<pid>/mountinfo`."""

    number: str
    """The file system's `major:minor`; the same for every place at which it is mounted."""
    inner: str
    """Which folder of the file system is mounted here; `/` unless it is a bind mount or a subvolume."""
    mountpoint: str
    fstype: str
    device: str
    readonly: bool


def mountinfo(text: str) -> list[Mount]:
    """Every mount, in the order in which they were made."""
    mounts = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        _, _, number, inner, mountpoint, options, *_ = before.split(" ")
        fstype, device, super_options, *_ = [*after.split(" "), ""]
        readonly = "ro" in options.split(",") or "ro" in super_options.split(",")
        mounts.append(Mount(number, _unescaped(inner), _unescaped(mountpoint), fstype, _unescaped(device), readonly))
    return mounts


def distinct(mounts: Iterable[Mount]) -> list[Mount]:
    """One mount for each file system: the whole of it where it is mounted whole, else at its shortest path.

    Bind mounts and subvolumes show the same free space again and would count it twice. Of two mounts at one place the later
    one covers the earlier.
    """
    visible = {mount.mountpoint: mount for mount in mounts}
    best: dict[str, Mount] = {}
    for mount in sorted(visible.values(), key=lambda one: (one.inner != "/", len(one.mountpoint), one.mountpoint)):
        best.setdefault(mount.number, mount)
    return list(best.values())


def _unescaped(text: str) -> str:
    r"""The kernel writes a blank as `\040`."""
    if "\\" not in text:
        return text
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def unreadable(path: object, error: Exception) -> GwanjeError:
    """What to tell when a file of the kernel is not there or not as it always was."""
    return GwanjeError(f"cannot read {path}: {error}; on Linux, set `proc` to where the host's /proc is mounted")
