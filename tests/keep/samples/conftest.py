"""A store that is opened again and again on one folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from gwanje.keep.samples.local import LocalSamples, Settings, create
from gwanje.kinds import World


@pytest.fixture
async def reopen(tmp_path: Path) -> AsyncIterator[Callable[..., LocalSamples]]:
    """Opens the store of the test's folder, or of another; what is still open at the end is closed."""
    stores: list[LocalSamples] = []

    def opened(folder: Path = tmp_path, **settings: Any) -> LocalSamples:
        stores.append(create(Settings(**settings), World(folder)))
        return stores[-1]

    yield opened
    for store in stores:
        await store.close()
