"""Transport over HTTP: samples as Prometheus remote write, events as JSON lines, to a gwanje elsewhere.

Samples alone go to any store that takes remote write. While the other side is away, batches wait on the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from pydantic import Field, field_validator

from gwanje import config, kinds
from gwanje.carry.spool import Spool
from gwanje.errors import Rejected
from gwanje.http import SessionThread, post_body
from gwanje.model import Batch, BatchOf
from gwanje.wire.remote_write.encode import HEADERS

_PATHS: Final = {BatchOf.SAMPLES: "/api/v1/write", BatchOf.EVENTS: "/api/v1/events"}
_HEADERS: Final[Mapping[BatchOf, Mapping[str, str]]] = {
    BatchOf.SAMPLES: HEADERS,
    BatchOf.EVENTS: {"Content-Type": "application/x-ndjson"},
}


class Settings(config.Settings):
    """To a gwanje elsewhere, over HTTP; what cannot be sent now waits on the disk."""

    url: str
    """Where it is: `https://gwanje.example.org`."""
    key: config.Secret | None = None
    """The key it knows us by, made there with `gwanje key create --scope ingest`."""
    timeout: config.Duration = timedelta(seconds=10)
    """How long one request may take."""
    spool: str = "spool"
    """Folder in which batches wait, inside the data folder unless the path is absolute."""
    spool_bytes: int = Field(default=1 << 30, ge=1 << 20)
    """So many bytes wait at most; beyond, the oldest go first and are counted."""

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is not an address; write https://host")
        return url.rstrip("/")


def create(settings: Settings, world: kinds.World) -> Http:
    return Http(settings, world.folder)


class Http:
    """Answers when a batch is on the disk; a thread of its own sends it."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self.spool = Spool(folder / settings.spool, settings.spool_bytes)
        self._there = SessionThread("transport", timeout=settings.timeout)
        self._there.start(self.spool.forward(self._post))

    async def send(self, batch: Batch) -> None:
        await asyncio.to_thread(self.spool.put, batch)

    def own_samples(self) -> Mapping[str, float]:
        return self.spool.own_samples()

    async def close(self) -> None:
        """What is not sent yet stays on the disk for the next start."""
        await self._there.close()

    async def _post(self, batch: Batch) -> None:
        headers = dict(_HEADERS[batch.of])
        if self._settings.key is not None:
            headers["Authorization"] = f"Bearer {self._settings.key.get_secret_value()}"
        problem = await post_body(self._there.session, self._settings.url + _PATHS[batch.of], batch.body, headers)
        if problem:
            raise Rejected(problem)
