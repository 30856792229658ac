"""Targets of the configuration."""

from __future__ import annotations

from pathlib import Path

from gwanje.collect.discovery.static import Settings, create
from gwanje.kinds import World


async def test_it_says_once_what_stands_in_the_configuration(tmp_path: Path) -> None:
    changes = create(Settings(targets=("a:1", "b:1"), labels={"rack": "7"}), World(tmp_path)).changes()
    assert await anext(changes) == [{"__address__": "a:1", "rack": "7"}, {"__address__": "b:1", "rack": "7"}]
