"""What this process takes of its machine, in the names of Prometheus's client libraries."""

from __future__ import annotations

import psutil


def process_figures(process: psutil.Process) -> dict[str, float]:
    """By metric name: processor time in seconds, memory in bytes, open files, start in Unix seconds."""
    with process.oneshot():
        cpu, memory = process.cpu_times(), process.memory_info()
        return {
            "process_cpu_seconds_total": cpu.user + cpu.system,
            "process_resident_memory_bytes": float(memory.rss),
            "process_open_fds": float(process.num_fds()),
            "process_start_time_seconds": process.create_time(),
        }
