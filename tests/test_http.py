"""What the one HTTP client lets in, and what it never lets out."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from gwanje import __version__
from gwanje.errors import TooLarge
from gwanje.http import HttpHolder, is_text, open_session, read_limited, text_of, without_secrets
from gwanje.testing.web import Behaviour, WebServer


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as session:
        yield session


@pytest_asyncio.fixture
async def site() -> AsyncIterator[WebServer]:
    async with WebServer() as site:
        yield site


async def test_it_says_who_asks(session: aiohttp.ClientSession, site: WebServer) -> None:
    async with session.get(site.url):
        pass
    assert site.requests[0].headers["User-Agent"] == f"gwanje/{__version__} (+https://github.com/gwanje/gwanje)"


async def test_it_keeps_no_cookies(session: aiohttp.ClientSession, site: WebServer) -> None:
    site.behaviour = Behaviour(headers={"Set-Cookie": "id=1"})
    by_name = site.url.replace("127.0.0.1", "localhost")  # a cookie jar would keep none for an address
    for _ in range(2):
        async with session.get(by_name):
            pass
    assert "Cookie" not in site.requests[1].headers


async def test_it_uses_no_proxy_of_the_environment(
    session: aiohttp.ClientSession, site: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with session.get(site.url) as response:
        assert response.status == 200


async def test_a_kinds_headers_do_not_follow_a_redirect_to_another_origin(
    session: aiohttp.ClientSession, site: WebServer
) -> None:
    async with WebServer() as other:
        site.behaviour = Behaviour(status=302, headers={"Location": f"{other.url}/there"})
        async with session.get(site.url, headers={"X-Api-Key": "hidden", "Authorization": "hidden", "Accept": "a/b"}) as response:
            assert response.status == 200
        assert site.requests[0].headers["X-Api-Key"] == "hidden"
        headers = other.requests[0].headers
    assert "hidden" not in headers.values()
    assert headers["Accept"] == "a/b"
    assert headers["User-Agent"].startswith("gwanje/")


async def test_they_follow_a_redirect_within_the_origin(session: aiohttp.ClientSession, site: WebServer) -> None:
    site.behaviour = Behaviour(status=200, fail_every=2, fail_status=302, headers={"Location": "/there"})
    async with session.get(site.url):
        pass
    async with session.get(site.url, headers={"X-Api-Key": "mine"}):
        pass
    assert [(request.path, request.headers.get("X-Api-Key")) for request in site.requests] == [
        ("/", None),
        ("/", "mine"),
        ("/there", "mine"),
    ]


async def test_it_does_not_leave_http(session: aiohttp.ClientSession, site: WebServer) -> None:
    site.behaviour = Behaviour(status=302, headers={"Location": "file:///etc/passwd"})
    with pytest.raises(aiohttp.NonHttpUrlRedirectClientError):
        await session.get(site.url)


def without_certificates(protocol: int) -> ssl.SSLContext:
    """TLS between two who do not ask each other's name, so that no certificate has to lie about."""
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("aNULL:@SECLEVEL=0")
    return context


async def test_it_does_not_step_down_from_https(session: aiohttp.ClientSession, site: WebServer) -> None:
    async def redirect(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(f"{site.url}/plain")

    application = web.Application()
    application.router.add_get("/", redirect)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=without_certificates(ssl.PROTOCOL_TLS_SERVER)).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}/"
    with pytest.raises(aiohttp.NonHttpUrlRedirectClientError, match="from HTTPS to HTTP"):
        await session.get(url, ssl=without_certificates(ssl.PROTOCOL_TLS_CLIENT))
    await runner.cleanup()
    assert site.requests == []


async def test_a_body_within_the_limit_is_read_whole(session: aiohttp.ClientSession, site: WebServer) -> None:
    site.raw_body = b"x" * 200_000
    async with session.get(site.url) as response:
        assert await read_limited(response, 200_000) == site.raw_body


async def test_a_body_over_the_limit_is_refused(session: aiohttp.ClientSession, site: WebServer) -> None:
    site.raw_body = b"x" * 200_001
    async with session.get(site.url) as response:
        with pytest.raises(TooLarge, match="200,000 bytes"):
            await read_limited(response, 200_000)


async def test_a_small_body_that_unpacks_to_a_large_one_is_refused_on_the_way(
    session: aiohttp.ClientSession, site: WebServer
) -> None:
    site.raw_body = gzip.compress(bytes(50_000_000))
    site.behaviour = Behaviour(headers={"Content-Encoding": "gzip"})
    async with session.get(site.url) as response:
        assert (response.content_length or 0) < 100_000
        with pytest.raises(TooLarge):
            await read_limited(response, 100_000)
        assert response.content.total_bytes < 2_000_000, "most of it is never unpacked"


