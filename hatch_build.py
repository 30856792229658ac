"""The build hook: a wheel brings the page ready-made, so that nobody who installs it needs Node."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface[Any]):
    """Builds the page before a wheel is put together. Editable installs leave that to `make`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            _page(Path(self.root)).build(Path(self.root))


def _page(root: Path) -> Any:
    spec = importlib.util.spec_from_file_location("page", root / "scripts" / "page.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{root}/scripts/page.py is not there; the page cannot be built")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
