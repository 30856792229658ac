"""The kernel's text files: what they say, from kernels old and new."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwanje.collect.probes import procfs
from gwanje.collect.probes.procfs import Figure, Mount


def table(figures: Iterable[Figure]) -> dict[str, float]:
    """`metric{label="value"}` → value."""
    return {metric + "".join(f"{{{name}={value}}}" for name, value in labels.items()): value for metric, labels, value in figures}


STAT = """\
cpu  300 20 60 4000 50 6 7 8 90 10
cpu0 100 20 30 2000 50 6 7 8 90 10
cpu1 200 0 30 2000
intr 224490 0 0 9
ctxt 313822
btime 1795225683
processes 9109
procs_running 3
procs_blocked 1
softirq 154067 0 15748
"""


def test_stat_gives_seconds_by_mode_and_the_hosts_totals() -> None:
    assert table(procfs.stat(STAT, 100)) == {
        "node_cpu_seconds_total{cpu=0}{mode=user}": 1.0,
        "node_cpu_seconds_total{cpu=0}{mode=nice}": 0.2,
        "node_cpu_seconds_total{cpu=0}{mode=system}": 0.3,
        "node_cpu_seconds_total{cpu=0}{mode=idle}": 20.0,
        "node_cpu_seconds_total{cpu=0}{mode=iowait}": 0.5,
        "node_cpu_seconds_total{cpu=0}{mode=irq}": 0.06,
        "node_cpu_seconds_total{cpu=0}{mode=softirq}": 0.07,
        "node_cpu_seconds_total{cpu=0}{mode=steal}": 0.08,
        "node_cpu_guest_seconds_total{cpu=0}{mode=user}": 0.9,
        "node_cpu_guest_seconds_total{cpu=0}{mode=nice}": 0.1,
        "node_cpu_seconds_total{cpu=1}{mode=user}": 2.0,
        "node_cpu_seconds_total{cpu=1}{mode=nice}": 0.0,
        "node_cpu_seconds_total{cpu=1}{mode=system}": 0.3,
        "node_cpu_seconds_total{cpu=1}{mode=idle}": 20.0,
        "node_intr_total": 224490,
        "node_context_switches_total": 313822,
        "node_boot_time_seconds": 1795225683,
        "node_forks_total": 9109,
        "node_procs_running": 3,
        "node_procs_blocked": 1,
    }


def test_loadavg_gives_the_loads_and_the_threads() -> None:
    loads = table(procfs.loadavg("0.56 0.71 0.45 1/112 24627\n"))

    assert loads == {"node_load1": 0.56, "node_load5": 0.71, "node_load15": 0.45, "node_processes_threads": 112}


def test_meminfo_is_in_bytes_where_the_kernel_writes_kilobytes() -> None:
    text = "MemTotal:       24684084 kB\nActive(anon):       12 kB\nHugePages_Total:       3\nHugepagesize:       2048 kB\n"

    assert table(procfs.meminfo(text)) == {
        "node_memory_MemTotal_bytes": 24684084 * 1024,
        "node_memory_Active_anon_bytes": 12 * 1024,
        "node_memory_HugePages_Total": 3,
        "node_memory_Hugepagesize_bytes": 2048 * 1024,
    }


def test_vmstat_gives_paging_faults_and_kills_and_nothing_else() -> None:
    text = "nr_free_pages 5\npgpgin 1\npgpgout 2\npswpin 3\npswpout 4\npgfault 5\npgmajfault 6\npgsteal_kswapd 7\noom_kill 8\n"

    names = ["pgpgin", "pgpgout", "pswpin", "pswpout", "pgfault", "pgmajfault", "oom_kill"]
    assert list(table(procfs.vmstat(text))) == [f"node_vmstat_{name}" for name in names]


def test_pressure_is_in_seconds_and_full_has_no_meaning_for_the_processor() -> None:
    text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=5252981\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=4447164\n"

    assert table(procfs.pressure("cpu", text)) == {"node_pressure_cpu_waiting_seconds_total": 5.252981}
    assert table(procfs.pressure("io", text)) == {
        "node_pressure_io_waiting_seconds_total": 5.252981,
        "node_pressure_io_stalled_seconds_total": 4.447164,
    }


def test_open_files_are_the_first_and_the_last_number() -> None:
    assert table(procfs.file_nr("714\t0\t2466170\n")) == {"node_filefd_allocated": 714, "node_filefd_maximum": 2466170}


def test_diskstats_counts_sectors_of_512_bytes_and_milliseconds_and_leaves_out_what_is_not_wanted() -> None:
    text = "   7       0 loop0 9 9 9 9 9 9 9 9 9 9 9\n 254       0 vda 10 1 8 2000 20 2 16 4000 1 3000 6000 5 6 7 8000 9 10000\n"

    assert table(procfs.diskstats(text, lambda device: device == "vda")) == {
        "node_disk_reads_completed_total{device=vda}": 10,
        "node_disk_reads_merged_total{device=vda}": 1,
        "node_disk_read_bytes_total{device=vda}": 4096,
        "node_disk_read_time_seconds_total{device=vda}": 2,
        "node_disk_writes_completed_total{device=vda}": 20,
        "node_disk_writes_merged_total{device=vda}": 2,
        "node_disk_written_bytes_total{device=vda}": 8192,
        "node_disk_write_time_seconds_total{device=vda}": 4,
        "node_disk_io_now{device=vda}": 1,
        "node_disk_io_time_seconds_total{device=vda}": 3,
        "node_disk_io_time_weighted_seconds_total{device=vda}": 6,
        "node_disk_discards_completed_total{device=vda}": 5,
        "node_disk_discards_merged_total{device=vda}": 6,
        "node_disk_discarded_sectors_total{device=vda}": 7,
        "node_disk_discard_time_seconds_total{device=vda}": 8,
        "node_disk_flush_requests_total{device=vda}": 9,
        "node_disk_flush_requests_time_seconds_total{device=vda}": 10,
    }


def test_an_old_kernel_without_discards_and_flushes_gives_the_rest() -> None:
    figures = table(procfs.diskstats("8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n", lambda _: True))

    assert len(figures) == 11
    assert procfs.device_names("8 0 sda 1\n8 1 sda1 2\n") == {"8:0": "sda", "8:1": "sda1"}


NET_DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0
eth0:1: 1 2 3 4 5 6 7 8 11 12 13 14 15 16 17 18
"""