async def test_an_endless_body_is_refused_on_the_way(session: aiohttp.ClientSession) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 10_000)

    application = web.Application()
    application.router.add_get("/", endless)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with session.get(f"http://127.0.0.1:{runner.addresses[0][1]}/") as response:
        with pytest.raises(TooLarge):
            await read_limited(response, 50_000)
    await runner.cleanup()


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "100.100.100.200", "[fd00:ec2::254]"]
)
async def test_addresses_where_clouds_hand_out_keys_are_not_asked(session: aiohttp.ClientSession, host: str) -> None:
    with pytest.raises(aiohttp.ClientConnectorError) as refused:
        await session.get(f"http://{host}/latest/meta-data/")
    assert "is link-local" in str(refused.value.os_error)


async def test_the_holder_makes_one_session_and_closes_it() -> None:
    holder = HttpHolder()
    session = holder.session()
    assert holder.session() is session
    await holder.close()
    assert session.closed


async def test_a_holder_that_was_never_asked_has_nothing_to_close() -> None:
    await HttpHolder().close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/path?page=2", "https://host/path?page=2"),
        ("https://me:secret@host:81/", "https://***@host:81/"),
        ("https://host/?api_key=s&page=2", "https://host/?api_key=***&page=2"),
        ("https://host/?serviceKey=a%2Fb&numOfRows=1", "https://host/?serviceKey=***&numOfRows=1"),
        ("https://host/?q=1&access_token=s", "https://host/?q=1&access_token=***"),
        ("https://host/?key=s", "https://host/?key=***"),
        ("https://host/?client%5Fsecret=s", "https://host/?client%5Fsecret=***"),
        ("https://host/?PASSWORD=s", "https://host/?PASSWORD=***"),
        ("https://host/?keyword=news&monkey=1&token=", "https://host/?keyword=news&monkey=1&token="),
        ("https://host/#access_token=s", "https://host/"),
        ("http://[::1", "***"),
    ],
)
def test_urls_are_shown_without_secrets(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        pytest.param("웹".encode(), "", "웹", id="UTF-8 without a word about it"),
        pytest.param("웹".encode("cp949"), "", "웹", id="CP949 without a word about it"),
        pytest.param("웹".encode("euc-kr"), "text/html; charset=EUC-KR", "웹", id="EUC-KR by header"),
        pytest.param("똠방각하".encode("cp949"), "text/html; charset=euc-kr", "똠방각하", id="says EUC-KR, is CP949"),
        pytest.param("똠".encode("cp949"), 'text/html; charset="ks_c_5601-1987"', "똠", id="its old name"),
        pytest.param('<meta charset="euc-kr">웹'.encode("cp949"), "text/html", '<meta charset="euc-kr">웹', id="by meta"),
        pytest.param(
            '<?xml version="1.0" encoding="EUC-KR"?>웹'.encode("cp949"),
            "text/xml",
            '<?xml version="1.0" encoding="EUC-KR"?>웹',
            id="by XML",
        ),
        pytest.param("웹".encode("cp949"), "text/html; charset=utf-8", "웹", id="the header is wrong"),
        pytest.param("웹".encode(), "text/html; charset=klingon", "웹", id="the header names no encoding"),
        pytest.param(
            "웹".encode("utf-8-sig"), "text/plain; charset=euc-kr", "웹", id="a byte order mark says more than the header"
        ),
        pytest.param("웹".encode("utf-16"), "", "웹", id="UTF-16"),
        pytest.param("é".encode("latin-1"), "text/plain; charset=iso-8859-1", "é", id="others by header"),
        pytest.param(b"a\xff\xff", "", "a\ufffd\ufffd", id="nothing fits"),
        pytest.param(b"", "", "", id="nothing there"),
    ],
)
def test_text_is_read_by_whatever_fits_first(body: bytes, content_type: str, text: str) -> None:
    assert text_of(body, content_type) == text


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("text/html; charset=utf-8", True),
        ("application/json", True),
        ("application/ld+json", True),
        ("application/rss+xml", True),
        ("", True),
        ("image/png", False),
        ("application/octet-stream", False),
        ("application/zip", False),
    ],
)
def test_which_types_are_text(content_type: str, *, text: bool) -> None:
    assert is_text(content_type) is text
