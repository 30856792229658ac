"""Targets that a web server names: Prometheus's HTTP service discovery."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import structlog
from pydantic import field_validator

from gwanje import config, kinds
from gwanje.collect.discovery.base import Target, targets_of
from gwanje.collect.words import in_words
from gwanje.errors import BadInput
from gwanje.http import read_limited, without_secrets

log = structlog.get_logger(__name__)

_LARGEST: Final = 16 << 20
_LONGEST: Final = timedelta(seconds=30)


class Settings(config.Settings):
    """Targets from a URL that answers, in JSON, a list of `{targets: [host:port], labels: {…}}`."""

    url: str
    """What to ask, `http://…` or `https://…`."""

    refresh_interval: config.Duration = timedelta(minutes=1)
    """How often it is asked."""

    bearer_token: config.Secret | None = None
    """A key to send as `Authorization: Bearer …`."""

    @field_validator("url")
    @classmethod
    def _is_a_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("is not a URL to ask; write http://host/path or https://host/path")
        return url


def create(settings: Settings, world: kinds.World) -> Http:
    return Http(settings, world.http)


class Http:
    """Asks again and again. While there is no good answer, the targets of the last one stay."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session
        self.trouble = ""

    async def changes(self) -> AsyncIterator[Sequence[Target]]:
        known: Sequence[Target] | None = None
        while True:
            found = await self._ask()
            if found is not None and found != known:
                known = found
                yield found
            await asyncio.sleep(self._settings.refresh_interval.total_seconds())

    async def _ask(self) -> list[Target] | None:
        """What it says now; None, with the reason in `trouble`, when that cannot be used."""
        shown = without_secrets(self._settings.url)
        try:
            found = targets_of(await self._answer(), where=shown, more={"__meta_url": shown})
        except (BadInput, aiohttp.ClientError, OSError, TimeoutError, ValueError, RecursionError) as error:
            reason = str(error) if isinstance(error, BadInput) else in_words(error)
            if reason != self.trouble:
                log.warning("cannot ask for targets; those known before stay", url=shown, reason=reason)
            self.trouble = reason
            return None
        self.trouble = ""
        return found

    async def _answer(self) -> object:
        interval = self._settings.refresh_interval
        headers = {"Accept": "application/json", "X-Prometheus-Refresh-Interval-Seconds": f"{interval.total_seconds():g}"}
        if self._settings.bearer_token:
            headers["Authorization"] = f"Bearer {self._settings.bearer_token.get_secret_value()}"
        timeout = aiohttp.ClientTimeout(total=min(interval, _LONGEST).total_seconds())
        async with self._session.get(self._settings.url, headers=headers, timeout=timeout) as response:
            if response.status != 200:
                raise BadInput(f"answered {response.status}")
            if response.content_type != "application/json":
                raise BadInput(f"answered with {response.content_type}, not application/json")
            return json.loads(await read_limited(response, _LARGEST))
