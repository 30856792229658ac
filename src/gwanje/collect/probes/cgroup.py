"""What the kernel's control groups say about a container, version 1 and 2. Pure functions of a root folder.

`root` is the folder in which the hierarchies are mounted: `/sys/fs/cgroup`. A control group is named by its path below a
hierarchy: `/docker/<id>`, `/system.slice/docker-<id>.scope`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_CONTAINER = re.compile(r"^(?:docker-|libpod-|cri-containerd-|crio-|nerdctl-)?([0-9a-f]{64})(?:\.scope)?$")
"""Folder names of Docker, Podman, containerd and CRI-O, by both cgroup drivers. `libpod-conmon-<id>` is the monitor, not it."""

_UNLIMITED_V1 = 1 << 62
"""Version 1 writes "no limit" as the largest multiple of a page."""
_TICKS = 100
"""`cpuacct.stat` counts in USER_HZ, which is 100 on every Linux that containers run on."""


@dataclass(frozen=True, slots=True)
class DeviceUsage:
    """Bytes and operations on one block device, named `major:minor`."""

    read_bytes: int = 0
    written_bytes: int = 0
    reads: int = 0
    writes: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """The numbers of one control group; None where this kernel does not tell."""

    cpu_seconds: float | None = None
    user_seconds: float | None = None
    system_seconds: float | None = None
    periods: int | None = None
    throttled_periods: int | None = None
    throttled_seconds: float | None = None
    cpu_quota_us: int | None = None
    """CPU time allowed in a period; None without a limit."""
    cpu_period_us: int | None = None
    memory_bytes: int | None = None
    working_set_bytes: int | None = None
    """What cannot be had back under pressure: all but the file pages not used lately."""
    rss_bytes: int | None = None
    cache_bytes: int | None = None
    swap_bytes: int | None = None
    mapped_file_bytes: int | None = None
    memory_limit_bytes: int | None = None
    """None without a limit."""
    memory_peak_bytes: int | None = None
    limit_hits: int | None = None
    oom_kills: int | None = None
    processes: int = 0
    threads: int | None = None
    devices: Mapping[str, DeviceUsage] = field(default_factory=dict)


def is_v2(root: Path) -> bool:
    """Version 2 has one hierarchy; version 1 one folder a controller, also where version 2 is mounted beside it."""
    return (root / "cgroup.controllers").is_file()


def containers(root: Path) -> dict[str, str]:
    """Every container found by the name of its folder: id → path. Empty where nothing is mounted."""
    return {identity: path for path in _folders(str(folder(root, ""))) if (identity := container_id(path))}


def container_id(path: str) -> str | None:
    """The id of the container whose control group this is; None for any other."""
    match = _CONTAINER.match(path.rpartition("/")[2])
    return match[1] if match else None


def folder(root: Path, path: str) -> Path:
    """The folder whose identity changes when a container is started again: its inode is a new one."""
    return (root if is_v2(root) else root / _first_controller(root)) / path.lstrip("/")


def read(root: Path, path: str) -> Usage | None:
    """The numbers of the control group at `path`; None when it is gone."""
    if not folder(root, path).is_dir():
        return None
    return _read_v2(root / path.lstrip("/")) if is_v2(root) else _read_v1(root, path.lstrip("/"))


def processes(root: Path, path: str) -> list[int]:
    """The process ids of a control group and of those below it; 0 stands for one of another pid namespace."""
    return _processes(folder(root, path))


def _first_controller(root: Path) -> str:
    """A controller that is mounted; a small board's kernel may come without the memory controller."""
    return next((name for name in ("memory", "cpuacct", "cpu", "pids") if (root / name).is_dir()), "memory")


def _folders(top: str, below: str = "") -> Iterator[str]:
    try:
        with os.scandir(top + below) as entries:
            inner = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:  # gone between two looks
        return
    for name in inner:
        yield f"{below}/{name}"
        yield from _folders(top, f"{below}/{name}")


def _read_v2(group: Path) -> Usage:
    cpu, memory, happened = (_table(group / name) for name in ("cpu.stat", "memory.stat", "memory.events"))
    used = _number(group / "memory.current")
    quota, period = _quota(_text(group / "cpu.max"))
    return Usage(
        cpu_seconds=_scaled(cpu.get("usage_usec"), 1e6),
        user_seconds=_scaled(cpu.get("user_usec"), 1e6),
        system_seconds=_scaled(cpu.get("system_usec"), 1e6),
        periods=cpu.get("nr_periods"),
        throttled_periods=cpu.get("nr_throttled"),
        throttled_seconds=_scaled(cpu.get("throttled_usec"), 1e6),
        cpu_quota_us=quota,
        cpu_period_us=period,
        memory_bytes=used,
        working_set_bytes=_without(used, memory.get("inactive_file")),
        rss_bytes=memory.get("anon"),
        cache_bytes=memory.get("file"),
        swap_bytes=_number(group / "memory.swap.current"),
        mapped_file_bytes=memory.get("file_mapped"),
        memory_limit_bytes=_number(group / "memory.max"),
        memory_peak_bytes=_number(group / "memory.peak"),
        limit_hits=happened.get("max"),
        oom_kills=happened.get("oom_kill"),
        processes=len(_processes(group)),
        threads=_number(group / "pids.current"),
        devices=_io_stat(_text(group / "io.stat")),
    )


