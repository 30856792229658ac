"""Which addresses may be connected to for what people entered on the page or by the API.

The public internet may; private, loopback and other special addresses only where the configuration allows their network. A
name is resolved once, every address it has is looked at, and one of exactly these is connected to.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

import aiohttp
import aiohttp.abc

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_SECONDS: Final = 10


class ForbiddenError(OSError):
    """An address that what was entered on the page must not lead to; says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where connections may go: the public internet, and the networks that are allowed."""

    allowed: tuple[IPv4Network | IPv6Network, ...] = ()

    def check(self, name: str, addresses: Iterable[str]) -> None:
        """Raise ForbiddenError when one of the addresses that a name has must not be connected to."""
        for address in addresses:
            if not self.lets(address):
                said = address if name == address else f"{name} is {address}, which"
                raise ForbiddenError(f"{said} is no public address; allow its network in `page_reaches` of gwanje.yaml")

    def lets(self, address: str) -> bool:
        """Whether an address may be connected to, by itself and by the IPv4 address that stands in it."""
        found = ipaddress.ip_address(address.partition("%")[0])
        return all(self._lets(one) for one in _embedded(found))

    def _lets(self, address: IPv4Address | IPv6Address) -> bool:
        if any(address in network for network in self.allowed):
            return True
        return address.is_global and not address.is_multicast

    async def connected(self, host: str, port: int) -> socket.socket:
        """A connected socket, for who speaks no HTTP. Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        self.check(host, (str(place[0]) for *_, place in found))
        family, kind, protocol, _, place = found[0]
        connection = socket.socket(family, kind, protocol)
        connection.setblocking(False)
        try:
            async with asyncio.timeout(_SECONDS):
                await loop.sock_connect(connection, place)
        except BaseException:
            connection.close()
            raise
        return connection


class Resolver(aiohttp.abc.AbstractResolver):
    """Resolves names for an HTTP session, each once, and looks at every address it has."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._names = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        found = await self._names.resolve(host, port, family)
        self._reach.check(host, (one["host"] for one in found))
        return found

    async def close(self) -> None:
        await self._names.close()


def forbidden(error: BaseException) -> str:
    """Why an address was not connected to, where that is because it must not be; empty for every other error."""
    cause = getattr(error, "os_error", error)
    return str(cause) if isinstance(cause, ForbiddenError) else ""


def _embedded(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """The address that counts, and those that a gateway makes of it (mapped, 6to4, Teredo, NAT64)."""
    if isinstance(address, IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped  # the same place as the IPv4 address
        return
    yield address
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