def test_interfaces_are_counted_in_both_directions() -> None:
    assert table(procfs.network(NET_DEV, lambda device: device != "lo")) == {
        "node_network_receive_bytes_total{device=eth0:1}": 1,
        "node_network_receive_packets_total{device=eth0:1}": 2,
        "node_network_receive_errs_total{device=eth0:1}": 3,
        "node_network_receive_drop_total{device=eth0:1}": 4,
        "node_network_receive_fifo_total{device=eth0:1}": 5,
        "node_network_receive_frame_total{device=eth0:1}": 6,
        "node_network_receive_compressed_total{device=eth0:1}": 7,
        "node_network_receive_multicast_total{device=eth0:1}": 8,
        "node_network_transmit_bytes_total{device=eth0:1}": 11,
        "node_network_transmit_packets_total{device=eth0:1}": 12,
        "node_network_transmit_errs_total{device=eth0:1}": 13,
        "node_network_transmit_drop_total{device=eth0:1}": 14,
        "node_network_transmit_fifo_total{device=eth0:1}": 15,
        "node_network_transmit_colls_total{device=eth0:1}": 16,
        "node_network_transmit_carrier_total{device=eth0:1}": 17,
        "node_network_transmit_compressed_total{device=eth0:1}": 18,
    }


def test_processes_are_counted_by_state_whatever_their_names_are() -> None:
    stats = ["1 (init) S 0 1", "2 (a) R (b)) Z 1 1", "3 () R) R 1 1", "4 (x) S 1 1", ""]

    assert table(procfs.process_states(stats)) == {
        "node_processes_state{state=R}": 1,
        "node_processes_state{state=S}": 2,
        "node_processes_state{state=Z}": 1,
    }


