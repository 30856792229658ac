"""Targets that stand in files of their own, JSON or YAML, which others may write while gwanje runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import structlog
import yaml
from pydantic import Field

from gwanje import config, kinds
from gwanje.collect.discovery.base import Target, targets_of
from gwanje.errors import BadInput

log = structlog.get_logger(__name__)

_LARGEST: Final = 16 << 20

Version = tuple[int, int, int]


class Settings(config.Settings):
    """Targets from files, in Prometheus's form: a list of `{targets: [host:port], labels: {…}}`."""

    files: tuple[str, ...] = Field(min_length=1)
    """`*.json`, `*.yaml` or `*.yml` files, within the folder unless the path is absolute; `*` stands for any name."""

    refresh_interval: config.Duration = timedelta(seconds=5)
    """How often is looked whether a file changed."""


def create(settings: Settings, world: kinds.World) -> Files:
    return Files(settings, world.folder.resolve())


class Files:
    """Looks whether files came, changed or went. One that cannot be read keeps the targets it had."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._versions: dict[str, Version] = {}
        self._targets: dict[str, list[Target]] = {}
        self._troubles: dict[str, str] = {}

    @property
    def trouble(self) -> str:
        return "; ".join(self._troubles[name] for name in sorted(self._troubles))

    async def changes(self) -> AsyncIterator[Sequence[Target]]:
        first = True
        while True:
            changed = await asyncio.to_thread(self._look)
            if changed or first:
                yield [target for name in sorted(self._targets) for target in self._targets[name]]
            first = False
            await asyncio.sleep(self._settings.refresh_interval.total_seconds())

    def _look(self) -> bool:
        """Read what changed since the last look; says whether anything did."""
        there = self._there()
        gone = self._versions.keys() - there.keys()
        for name in gone:
            self._forget(name)
        changed = [name for name, version in there.items() if self._versions.get(name) != version]
        for name in changed:
            self._read(name)
            self._versions[name] = there[name]
        return bool(gone or changed)

    def _there(self) -> dict[str, Version]:
        found: dict[str, Version] = {}
        for pattern in self._settings.files:
            whole = self._folder / pattern  # which is `pattern` itself where that is absolute
            for path in Path(whole.anchor).glob(str(whole.relative_to(whole.anchor))):
                try:
                    state = path.stat()
                except OSError:
                    continue  # gone in between
                found[str(path)] = (state.st_mtime_ns, state.st_size, state.st_ino)
        return found

    def _read(self, name: str) -> None:
        try:
            self._targets[name] = targets_of(_parsed(Path(name)), where=name, more={"__meta_filepath": name})
        except BadInput as error:
            if self._troubles.get(name) != str(error):
                log.warning("cannot read targets; those known before stay", file=name, reason=str(error))
            self._troubles[name] = str(error)
        else:
            self._troubles.pop(name, None)

    def _forget(self, name: str) -> None:
        for known in (self._versions, self._targets, self._troubles):
            known.pop(name, None)


def _parsed(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST:
            raise BadInput(f"has more than {_LARGEST} bytes", where=str(path))
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text) or []
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise BadInput(f"cannot be read: {error}", where=str(path)) from error
