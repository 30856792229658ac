"""The door for StatsD: real sockets, who may send, and what waits while no store takes it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import ValidationError

from gwanje.app import folder as folders
from gwanje.collect.statsd.door import StatsdDoor, _Allowed, kernel_drops
from gwanje.collect.statsd.settings import Statsd
from gwanje.errors import ConfigErrors, GwanjeError, Rejected, RetryLater
from gwanje.model import METRIC, Batch
from gwanje.wire.remote_write.decode import decode


class Store:
    """A far end that takes batches, or says why it does not."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}
        self.labels: dict[str, dict[str, str]] = {}
        self.trouble: GwanjeError | None = None
        self.asked = 0

    async def send(self, batch: Batch) -> None:
        self.asked += 1
        if self.trouble:
            raise self.trouble
        columns = decode(batch.body)
        at = 0
        for key, count in zip(columns.keys, columns.counts.tolist(), strict=True):
            labels = dict(columns.labels_of(key))
            name = labels.pop(METRIC)
            self.labels[name] = labels
            self.values.setdefault(name, []).extend(columns.values[at : at + count].tolist())
            at += count

    async def close(self) -> None: ...


@asynccontextmanager
async def running(store: Store, **settings: Any) -> AsyncIterator[StatsdDoor]:
    chosen = Statsd.model_validate({"listen": "127.0.0.1:0", "flush": "100ms", **settings})
    door = StatsdDoor(chosen, store, clock=lambda: datetime.now(UTC))
    task = asyncio.create_task(door.run())
    try:
        yield door
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        door.close()


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - what is waited for is told by figures alone
            await asyncio.sleep(0.01)


def arrived(store: Store, number: float) -> bool:
    return store.values.get("ok", [-1])[-1] == number