def _read_v1(root: Path, path: str) -> Usage:
    cpu, cpuacct, memory, blkio = (root / name / path for name in ("cpu", "cpuacct", "memory", "blkio"))
    throttling, time, pages = _table(cpu / "cpu.stat"), _table(cpuacct / "cpuacct.stat"), _table(memory / "memory.stat")
    used, limit = _number(memory / "memory.usage_in_bytes"), _number(memory / "memory.limit_in_bytes")
    quota = _number(cpu / "cpu.cfs_quota_us")
    return Usage(
        cpu_seconds=_scaled(_number(cpuacct / "cpuacct.usage"), 1e9),
        user_seconds=_scaled(time.get("user"), _TICKS),
        system_seconds=_scaled(time.get("system"), _TICKS),
        periods=throttling.get("nr_periods"),
        throttled_periods=throttling.get("nr_throttled"),
        throttled_seconds=_scaled(throttling.get("throttled_time"), 1e9),
        cpu_quota_us=quota if quota and quota > 0 else None,
        cpu_period_us=_number(cpu / "cpu.cfs_period_us"),
        memory_bytes=used,
        working_set_bytes=_without(used, pages.get("total_inactive_file")),
        rss_bytes=pages.get("total_rss"),
        cache_bytes=pages.get("total_cache"),
        swap_bytes=pages.get("total_swap"),
        mapped_file_bytes=pages.get("total_mapped_file"),
        memory_limit_bytes=limit if limit is not None and limit < _UNLIMITED_V1 else None,
        memory_peak_bytes=_number(memory / "memory.max_usage_in_bytes"),
        limit_hits=_number(memory / "memory.failcnt"),
        oom_kills=_table(memory / "memory.oom_control").get("oom_kill"),
        processes=len(processes(root, path)),
        threads=_number(root / "pids" / path / "pids.current"),
        devices=_blkio(_throttle(blkio, "io_service_bytes"), _throttle(blkio, "io_serviced")),
    )


def _throttle(group: Path, name: str) -> str:
    """The figures with those of the groups below, which newer kernels of version 1 have."""
    return _text(group / f"blkio.throttle.{name}_recursive") or _text(group / f"blkio.throttle.{name}")


def _blkio(bytes_text: str, operations_text: str) -> dict[str, DeviceUsage]:
    """`254:0 Read 4096`, one line a device and direction."""
    moved, done = _by_device(bytes_text), _by_device(operations_text)
    return {
        device: DeviceUsage(
            moved.get(device, {}).get("Read", 0),
            moved.get(device, {}).get("Write", 0),
            done.get(device, {}).get("Read", 0),
            done.get(device, {}).get("Write", 0),
        )
        for device in {**moved, **done}
    }


def _by_device(text: str) -> dict[str, dict[str, int]]:
    devices: dict[str, dict[str, int]] = {}
    for line in text.splitlines():
        match line.split():
            case [device, direction, number] if number.isdecimal():
                devices.setdefault(device, {})[direction] = int(number)
    return devices


def _io_stat(text: str) -> dict[str, DeviceUsage]:
    """`254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`, one line a device."""
    devices = {}
    for line in text.splitlines():
        device, _, pairs = line.partition(" ")
        values = {name: int(number) for name, _, number in (pair.partition("=") for pair in pairs.split()) if number.isdecimal()}
        if "rbytes" in values or "wbytes" in values:  # a device may have a line without figures
            devices[device] = DeviceUsage(*(values.get(name, 0) for name in ("rbytes", "wbytes", "rios", "wios")))
    return devices


def _quota(text: str) -> tuple[int | None, int | None]:
    """`50000 100000`, or `max 100000`."""
    match text.split():
        case [quota, period] if period.isdecimal():
            return int(quota) if quota.isdecimal() else None, int(period)
    return None, None


def _processes(group: Path) -> list[int]:
    """Those of the groups below as well: Podman and systemd put them one floor deeper."""
    return [pid for inner in ("", *_folders(str(group))) for pid in _numbers(group / inner.lstrip("/") / "cgroup.procs")]


def _table(path: Path) -> dict[str, int]:
    """Lines of a word and a number."""
    table = {}
    for line in _text(path).splitlines():
        name, _, number = line.partition(" ")
        if number.isdecimal():
            table[name] = int(number)
    return table


def _number(path: Path) -> int | None:
    """The one number of a file; None where it says `max`, or is not there."""
    text = _text(path).strip()
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else None


def _numbers(path: Path) -> list[int]:
    return [int(line) for line in _text(path).split() if line.isdecimal()]


def _scaled(value: int | None, unit: float) -> float | None:
    return None if value is None else value / unit


def _without(value: int | None, part: int | None) -> int | None:
    return None if value is None else max(0, value - (part or 0))


def _text(path: Path) -> str:
    """The text of a file; empty where it is absent, forbidden, or its group has just gone."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 # unbuffered: half the time for hundreds of small files
            return file.readall().decode("ascii", "replace")
    except OSError:
        return ""
