"""Asks a target for its page, within the time and size that its job allows."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from gwanje.collect.scrape.spec import Job
from gwanje.collect.scrape.target import Target
from gwanje.config import Secret, format_duration
from gwanje.errors import Rejected, RetryLater
from gwanje.http import open_session, read_limited
from gwanje.wire.exposition.decode import ACCEPT

_CONNECTIONS: Final = 1000
_METADATA: Final = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "fd00:ec2::254")))
"""Addresses, other than link-local ones, under which clouds hand out keys."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A page as it came."""

    body: bytes
    openmetrics: bool


class Asker:
    """Asks the targets of one job. Made inside the loop, closed by whoever made it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._session = open_session(
            connections=_CONNECTIONS,
            per_host=_CONNECTIONS,
            socket_factory=None if job.link_local else _socket_outside_clouds,
        )
        self._tls: ssl.SSLContext | bool | None = None

    async def close(self) -> None:
        await self._session.close()

    async def ask(self, target: Target) -> Answer:
        """The page. Raises RetryLater or Rejected with why there is none, TooLarge for one over `body_bytes`."""
        seconds = target.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                return await self._page(target, seconds)
        except TimeoutError as error:
            raise RetryLater(f"no page within {format_duration(target.timeout)}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise RetryLater(_sentence(error)) from error

    async def _page(self, target: Target, seconds: float) -> Answer:
        headers = {"Accept": ACCEPT, "X-Prometheus-Scrape-Timeout-Seconds": f"{seconds:g}"}
        if who := await _authorization(self._job):
            headers["Authorization"] = who
        if self._tls is None:
            self._tls = await asyncio.to_thread(_tls, self._job)
        async with self._session.get(
            target.url,
            headers=headers,
            ssl=self._tls,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=seconds),
            server_hostname=self._job.tls.server_name or None,
            allow_redirects=self._job.follow_redirects,
        ) as response:
            if response.status != 200:
                raise Rejected(f"answered {response.status} {response.reason or ''}".strip(), status=response.status)
            body = await read_limited(response, self._job.body_bytes)
            return Answer(body, openmetrics=response.content_type == "application/openmetrics-text")


async def _authorization(job: Job) -> str:
    """What the header says; empty where there is nothing to say. Raises OSError or ValueError for a file that cannot be read."""
    if job.basic_auth:
        password = await _secret(job.basic_auth.password, job.basic_auth.password_file)
        return aiohttp.encode_basic_auth(job.basic_auth.username, password)
    kind, key, file = "Bearer", job.bearer_token, ""
    if job.authorization:
        kind, key, file = job.authorization.type, job.authorization.credentials, job.authorization.credentials_file
    secret = await _secret(key, file)
    return f"{kind} {secret}" if secret else ""


async def _secret(written: Secret | None, file: str) -> str:
    if file:
        return (await asyncio.to_thread(Path(file).read_text, "utf-8")).strip()
    return written.get_secret_value() if written else ""


def _tls(job: Job) -> ssl.SSLContext | bool:
    """How certificates are checked. Raises OSError or ValueError (ssl's own among them) for files that cannot be used."""
    settings = job.tls
    if not (settings.ca_file or settings.cert_file or settings.insecure_skip_verify):
        return True
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file or None)
    if settings.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _Forbidden(OSError):
    """An address that is not connected to, also where a name or a redirect leads there."""


def _socket_outside_clouds(address: Any) -> socket.socket:
    family, kind, protocol, _, place = address
    found = ipaddress.ip_address(place[0].partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    if found.is_link_local or found in _METADATA:
        raise _Forbidden(f"{place[0]} is link-local, where clouds hand out keys; set `link_local: true` to scrape it")
    return socket.socket(family, kind, protocol)


def _sentence(error: Exception) -> str:
    """What went wrong, in words that hold no key."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            text = f"the name {error.host} was not found"
        case aiohttp.ClientConnectorCertificateError():
            text = f"the certificate of {error.host} is not trusted: {error.certificate_error}"
        case aiohttp.ClientConnectorError():
            text = f"cannot connect to {error.host}:{error.port}: {error.strerror or error.os_error}"
        case aiohttp.RedirectClientError():
            text = "redirects to a place that is not followed: only HTTP(S), and never from HTTPS to HTTP"
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError():
            text = "the connection was dropped before the page was whole"
        case aiohttp.InvalidURL():
            text = "the URL cannot be asked"
        case OSError() if error.filename:
            text = f"cannot read {error.filename}: {error.strerror}"
        case OSError():
            text = f"the connection broke: {error.strerror or error}"
        case _:
            text = f"no answer that can be read ({type(error).__name__})"
    return text
