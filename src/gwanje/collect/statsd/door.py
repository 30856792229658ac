"""The door for StatsD: UDP and TCP sockets, and the clock by which what came becomes samples on their way to the stores."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections import Counter, deque
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from gwanje.collect.statsd.aggregate import Aggregation
from gwanje.errors import BadInput, GwanjeError, Rejected
from gwanje.model import to_ms
from gwanje.wire.remote_write.encode import encode
from gwanje.wire.statsd.decode import LONGEST, BadLine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from gwanje.carry.base import Sender
    from gwanje.collect.statsd.settings import Statsd
    from gwanje.model import Batch, Sample

log = structlog.get_logger(__name__)

_JOB: Final = {"job": "statsd"}
_LARGEST_PACKET: Final = 65_536
_TURN_SECONDS: Final = 0.01
_SOCKET_BYTES: Final = 8 << 20
_TRIES: Final = 10
_SAMPLES_A_BATCH: Final = 10_000
_BATCHES_WAITING: Final = 100
_BETWEEN_LOGS: Final = timedelta(minutes=1)
_LAST_WORDS: Final = timedelta(seconds=1)


class StatsdDoor:
    """Takes lines until it is cancelled, and sends what they became after each interval.

    It listens as soon as it is made: GwanjeError says in one sentence why it cannot. What the transport does not take now waits;
    beyond a bound the oldest goes first and is counted. Every series carries `job="statsd"` unless a tag says another.
    """

    def __init__(self, settings: Statsd, transport: Sender, *, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._aggregation = Aggregation(settings.mapper(), most_series=settings.max_series)
        self._waiting: deque[Batch] = deque()
        self._counts: Counter[str] = Counter()
        self._connections: set[asyncio.StreamWriter] = set()
        self._may = lru_cache(4096)(_Allowed(settings.allow))
        self._said: dict[str, datetime] = {}
        self._udp, self._tcp = _sockets(settings)

    @property
    def port(self) -> int:
        """The port it listens on, UDP and TCP."""
        port: int = self._udp.getsockname()[1]
        return port

    async def run(self) -> None:
        """Until cancelled; what came until then is sent before it ends."""
        loop = asyncio.get_running_loop()
        self._aggregation.flush(self._now_ms())
        loop.add_reader(self._udp.fileno(), self._read_packets)
        server = await asyncio.start_server(self._read_lines, sock=self._tcp, limit=_LARGEST_PACKET) if self._tcp else None
        try:
            while True:
                await asyncio.sleep(self._settings.flush.total_seconds())
                await self._flush()
        finally:
            loop.remove_reader(self._udp.fileno())
            self._read_packets()
            if server:
                server.close()
            for writer in list(self._connections):
                writer.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS.total_seconds()):
                    await self._flush()
            if self._waiting:
                log.warning("stopped with samples of StatsD unsent", batches=len(self._waiting))

    def close(self) -> None:
        """Give the sockets back; called once, after `run` has ended or without it."""
        self._udp.close()
        if self._tcp:
            self._tcp.close()

    def own_samples(self) -> Mapping[str, float]:
        """What came and what was not taken, down to packets that the kernel had no room for."""
        return {
            **{f'gwanje_statsd_packets_total{{protocol="{one}"}}': float(self._counts[one]) for one in ("udp", "tcp")},
            "gwanje_statsd_connections": float(len(self._connections)),
            "gwanje_statsd_kernel_dropped_packets_total": float(kernel_drops(self._udp)),
            "gwanje_statsd_senders_refused_total": float(self._counts["senders refused"]),
            "gwanje_statsd_dropped_samples_total": float(self._counts["samples dropped"]),
            **self._aggregation.own_samples(),
        }

    # --- coming in -------------------------------------------------------------------------------------------------------

    def _read_packets(self) -> None:
        """Take what the socket holds, but no longer than the others in this process can wait."""
        clock = asyncio.get_running_loop().time
        end = clock() + _TURN_SECONDS
        while clock() < end:
            try:
                packet, sender = self._udp.recvfrom(_LARGEST_PACKET)
            except OSError:  # nothing there; or what the network said about an earlier answer, which there is none of
                return
            if self._may(sender[0]):
                self._counts["udp"] += 1
                self._aggregation.take(packet)
            else:
                self._refuse(sender[0])

    async def _read_lines(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender = writer.get_extra_info("peername")[0]
        if not self._may(sender) or len(self._connections) >= self._settings.connections:
            self._refuse(sender)
            writer.close()
            return
        self._connections.add(writer)
        try:
            await self._take_all(reader)
        except ConnectionError as error:
            log.debug("a sender of StatsD went away", sender=sender, reason=str(error))
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _take_all(self, reader: asyncio.StreamReader) -> None:
        """Lines to the end of the connection, or to one that has no end."""
        rest = b""
        while chunk := await reader.read(_LARGEST_PACKET):
            self._counts["tcp"] += 1
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            if newline:
                self._aggregation.take(whole)
            if len(rest) > LONGEST:
                self._aggregation.refused.add(rest, BadLine("too_long", f"a line of more than {LONGEST} bytes"))
                return
        self._aggregation.take(rest)

    def _refuse(self, sender: str) -> None:
        self._counts["senders refused"] += 1
        self._say(
            "a sender of StatsD was refused", "sender", sender=sender, todo="name it in `statsd.allow`, or send less at once"
        )

    # --- going on --------------------------------------------------------------------------------------------------------

    async def _flush(self) -> None:
        samples = self._aggregation.flush(self._now_ms())
        for reason, (line, problem) in self._aggregation.refused.news().items():
            self._say("a line of StatsD was refused", reason, reason=reason, problem=problem, line=repr(line))
        self._waiting.extend(await asyncio.to_thread(_batches, samples))
        while len(self._waiting) > _BATCHES_WAITING:
            self._drop("no room for samples of StatsD that wait; the oldest went")
        await self._send_what_waits()

    async def _send_what_waits(self) -> None:
        while self._waiting:
            try:
                await self._transport.send(self._waiting[0])
            except (Rejected, BadInput) as error:
                self._drop(f"samples of StatsD refused for good: {error}")
            except GwanjeError as error:
                self._say("cannot send samples of StatsD, they wait", "later", reason=str(error), batches=len(self._waiting))
                return
            else:
                self._waiting.popleft()

    def _drop(self, why: str) -> None:
        self._counts["samples dropped"] += self._waiting.popleft().count
        self._say(why, "dropped")

    def _say(self, message: str, about: str, **fields: object) -> None:
        """A warning, once a minute about each thing."""
        now = self._clock()
        if about not in self._said or now - self._said[about] >= _BETWEEN_LOGS:
            self._said[about] = now
            log.warning(message, **fields)

    def _now_ms(self) -> int:
        return to_ms(self._clock())


class _Allowed:
    """Whether an address may send: this machine, and who is named."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(one, strict=False) for one in networks]

    def __call__(self, text: str) -> bool:
        address = ipaddress.ip_address(text.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback or any(address in network for network in self._networks)


def kernel_drops(udp: socket.socket) -> int:
    """Packets for this socket that found no room in the kernel since it was opened; 0 where the kernel does not say."""
    table = Path("/proc/net/udp6" if udp.family == socket.AF_INET6 else "/proc/net/udp")
    inode = str(os.fstat(udp.fileno()).st_ino)
    with suppress(OSError):
        for line in table.read_text(encoding="ascii").splitlines()[1:]:
            columns = line.split()
            if columns[9] == inode:
                return int(columns[12])
    return 0


def _sockets(settings: Statsd) -> tuple[socket.socket, socket.socket | None]:
    """One for packets and one for streams, at the same port. Any will do for port 0: the next where the first is half taken."""
    tries = _TRIES if settings.port == 0 else 1
    while True:
        try:
            return _bound(settings)
        except OSError as error:
            tries -= 1
            if not tries:
                reason = error.strerror or str(error)
                raise GwanjeError(f"cannot take StatsD on {settings.listen}: {reason}; set `statsd.listen`") from error


def _bound(settings: Statsd) -> tuple[socket.socket, socket.socket | None]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with ExitStack() as opened:
        udp = opened.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        udp.setblocking(False)
        # Packets wait here while Python is elsewhere. The kernel gives what its own limit allows.
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BYTES)
        udp.bind((settings.host, settings.port))
        tcp = opened.enter_context(socket.socket(family, socket.SOCK_STREAM)) if settings.tcp else None
        if tcp:
            tcp.setblocking(False)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind((settings.host, udp.getsockname()[1]))
            tcp.listen()
        opened.pop_all()
        return udp, tcp


def _batches(samples: Sequence[Sample]) -> list[Batch]:
    return [encode(samples[at : at + _SAMPLES_A_BATCH], _JOB) for at in range(0, len(samples), _SAMPLES_A_BATCH)]
