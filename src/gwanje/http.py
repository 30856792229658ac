"""The one HTTP client: who we say we are, how long we wait, how much we read, and what we never let out.

A session belongs to the loop it was made in, so a process asks `open_session` once inside its loop and hands the session
to kinds as `world.http`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import threading
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, Final, TypeVar
from urllib.parse import unquote_plus, urlsplit, urlunsplit

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from gwanje import __version__
from gwanje.errors import RetryLater, TooLarge
from gwanje.reach import Reach, Resolver

USER_AGENT: Final = f"gwanje/{__version__} (+https://github.com/gwanje/gwanje)"
"""Says who asks, so that whoever runs the other side can find us."""

_FOR_ANYBODY: Final = frozenset({"accept", "accept-encoding", "accept-language", "content-type", "user-agent"})
_CHUNK: Final = 64 * 1024
_ERROR_BYTES: Final = 64 * 1024
_SAID: Final = 300
_REFUSED: Final = frozenset({400, 409, 413, 415, 422})
_METADATA: Final = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "fd00:ec2::254")))
"""Addresses, other than link-local ones, under which clouds hand out keys."""


def open_session(
    *,
    timeout: timedelta = timedelta(seconds=30),
    connections: int = 100,
    per_host: int = 10,
    link_local: bool = False,
    reach: Reach | None = None,
) -> aiohttp.ClientSession:
    """A session for the running loop; whoever opens it closes it.

    It keeps no cookies, reads no proxy from the environment, follows redirects to HTTP(S) only and never from HTTPS to
    HTTP, and sends a kind's own headers only to the origin they were meant for. A request may set a shorter timeout.
    Link-local addresses, under which clouds hand out keys, are not connected to unless `link_local` says so. With `reach`
    nothing is connected to that it forbids, be it by an address, by a name, or by where one of them redirects to.
    """
    redirects = aiohttp.TraceConfig()
    redirects.on_request_redirect.append(_watch_redirect)
    factory = None if link_local else _socket_outside_clouds
    connector = aiohttp.TCPConnector(
        limit=connections,
        limit_per_host=per_host,
        socket_factory=factory if reach is None else partial(_socket_within, reach),
        resolver=None if reach is None else Resolver(reach),
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": USER_AGENT},
        timeout=aiohttp.ClientTimeout(total=timeout.total_seconds(), sock_connect=10),
        trace_configs=[redirects],
        trust_env=False,
    )


def _socket_outside_clouds(address: Any) -> socket.socket:
    """The socket for an address, also where a name or a redirect leads there; OSError for one that is not connected to."""
    family, kind, protocol, _, place = address
    found = ipaddress.ip_address(place[0].partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    if found.is_link_local or found in _METADATA:
        raise OSError(f"{place[0]} is link-local, where clouds hand out keys, and is asked only where `link_local` allows it")
    return socket.socket(family, kind, protocol)


def _socket_within(reach: Reach, address: Any) -> socket.socket:
    """The socket for an address within reach; asked for each one that is connected to, also without a name."""
    reach.check(address[4][0], [address[4][0]])
    return _socket_outside_clouds(address)


Found = TypeVar("Found")


class HttpHolder:
    """Makes the session when it is first asked for, inside a loop, for whoever is wired before the loop runs."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> aiohttp.ClientSession:
        """The one session; RuntimeError outside a running loop."""
        if self._session is None:
            self._session = open_session()
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class SessionThread:
    """A session in a loop and a thread of its own, for a kind that callers on several loops share.

    `hop` runs a coroutine there and waits for it here, in whichever loop here is.
    """

    def __init__(self, name: str, *, timeout: timedelta = timedelta(seconds=30)) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()
        self.session = asyncio.run_coroutine_threadsafe(_opened(timeout), self._loop).result()

    async def hop(self, work: Coroutine[Any, Any, Found]) -> Found:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a task there; it ends with `close`."""
        asyncio.run_coroutine_threadsafe(work, self._loop)

    async def close(self) -> None:
        """Ends what runs there, and the thread."""
        await self.hop(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self.session.close()


async def _opened(wait: timedelta) -> aiohttp.ClientSession:
    return open_session(timeout=wait)


async def _watch_redirect(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, redirect: aiohttp.TraceRequestRedirectParams
) -> None:
    """Refuse a step down to HTTP; take a kind's headers off before they reach another origin."""
    location = redirect.response.headers.get("Location")
    with suppress(ValueError):  # what is no URL is refused by aiohttp right after this
        here = redirect.response.url
        there = here.join(URL(location)) if location else here
        if here.scheme == "https" and there.scheme == "http":
            redirect.response.close()
            raise aiohttp.NonHttpUrlRedirectClientError(there, "redirects from HTTPS to HTTP, which is not followed")
        if there.scheme in {"http", "https"} and there.origin() != here.origin():
            _keep_for_anybody(redirect.headers)


