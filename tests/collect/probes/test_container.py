"""The container probe on recorded trees, with an engine that answers what the test says."""

from __future__ import annotations

import asyncio
import json
import socketserver
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gwanje.collect.probes import container
from gwanje.collect.probes.base import Reading
from gwanje.collect.probes.container import ContainerProbe, Settings
from gwanje.errors import GwanjeError
from gwanje.kinds import World
from gwanje.model import Event

TREES = Path(__file__).resolve().parents[2] / "cases/cgroup"
WEB = "1ac35d90552a6a1b220b7997369b1388496f2342b2313dd6d426b96c51359c0d"
DB = "fb0b00dcd25318d15b0c90fb66db56d06cbacbc25b320f6fbd59a4f07e4ec84e"
NOW_MS = 1_800_000_000_000
NET_DEV = "head\nhead\n  lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\neth0: 1 2 3 4 5 6 7 8 11 12 13 14 15 16 17 18\n"


class FakeEngine:
    """The far end of an engine's socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: dict[str, tuple[int, bytes]] = {"/containers/json": (200, b"[]"), "/events": (200, b"")}
        self.asked: list[str] = []
        self.held: Signal | None = None
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                engine.asked.append(self.path)
                if engine.held:
                    engine.held.wait()
                status, body = engine.answers.get(urlsplit(self.path).path, (404, b"{}"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None: ...

            def address_string(self) -> str:
                return "test"

        self.server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        self.thread = Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def runs(self, identity: str, name: str, **details: Any) -> None:
        listed = json.loads(self.answers["/containers/json"][1])
        listed.append({"Id": identity, "Names": [f"/{name}"], "Image": "shop:1.2"})
        self.answers["/containers/json"] = 200, json.dumps(listed).encode()
        state = {"Pid": 4001, "StartedAt": "2026-11-21T02:06:09.850353691Z"}
        inspected = {"State": state, "HostConfig": {"NetworkMode": "bridge"}, **details}
        self.answers[f"/containers/{identity}/json"] = 200, json.dumps(inspected).encode()

    def close(self) -> None:
        if self.held:
            self.held.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[FakeEngine]:
    engine = FakeEngine(tmp_path / "engine.sock")
    yield engine
    engine.close()


def host_of(folder: Path, case: str) -> dict[str, Path]:
    """A /proc and /sys of a host with the containers of a recorded tree."""
    (folder / "proc/4001/net").mkdir(parents=True)
    (folder / "proc/4001/net/dev").write_text(NET_DEV)
    (folder / "proc/diskstats").write_text("254 0 vda 1\n")
    (folder / "sys/fs").mkdir(parents=True)
    (folder / "sys/fs/cgroup").symlink_to(TREES / case / "tree")
    return {"proc": folder / "proc", "sys": folder / "sys"}


def probe_of(**settings: Any) -> ContainerProbe:
    return container.create(Settings(**settings), World(Path("/nonexistent")))


def look(probe: ContainerProbe, now_ms: int = NOW_MS) -> Reading:
    return asyncio.run(probe.collect(now_ms))


def named(reading: Reading, metric: str) -> dict[str, float]:
    return {sample.labels["name"]: sample.value for sample in reading.samples if sample.metric == metric}


def test_names_and_images_come_from_the_engine_and_numbers_from_the_kernel(tmp_path: Path, engine: FakeEngine) -> None:
    engine.runs(WEB, "web-1")

    reading = look(probe_of(sockets=[engine.path], **host_of(tmp_path, "v2_docker_systemd")))

    figures = {
        (sample.metric, *sorted(set(sample.labels) - {"id", "name", "image", "short_id"})): sample for sample in reading.samples
    }
    labels = {"id": f"/system.slice/docker-{WEB}.scope", "name": "web-1", "image": "shop:1.2", "short_id": WEB[:12]}
    used = figures["container_cpu_usage_seconds_total", "cpu"]
    assert (used.labels, used.value, used.at_ms) == ({**labels, "cpu": "total"}, 12.345678, NOW_MS)
    assert figures["container_memory_working_set_bytes",].value == 32833536
    assert figures["container_memory_working_set_bytes",].labels == labels
    assert figures["container_spec_memory_limit_bytes",].value == 134217728
    assert figures["container_start_time_seconds",].value == pytest.approx(1795226769.850353)
    assert figures["container_last_seen",].value == NOW_MS / 1000
    received = figures["container_network_receive_bytes_total", "interface"]
    assert (received.labels, received.value) == ({**labels, "interface": "eth0"}, 1)
    assert figures["container_network_receive_packets_total", "interface"].value == 2
    assert figures["container_network_receive_errors_total", "interface"].value == 3
    assert figures["container_network_receive_packets_dropped_total", "interface"].value == 4
    assert figures["container_network_transmit_bytes_total", "interface"].value == 11
    devices = {
        sample.labels["device"]: sample.value for sample in reading.samples if sample.metric == "container_fs_reads_bytes_total"
    }
    assert devices == {"/dev/vda": 1048576, "8:16": 4096}


@pytest.mark.parametrize("mode", ["host", f"container:{DB}"])
def test_interfaces_shared_with_others_are_not_counted_again(tmp_path: Path, engine: FakeEngine, mode: str) -> None:
    engine.runs(WEB, "web-1", HostConfig={"NetworkMode": mode})

    reading = look(probe_of(sockets=[engine.path], **host_of(tmp_path, "v2_docker_systemd")))

    assert [sample.metric for sample in reading.samples if "network" in sample.metric] == []
    assert named(reading, "container_processes") == {"web-1": 2.0}


def test_a_container_is_inspected_once_and_not_at_every_look(tmp_path: Path, engine: FakeEngine) -> None:
    engine.runs(WEB, "web-1")
    probe = probe_of(sockets=[engine.path], **host_of(tmp_path, "v2_docker_systemd"))

    for second in range(3):
        look(probe, NOW_MS + second * 1000)

    assert engine.asked.count(f"/containers/{WEB}/json") == 1


def test_a_container_that_ends_during_the_look_hides_no_other(tmp_path: Path, engine: FakeEngine) -> None:
    engine.runs(WEB, "web-1")
    engine.runs(DB, "db-1")
    del engine.answers[f"/containers/{WEB}/json"]
    engine.runs("f" * 64, "never-had-a-group")

    reading = look(probe_of(sockets=[engine.path], **host_of(tmp_path, "v2_docker_systemd")))

    assert named(reading, "container_start_time_seconds").keys() == {"db-1"}
    assert named(reading, "container_processes").keys() == {"web-1", "db-1"}


def test_without_any_engine_there_are_no_containers_and_no_noise(tmp_path: Path) -> None:
    probe = probe_of(sockets=[tmp_path / "none.sock"], proc=tmp_path, sys=tmp_path)

    assert look(probe) == Reading(())


def test_without_a_socket_the_containers_of_the_tree_are_named_by_their_short_ids(tmp_path: Path) -> None:
    host = host_of(tmp_path, "v2_podman")
    (host["proc"] / "stat").write_text("btime 1700000000\n")
    (host["proc"] / "5001").mkdir()
    (host["proc"] / "5001/stat").write_text("5001 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 12300 0\n")

    reading = look(probe_of(sockets=[tmp_path / "none.sock"], **host))

    assert named(reading, "container_processes") == {WEB[:12]: 3.0}
    assert named(reading, "container_start_time_seconds") == {WEB[:12]: 1700000123.0}


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        pytest.param("/containers/json", (500, b'{"message":"no"}'), id="an error"),
        pytest.param("/containers/json", (404, b"{}"), id="another server"),
        pytest.param("/containers/json", (200, b"<html>"), id="no JSON"),
        pytest.param("/containers/json", (200, b'{"Id":1}'), id="another shape"),
        pytest.param("/containers/json", (200, b'[{"Names":[]}]'), id="a container without an id"),
        pytest.param("/containers/json", (200, b"[" * 100_000), id="nested beyond reason"),
        pytest.param(f"/containers/{WEB}/json", (200, b"{}"), id="a container without a state"),
        pytest.param(f"/containers/{WEB}/json", (200, b'{"State":{"Pid":1,"StartedAt":"soon"}}'), id="a start that is no time"),
        pytest.param("/events", (200, b'{"Action":"start"}\n'), id="an event of nobody"),
    ],
)
def test_an_engine_that_answers_nonsense_is_named(
    tmp_path: Path, engine: FakeEngine, path: str, answer: tuple[int, bytes]
) -> None:
    engine.runs(WEB, "web-1")
    engine.answers[path] = answer

    with pytest.raises(GwanjeError, match=str(engine.path)):
        look(probe_of(sockets=[engine.path], **host_of(tmp_path, "v2_docker_systemd")))


def test_a_socket_that_nobody_listens_on_is_named(tmp_path: Path) -> None:
    FakeEngine(tmp_path / "left.sock").close()

    with pytest.raises(GwanjeError, match=r"left\.sock does not answer as it should: .*refused"):
        look(probe_of(sockets=[tmp_path / "left.sock"], proc=tmp_path, sys=tmp_path))


def happened(at_ms: int, action: str, **attributes: str) -> bytes:
    actor = {"ID": WEB, "Attributes": {"name": "web-1", "image": "shop:1.2", **attributes}}
    return json.dumps({"Type": "container", "Action": action, "Actor": actor, "timeNano": at_ms * 1_000_000 + 7}).encode() + b"\n"


def test_events_are_asked_for_from_look_to_look_with_an_overlap_and_told_once(tmp_path: Path, engine: FakeEngine) -> None:
    probe = probe_of(sockets=[engine.path], proc=tmp_path, sys=tmp_path)
    look(probe)
    engine.answers["/events"] = 200, happened(NOW_MS + 4500, "die", exitCode="3")
    first = look(probe, NOW_MS + 5000).events
    engine.answers["/events"] = 200, happened(NOW_MS + 4500, "die", exitCode="3") + happened(NOW_MS + 4999, "destroy")
    second = look(probe, NOW_MS + 10_000).events

    spans = [parse_qs(urlsplit(path).query) for path in engine.asked if path.startswith("/events")]
    assert [(span["since"], span["until"]) for span in spans] == [
        (["1800000000.000000000"], ["1800000000.000000000"]),
        (["1800000000.000000000"], ["1800000005.000000000"]),
        (["1800000003.000000000"], ["1800000010.000000000"]),
    ]
    fields = {"name": "web-1", "image": "shop:1.2", "container_id": WEB}
    died = Event(
        f"container:{WEB}:{NOW_MS + 4500}000007:die", NOW_MS + 4500, "container", {"action": "die", **fields, "exit_code": 3}
    )
    assert first == (died,)
    assert [event.fields["action"] for event in second] == ["destroy"], "listed a moment after its time, and not lost"


@pytest.mark.parametrize(
    ("action", "attributes", "expected"),
    [
        pytest.param("start", {}, {"action": "start"}, id="start"),
        pytest.param("health_status: unhealthy", {}, {"action": "health", "health": "unhealthy"}, id="health"),
        pytest.param(
            "die", {"containerExitCode": "137"}, {"action": "die", "exit_code": 137}, id="how Podman spells the exit code"
        ),
    ],
)
def test_an_event_says_what_happened(
    tmp_path: Path, engine: FakeEngine, action: str, attributes: dict[str, str], expected: dict[str, Any]
) -> None:
    engine.answers["/events"] = 200, happened(NOW_MS, action, **attributes)

    (event,) = look(probe_of(sockets=[engine.path], proc=tmp_path, sys=tmp_path)).events

    assert event.fields == {"name": "web-1", "image": "shop:1.2", "container_id": WEB, **expected}


def test_a_look_that_was_given_up_is_not_joined_by_a_second_and_its_events_are_told_later(
    tmp_path: Path, engine: FakeEngine
) -> None:
    probe = probe_of(sockets=[engine.path], proc=tmp_path, sys=tmp_path)
    engine.answers["/events"] = 200, happened(NOW_MS, "start")
    engine.held = Signal()

    async def story() -> Reading:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(probe.collect(NOW_MS), 0.05)
        with pytest.raises(GwanjeError, match="still waiting"):
            await probe.collect(NOW_MS + 5000)
        assert engine.held
        engine.held.set()
        given_up = probe._looking
        assert given_up
        await given_up
        return await probe.collect(NOW_MS + 10_000)

    assert [event.fields["action"] for event in asyncio.run(story()).events] == ["start"]
