"""Recorded control group trees of both versions, and files that nobody ever saw."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwanje.collect.probes import cgroup

CASES = Path(__file__).resolve().parents[2] / "cases/cgroup"
ID = "1ac35d90552a6a1b220b7997369b1388496f2342b2313dd6d426b96c51359c0d"


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_a_recorded_tree_gives_its_containers_and_their_numbers(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))["containers"]

    found = cgroup.containers(case / "tree")

    assert found == {identity: one["path"] for identity, one in expected.items()}
    for identity, path in found.items():
        usage = cgroup.read(case / "tree", path)
        assert usage
        assert asdict(usage) == expected[identity]["usage"]


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        pytest.param(f"/docker/{ID}", ID, id="Docker, cgroupfs driver"),
        pytest.param(f"/system.slice/docker-{ID}.scope", ID, id="Docker, systemd driver"),
        pytest.param(f"/machine.slice/libpod-{ID}.scope", ID, id="Podman, systemd driver"),
        pytest.param(f"/libpod_parent/libpod-{ID}", ID, id="Podman, cgroupfs driver"),
        pytest.param(f"/kubepods/burstable/pod0f1e2d3c/{ID}", ID, id="containerd in a pod"),
        pytest.param(f"/kubepods.slice/pod.slice/cri-containerd-{ID}.scope", ID, id="containerd in a pod, systemd driver"),
        pytest.param(f"/kubepods.slice/pod.slice/crio-{ID}.scope", ID, id="CRI-O"),
        pytest.param(f"/machine.slice/libpod-conmon-{ID}.scope", None, id="the monitor of Podman is no container"),
        pytest.param(f"/docker/{ID}/inner", None, id="a folder inside a container"),
        pytest.param(f"/docker/{ID[:-1]}", None, id="too short"),
        pytest.param(f"/docker/{ID}0", None, id="too long"),
        pytest.param("/system.slice/docker.service", None, id="the engine itself"),
        pytest.param("", None, id="the root"),
    ],
)
def test_containers_are_known_by_the_names_of_their_folders(folder: str, found: str | None) -> None:
    assert cgroup.container_id(folder) == found


def test_a_group_that_is_gone_has_no_numbers(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")

    assert cgroup.read(tmp_path, f"/docker/{ID}") is None
    assert cgroup.containers(tmp_path / "nowhere") == {}


def test_a_small_board_without_the_memory_controller_shows_its_containers(tmp_path: Path) -> None:
    group = tmp_path / "cpuacct/docker" / ID
    group.mkdir(parents=True)
    (group / "cpuacct.usage").write_text("2500000000\n")
    (group / "cgroup.procs").write_text("41\n42\n")

    usage = cgroup.read(tmp_path, f"/docker/{ID}")

    assert cgroup.containers(tmp_path) == {ID: f"/docker/{ID}"}
    assert usage == cgroup.Usage(cpu_seconds=2.5, processes=2)


def test_processes_are_those_of_the_groups_below_too() -> None:
    assert sorted(cgroup.processes(CASES / "v1_docker/tree", f"/docker/{ID}")) == [17245, 17301, 17333]


FILES_V2 = ("cpu.stat", "cpu.max", "memory.current", "memory.max", "memory.stat", "memory.events", "io.stat", "cgroup.procs")
LINES = st.lists(
    st.one_of(
        st.sampled_from(["usage_usec 5", "anon x", "254:0 rbytes= wbytes=1", "254:0", "max", "max max", "-1 -1", "", " ", "\0"]),
        st.text(max_size=20),
    ),
    max_size=4,
)


@given(texts=st.lists(LINES, min_size=len(FILES_V2), max_size=len(FILES_V2)))
def test_whatever_a_kernel_writes_is_read_or_left_out(tmp_path_factory: pytest.TempPathFactory, texts: list[list[str]]) -> None:
    root = tmp_path_factory.mktemp("cgroup", numbered=True)
    (root / "cgroup.controllers").write_text("cpu memory\n")
    (root / ID).mkdir()
    for name, lines in zip(FILES_V2, texts, strict=True):
        (root / ID / name).write_text("\n".join(lines), encoding="utf-8", errors="replace")

    usage = cgroup.read(root, ID)

    assert usage
    assert usage.working_set_bytes is None or usage.working_set_bytes >= 0


@given(
    read=st.integers(0, 2**63),
    written=st.integers(0, 2**63),
    reads=st.integers(0, 2**63),
    writes=st.integers(0, 2**63),
    device=st.tuples(st.integers(0, 4095), st.integers(0, 2**20)),
)
def test_both_versions_spell_the_same_figures_of_a_device(
    read: int, written: int, reads: int, writes: int, device: tuple[int, int]
) -> None:
    name = f"{device[0]}:{device[1]}"
    expected = {name: cgroup.DeviceUsage(read, written, reads, writes)}

    v2 = f"{name} rbytes={read} wbytes={written} rios={reads} wios={writes} dbytes=0 dios=0\n"
    moved = f"{name} Read {read}\n{name} Write {written}\n{name} Total {read + written}\nTotal {read + written}\n"
    done = f"{name} Read {reads}\n{name} Write {writes}\n{name} Total {reads + writes}\nTotal {reads + writes}\n"

    assert cgroup._io_stat(v2) == expected
    assert cgroup._blkio(moved, done) == expected
