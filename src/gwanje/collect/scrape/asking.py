"""Asks a target for its page, within the time and size that its job allows."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from gwanje.collect.scrape.spec import Job
from gwanje.collect.scrape.target import Target
from gwanje.collect.words import in_words
from gwanje.config import Secret, format_duration
from gwanje.errors import Rejected, RetryLater
from gwanje.http import open_session, read_limited
from gwanje.wire.exposition.decode import ACCEPT

_CONNECTIONS: Final = 1000


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
            link_local=job.link_local,
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
            raise RetryLater(in_words(error)) from error

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
