"""Targets that stand in the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from pydantic import Field

from gwanje import config, kinds
from gwanje.collect.discovery.base import ADDRESS, Target, Text


class Settings(config.Settings):
    """Targets that stand in the configuration."""

    targets: tuple[str, ...] = ()
    """Where they listen, each as `host:port`."""

    labels: Mapping[str, Text] = Field(default_factory=dict)
    """Labels for every series of these targets."""


def create(settings: Settings, world: kinds.World) -> Static:
    return Static(settings)


class Static:
    """Says once what there is."""

    trouble = ""

    def __init__(self, settings: Settings) -> None:
        self._targets: Sequence[Target] = [{**settings.labels, ADDRESS: address} for address in settings.targets]

    async def changes(self) -> AsyncIterator[Sequence[Target]]:
        yield self._targets
        await asyncio.Event().wait()  # nothing changes here