def mount(mountpoint: str, number: str = "254:0", inner: str = "/", device: str = "/dev/vda") -> Mount:
    return Mount(number, inner, mountpoint, "ext4", device, readonly=False)


def test_mountinfo_is_read_with_its_optional_fields_and_escapes() -> None:
    text = (
        "27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard\n"
        r"30 27 0:45 /a\134b /mnt/with\040blank ro - nfs4 nas:/export rw" + "\n"
        "31 27 0:46 / /cd rw - iso9660 /dev/sr0 ro\n"
        "32 27 0:47 / /bare rw - tmpfs tmpfs\n"
    )

    assert procfs.mountinfo(text) == [
        Mount("254:0", "/", "/", "ext4", "/dev/vda", readonly=False),
        Mount("0:45", "/a\\b", "/mnt/with blank", "nfs4", "nas:/export", readonly=True),
        Mount("0:46", "/", "/cd", "iso9660", "/dev/sr0", readonly=True),
        Mount("0:47", "/", "/bare", "tmpfs", "tmpfs", readonly=False),
    ]


@pytest.mark.parametrize(
    ("mounts", "kept"),
    [
        pytest.param([mount("/"), mount("/srv", "254:1")], ["/", "/srv"], id="two file systems are two"),
        pytest.param([mount("/chroot/srv", inner="/srv"), mount("/")], ["/"], id="a bind mount of a folder is no second one"),
        pytest.param([mount("/b", inner="/b"), mount("/data")], ["/data"], id="nor when its path is shorter"),
        pytest.param([mount("/data"), mount("/very/long/path")], ["/data"], id="mounted whole twice: the shorter path"),
        pytest.param(
            [mount("/etc/resolv.conf", inner="/x/resolv.conf"), mount("/etc/hosts", inner="/x/hosts")],
            ["/etc/hosts"],
            id="in a container only bind mounts are seen, and one stands for them",
        ),
        pytest.param([mount("/mnt", "254:1"), mount("/mnt", "254:2")], ["/mnt"], id="the later mount covers the earlier"),
    ],
)
def test_each_file_system_is_told_once(mounts: list[Mount], kept: list[str]) -> None:
    assert [one.mountpoint for one in procfs.distinct(mounts)] == kept


def test_of_two_mounts_at_one_place_the_later_one_is_meant() -> None:
    assert [one.number for one in procfs.distinct([mount("/mnt", "254:1"), mount("/mnt", "254:2")])] == ["254:2"]


@given(values=st.dictionaries(st.from_regex(r"[A-Z][A-Za-z]{0,9}(\([a-z]{1,5}\))?", fullmatch=True), st.integers(0, 2**50)))
def test_every_line_of_meminfo_becomes_one_figure(values: dict[str, int]) -> None:
    text = "".join(f"{name}:{number:>12} kB\n" for name, number in values.items())

    figures = list(procfs.meminfo(text))

    assert [value for _, _, value in figures] == [number * 1024 for number in values.values()]
    assert all(metric.startswith("node_memory_") and metric.replace("_", "").isalnum() for metric, _, _ in figures)


COUNTERS = st.lists(st.integers(0, 2**63), min_size=16, max_size=16)


@given(interfaces=st.dictionaries(st.from_regex(r"[a-z][a-z0-9@._-]{0,14}", fullmatch=True), COUNTERS, max_size=4))
def test_every_interface_is_read_back_as_it_was_written(interfaces: dict[str, list[int]]) -> None:
    lines = "".join(f"{name:>6}:{' '.join(map(str, numbers))}\n" for name, numbers in interfaces.items())

    read = procfs.net_dev("head\nhead\n" + lines)

    assert {name: [*one.received.values(), *one.transmitted.values()] for name, one in read.items()} == interfaces