def _keep_for_anybody(headers: CIMultiDict[str]) -> None:
    # These are the very headers of the next request: what is taken off here is not sent.
    for name in [name for name in headers if name.lower() not in _FOR_ANYBODY]:
        headers.popall(name, None)


async def read_limited(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, decompressed, when it has at most `limit` bytes; TooLarge otherwise, with the connection closed.

    Reading stops at the limit, whatever the header promised and however well the body was compressed.
    """
    declared = response.content_length
    if declared is not None and declared > limit:
        _refuse(response, limit)
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(_CHUNK):
        size += len(part)
        if size > limit:
            _refuse(response, limit)
        parts.append(part)
    return b"".join(parts)


def _refuse(response: aiohttp.ClientResponse, limit: int) -> None:
    response.close()
    raise TooLarge(f"the answer has more than {limit:,} bytes, the limit that is set for it")


async def post_body(
    session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str], *, never: Sequence[str] = ()
) -> str:
    """POST a body of samples or events: empty when it was taken, else why it never will be.

    Raises RetryLater when the other side cannot take it now. `never` are words by which it says, in whatever status, that
    trying again does not help.
    """
    there = without_secrets(url)
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            if answer.ok and answer.status < HTTPStatus.MULTIPLE_CHOICES:
                return ""
            said = (await read_limited(answer, _ERROR_BYTES)).decode(errors="replace").strip()[:_SAID]
            status, after = answer.status, pause_asked(answer.headers.get("Retry-After"), datetime.now(UTC))
    except (aiohttp.ClientError, TimeoutError, TooLarge) as error:
        raise RetryLater(f"{there} does not answer ({type(error).__name__}); is it running?") from error
    if status in _REFUSED or any(words in said for words in never):
        return f"{there} refused it with {status}: {said}"
    raise RetryLater(f"{there} answered {status}: {said}", after=after, status=status)


def pause_asked(header: str | None, now: datetime) -> timedelta | None:
    """What `Retry-After` asks for, in seconds or as a date; what is neither is as if it were not there. At most a day."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text), 86_400))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((at if at.tzinfo else at.replace(tzinfo=UTC)) - now, timedelta())


# --- URLs that people may see --------------------------------------------------------------------------------------------

_SECRET_NAME: Final = re.compile(
    r"(?i)(?:^|.*[_\-.])key$|.*(?:apikey|authkey|accesskey|servicekey|secret|token|passw|credential|signature)|^(?:auth|pwd|pass|sig|code)$"
)


def without_secrets(url: str) -> str:
    """The URL as people may see it: no user and password, no fragment, `***` in place of keys and tokens."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    user, at, host = parts.netloc.rpartition("@")
    netloc = f"***@{host}" if at and user else host
    return urlunsplit((parts.scheme, netloc, parts.path, _masked(parts.query), ""))


def _masked(query: str) -> str:
    return "&".join(_masked_pair(pair) for pair in query.split("&")) if query else ""


def _masked_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    return f"{name}=***" if equals and value and _SECRET_NAME.match(unquote_plus(name)) else pair


# --- text ----------------------------------------------------------------------------------------------------------------

_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:\-]+)", re.IGNORECASE)
_DECLARED: Final = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:\-]+)", re.IGNORECASE)
_HEAD: Final = 4096
# Korean pages that say EUC-KR are written on machines that use its superset, CP949.
_KOREAN: Final = frozenset(
    {"euc-kr", "euc_kr", "euckr", "ks_c_5601-1987", "ks_c_5601", "ksc5601", "korean", "windows-949", "ms949", "uhc"}
)


def text_of(body: bytes, content_type: str = "") -> str:
    """The body as text: by byte order mark, header, meta or XML declaration, then UTF-8, then CP949, whichever fits first."""
    encodings = [*_by_mark(body), *_by_header(content_type), *_by_document(body), "utf-8", "cp949"]
    for encoding in encodings:
        with suppress(UnicodeDecodeError, LookupError):
            return body.decode(encoding)
    return body.decode("utf-8", errors="replace")


def is_text(content_type: str) -> bool:
    """Whether a body of this type is for reading: text, JSON, XML, scripts, and what names no type."""
    kind = content_type.partition(";")[0].strip().lower()
    return not kind or kind.startswith("text/") or re.search(r"[/+.\-](?:json|xml|javascript|ndjson|yaml|csv)$", kind) is not None


def _by_mark(body: bytes) -> list[str]:
    if body.startswith(b"\xef\xbb\xbf"):
        return ["utf-8-sig"]
    return ["utf-16"] if body.startswith((b"\xff\xfe", b"\xfe\xff")) else []


def _by_header(content_type: str) -> list[str]:
    return [_codec(name) for name in _CHARSET.findall(content_type)[:1]]


def _by_document(body: bytes) -> list[str]:
    return [_codec(name.decode("ascii", errors="replace")) for name in _DECLARED.findall(body[:_HEAD])[:1]]


def _codec(name: str) -> str:
    return "cp949" if name.lower() in _KOREAN else name