def send(door: StatsdDoor, *packets: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for packet in packets:
            udp.sendto(packet, ("127.0.0.1", door.port))


async def test_packets_become_samples() -> None:
    store = Store()
    async with running(store) as door:
        send(door, b"a:1|c\nb:5|g|#job:mine", b"a:2|c")
        await until(lambda: store.values.get("a", [0])[-1] == 3 and store.values.get("b"))
        assert door.own_samples()['gwanje_statsd_packets_total{protocol="udp"}'] == 2
    assert store.labels == {"a": {"job": "statsd"}, "b": {"job": "mine"}}


@pytest.mark.parametrize(("port", "taken", "opens", "tries"), [(0, 1, True, 2), (8125, 1, False, 1), (0, 100, False, 10)])
async def test_any_port_is_one_that_is_free_for_packets_and_streams(
    monkeypatch: pytest.MonkeyPatch, *, port: int, taken: int, opens: bool, tries: int
) -> None:
    tried = []

    class Beside(socket.socket):
        def bind(self, address: Any) -> None:
            if self.type == socket.SOCK_STREAM:
                tried.append(address)
                if len(tried) <= taken:
                    raise OSError(98, "Address already in use")
            super().bind((address[0], 0) if self.type == socket.SOCK_DGRAM else address)

    monkeypatch.setattr("gwanje.collect.statsd.door.socket.socket", Beside)
    if opens:
        async with running(Store(), listen=f"127.0.0.1:{port}") as door:
            assert door.port == tried[-1][1]
    else:
        with pytest.raises(GwanjeError, match="already in use"):
            async with running(Store(), listen=f"127.0.0.1:{port}"):
                pass
    assert len(tried) == tries


async def test_a_stream_is_cut_into_lines_wherever_it_breaks() -> None:
    store = Store()
    async with running(store) as door:
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        for piece in (b"a:1|c\na:", b"2|", b"c\nb:5", b"|g"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()
        await until(lambda: store.values.get("a", [0])[-1] == 3 and store.values.get("b") == [5])
        await until(lambda: door.own_samples()["gwanje_statsd_connections"] == 0)


async def test_a_line_without_end_ends_its_connection() -> None:
    async with running(Store()) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(b"a" * 100_000)
        async with asyncio.timeout(20):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await reader.readexactly(1)
        assert door.own_samples()['gwanje_statsd_lines_refused_total{reason="too_long"}'] == 1
        writer.close()


async def test_one_connection_more_than_allowed_is_closed() -> None:
    async with running(Store(), connections=1) as door:
        _, first = await asyncio.open_connection("127.0.0.1", door.port)
        await until(lambda: door.own_samples()["gwanje_statsd_connections"] == 1)
        reader, second = await asyncio.open_connection("127.0.0.1", door.port)
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        assert door.own_samples()["gwanje_statsd_senders_refused_total"] == 1
        first.close()
        second.close()


async def test_without_tcp_nothing_listens_there() -> None:
    async with running(Store(), tcp=False) as door:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", door.port)


async def test_what_no_store_takes_waits_and_arrives_later() -> None:
    store = Store()
    store.trouble = RetryLater("full")
    async with running(store) as door:
        send(door, b"a:1|c")
        await until(lambda: store.asked >= 2)
        store.trouble = None
        await until(lambda: store.values.get("a", [0])[-1] == 1)
        assert door.own_samples()["gwanje_statsd_dropped_samples_total"] == 0


async def test_what_is_refused_for_good_is_counted() -> None:
    store = Store()
    store.trouble = Rejected("never")
    async with running(store) as door:
        send(door, b"a:1|g")
        await until(lambda: door.own_samples()["gwanje_statsd_dropped_samples_total"] >= 1)


async def test_what_came_last_is_sent_before_the_end() -> None:
    store = Store()
    async with running(store, flush="1h") as door:
        send(door, b"a:7|g")
        await until(lambda: door.own_samples()["gwanje_statsd_lines_total"] == 1)
    assert store.values == {"a": [7]}


async def test_bad_lines_are_said_once_a_minute_with_an_example() -> None:
    store = Store()
    with structlog.testing.capture_logs() as said:
        async with running(store) as door:
            for number in range(3):
                send(door, b"a:x|c", b"ok:%d|g" % number)
                await until(partial(arrived, store, number))
    lines = [one["line"] for one in said if one["event"] == "a line of StatsD was refused"]
    assert lines == ["b'a:x|c'"]


async def test_what_the_kernel_had_no_room_for_is_counted() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        udp.bind(("127.0.0.1", 0))
        assert kernel_drops(udp) == 0
        for _ in range(100):
            sender.sendto(b"x" * 1000, udp.getsockname())
        assert kernel_drops(udp) > 50


def test_a_port_that_is_taken_is_said_in_one_sentence() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        settings = Statsd(listen=f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(GwanjeError, match=r"cannot take StatsD on .*set `statsd\.listen`"):
            StatsdDoor(settings, Store(), clock=lambda: datetime.now(UTC))


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.2.0.1", False),
        ("fe80::1%eth0", False),
    ],
)
def test_this_machine_and_who_is_named_may_send(address: str, allowed: bool) -> None:  # noqa: FBT001 - a column of the table
    assert _Allowed(["10.1.0.0/16"])(address) is allowed


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"listen": "0.0.0.0:8125"}, "can be reached from outside"),
        ({"listen": "example.org:8125"}, "is not an address"),
        ({"listen": "127.0.0.1:99999"}, "is not an address"),
        ({"listen": "127.0.0.1"}, "is not an address"),
        ({"allow": ["10.0.0.0/99"]}, "does not appear to be"),
        ({"flush": "10ms"}, "shortest"),
        ({"use": "airflw"}, "known ones: airflow"),
        ({"buckets": []}, "rise"),
    ],
)
def test_settings_that_cannot_be_are_mistakes(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Statsd.model_validate(settings)


def test_a_mistake_in_the_configuration_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "gwanje.yaml").write_text(
        "statsd:\n  use: airflow\n  mappings:\n    - {match: 'a.*', name: $2}\n", encoding="utf-8"
    )
    with pytest.raises(ConfigErrors, match=r"gwanje\.yaml:4: .*has 1 places that vary"):
        folders.read(tmp_path)


def test_the_whole_network_may_be_named() -> None:
    settings = Statsd.model_validate({"listen": "[::]:8125", "allow": ["10.0.0.0/8"], "use": "airflow"})
    assert (settings.host, settings.port, settings.use) == ("::", 8125, ("airflow",))
