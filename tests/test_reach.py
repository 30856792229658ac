"""Addresses of the page: the public internet, what the configuration allows, and nothing behind a name or a redirect."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from gwanje.http import open_session
from gwanje.reach import ForbiddenError, Reach, Resolver, forbidden

LOOPBACK = Reach((ipaddress.ip_network("127.0.0.0/8"),))


@pytest.mark.parametrize(
    ("address", "lets"),
    [
        pytest.param("8.8.8.8", True, id="public"),
        pytest.param("2001:4860:4860::8888", True, id="public, by IPv6"),
        pytest.param("127.0.0.1", False, id="loopback"),
        pytest.param("10.0.0.1", False, id="private"),
        pytest.param("100.64.1.1", False, id="of a carrier, where one cloud hands out keys"),
        pytest.param("169.254.169.254", False, id="link-local, where clouds hand out keys"),
        pytest.param("0.0.0.0", False, id="any, which is this machine"),  # noqa: S104 - nothing is bound
        pytest.param("224.0.0.1", False, id="many at once"),
        pytest.param("::1", False, id="loopback, by IPv6"),
        pytest.param("fd00::1", False, id="private, by IPv6"),
        pytest.param("fe80::1%eth0", False, id="link-local, by IPv6"),
        pytest.param("::ffff:10.0.0.1", False, id="private, mapped"),
        pytest.param("2002:0a00:0001::", False, id="private, in 6to4"),
        pytest.param("64:ff9b::a00:1", False, id="private, behind NAT64"),
        pytest.param("64:ff9b::808:808", True, id="public, behind NAT64"),
    ],
)
def test_what_an_address_is_decides(address: str, lets: bool) -> None:  # noqa: FBT001 - a column of the table
    assert Reach().lets(address) is lets


def test_a_network_that_is_allowed_is_let_also_mapped() -> None:
    reach = Reach((ipaddress.ip_network("10.0.0.0/8"),))
    assert [reach.lets(one) for one in ("10.1.2.3", "::ffff:10.1.2.3", "192.168.0.1")] == [True, True, False]


def test_one_bad_address_of_a_name_is_enough() -> None:
    with pytest.raises(ForbiddenError, match=r"hook\.example is 10\.0\.0\.1, which is no public address"):
        Reach().check("hook.example", ["8.8.8.8", "10.0.0.1"])


async def test_a_name_is_looked_at_before_any_of_its_addresses_is_connected_to() -> None:
    resolver = Resolver(Reach())
    with pytest.raises(ForbiddenError, match="localhost is "):
        await resolver.resolve("localhost", 80)
    assert [one["host"] for one in await Resolver(LOOPBACK).resolve("localhost", 80)] == ["127.0.0.1"]
    await resolver.close()


@pytest.fixture
async def inside() -> AsyncIterator[BaseTestServer]:
    """A server on loopback, which also sends on to another address of loopback."""
    app = web.Application()
    app.router.add_get("/", _ok)
    app.router.add_get("/away", _away)
    async with TestServer(app) as server:
        yield server


async def _ok(_request: web.Request) -> web.Response:
    return web.Response(text="inside")


async def _away(request: web.Request) -> web.Response:
    raise web.HTTPFound(f"http://127.0.0.2:{request.url.port}/")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_neither_an_address_nor_a_name_leads_inside(inside: BaseTestServer, host: str) -> None:
    async with open_session(reach=Reach()) as session:
        with pytest.raises(aiohttp.ClientError) as raised:
            await session.get(f"http://{host}:{inside.port}/")
    assert "no public address; allow its network in `page_reaches`" in forbidden(raised.value)


async def test_what_is_allowed_is_reached_and_a_redirect_from_there_is_looked_at_again(inside: BaseTestServer) -> None:
    async with open_session(reach=LOOPBACK) as session, session.get(inside.make_url("/")) as answer:
        assert await answer.text() == "inside"
    one = Reach((ipaddress.ip_network("127.0.0.1/32"),))
    async with open_session(reach=one, timeout=timedelta(seconds=5)) as session:
        with pytest.raises(aiohttp.ClientError) as raised:
            await session.get(inside.make_url("/away"))
    assert forbidden(raised.value).startswith("127.0.0.2 is no public address")


async def test_a_socket_for_who_speaks_no_http_is_checked_too(inside: BaseTestServer) -> None:
    assert inside.port is not None
    with pytest.raises(ForbiddenError):
        await Reach().connected("localhost", inside.port)
    connection = await LOOPBACK.connected("127.0.0.1", inside.port)
    assert connection.getpeername() == ("127.0.0.1", inside.port)
    connection.close()


async def test_another_failure_to_connect_is_none_of_reachs(unused_tcp_port: int) -> None:
    async with open_session(reach=LOOPBACK) as session:
        with pytest.raises(aiohttp.ClientError) as raised:
            await session.get(f"http://127.0.0.1:{unused_tcp_port}/")
    assert forbidden(raised.value) == ""
    assert isinstance(raised.value, aiohttp.ClientConnectorError)
    assert not isinstance(raised.value.os_error, socket.gaierror)
