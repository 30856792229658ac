"""One wheel for all tests of this room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging import wheels


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive and the wheel, built from a clean copy of the tree."""
    return wheels.build(wheels.copy_committed(tmp_path_factory.mktemp("tree")))


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found
