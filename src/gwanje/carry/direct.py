"""Transport within one process: straight to the stores, whose logs are the durable point."""

from __future__ import annotations

from gwanje import config, kinds
from gwanje.carry.ingest import Ingest
from gwanje.model import Batch


class Settings(config.Settings):
    """Straight to the stores of the same process. Nothing to set."""


def create(settings: Settings, world: kinds.World) -> Direct:
    return Direct(world.ingest)


class Direct:
    """Hands every batch to the stores and returns when they have it."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest

    async def send(self, batch: Batch) -> None:
        await self._ingest.accept(batch)

    async def close(self) -> None:
        """Nothing is held here."""
