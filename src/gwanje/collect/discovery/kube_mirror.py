"""A copy of a list of objects of a Kubernetes API, kept up to date: listed in pages, then watched; listed again where that fails.

How: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import structlog

from gwanje.collect.discovery.kube_access import Access
from gwanje.collect.words import in_words
from gwanje.errors import BadInput
from gwanje.http import read_limited

log = structlog.get_logger(__name__)

_PAGE: Final = 500
_LARGEST_PAGE: Final = 64 << 20
_LONGEST_LINE: Final = 8 << 20
_WATCHED_SECONDS: Final = 300
_LIST_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)
_WATCH_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=_WATCHED_SECONDS + 60)
_GONE: Final = 410


_UNUSABLE: Final = (
    BadInput,
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)
"""No answer, or one that is none of a Kubernetes API."""


class GoneError(Exception):
    """The API does not remember what happened since the version that was asked for: everything is listed again."""


@dataclass(frozen=True, slots=True)
class Api:
    """A Kubernetes API that can be asked. Its token's file is read for each request: tokens are exchanged while a pod runs."""

    session: aiohttp.ClientSession
    access: Access
    tls: ssl.SSLContext | bool = True

    async def get(self, path: str, asked: Mapping[str, str], timeout: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:  # noqa: ASYNC109 -- aiohttp's own, which is for a connection and each read, too
        """Ask. Raises OSError or ValueError for a file that cannot be read, and what aiohttp raises."""
        file, token = self.access.token_file, self.access.token
        if file:
            token = (await asyncio.to_thread(Path(file).read_text, "utf-8")).strip()
        return await self.session.get(
            self.access.server + path,
            params=asked,
            headers={"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})},
            ssl=self.tls,
            server_hostname=self.access.server_name or None,
            timeout=timeout,
            allow_redirects=False,
        )


@dataclass(slots=True, eq=False)
class Mirror:
    """The objects at one path, by namespace and name.

    `run` goes on until cancellation and calls `changed` after each change. While the API cannot be asked, the objects of before
    stay, and `trouble` says why.
    """

    api: Api
    path: str
    """As `/api/v1/pods`."""
    selectors: Mapping[str, str]
    """`labelSelector` and `fieldSelector`, where they are set."""
    pause: timedelta
    """How long to wait before asking again after a failure."""
    changed: Callable[[], None]
    objects: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    listed: bool = False
    trouble: str = ""

    async def run(self) -> None:
        while True:
            try:
                version = await self._list()
                self.trouble = ""
                while True:
                    version = await self._watch(version)
            except GoneError:
                log.debug("listing again", path=self.path)
            except _UNUSABLE as error:
                self._note(str(error) if isinstance(error, BadInput) else in_words(error))
            await asyncio.sleep(self.pause.total_seconds())

    async def _list(self) -> str:
        """Read everything, page by page; gives the version that it is of."""
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        more = ""
        while True:
            asked = {**self.selectors, "limit": str(_PAGE), **({"continue": more} if more else {})}
            async with await self.api.get(self.path, asked, _LIST_TIMEOUT) as response:
                _check(response.status, self.path)
                page = json.loads(await read_limited(response, _LARGEST_PAGE))
            for one in page.get("items") or ():
                found[_name(one)] = _slim(one)
            more = page["metadata"].get("continue") or ""
            if not more:
                break
        changed = not self.listed or found != self.objects
        self.objects, self.listed = found, True
        if changed:
            self.changed()
        version: str = page["metadata"]["resourceVersion"]
        return version

    async def _watch(self, version: str) -> str:
        """Follow the changes since a version until the API ends the answer, as it does every few minutes; gives the newest."""
        asked = {
            **self.selectors,
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCHED_SECONDS),
        }
        async with await self.api.get(self.path, asked, _WATCH_TIMEOUT) as response:
            _check(response.status, self.path)
            async for line in _lines(response.content):
                event = json.loads(line)
                version = self._take(event["type"], event["object"])
        return version

    def _take(self, sort: str, one: Mapping[str, Any]) -> str:
        """Make one change; gives the version it is of. Raises GoneError and BadInput for what the API says of itself."""
        if sort == "ERROR":
            if one.get("code") == _GONE:
                raise GoneError
            raise BadInput(f"{self.path}: {one.get('message') or 'the watch failed'}")
        version: str = one["metadata"]["resourceVersion"]
        if sort == "BOOKMARK":
            return version
        name, before = _name(one), None
        if sort == "DELETED":
            before = self.objects.pop(name, None)
            changed = before is not None
        else:
            changed = self.objects.get(name) != (now := _slim(one))
            self.objects[name] = now
        if changed:
            self.changed()
        return version

    def _note(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning("cannot ask Kubernetes for targets; those known before stay", path=self.path, reason=trouble)
        self.trouble = trouble


def _check(status: int, path: str) -> None:
    if status == _GONE:
        raise GoneError
    if status in {401, 403}:
        raise BadInput(f"{path} answered {status}: this account may not list and watch there; give it a role that may")
    if status != 200:
        raise BadInput(f"{path} answered {status}")


def _name(one: Mapping[str, Any]) -> tuple[str, str]:
    metadata = one["metadata"]
    return metadata.get("namespace") or "", metadata["name"]


def _slim(one: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without what changes all the time or is of no use here."""
    metadata = {key: value for key, value in one["metadata"].items() if key not in {"managedFields", "resourceVersion"}}
    return {**one, "metadata": metadata}


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The lines of an answer, each as soon as it is whole. Raises BadInput for one that is too long."""
    held = bytearray()
    async for chunk in content.iter_any():
        held += chunk
        *whole, rest = held.split(b"\n")
        held = bytearray(rest)
        if len(held) > _LONGEST_LINE:
            raise BadInput(f"an object has more than {_LONGEST_LINE} bytes")
        for line in whole:
            if line.strip():
                yield bytes(line)
