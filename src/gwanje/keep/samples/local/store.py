"""The store itself: log, head and blocks held together. Everything here is synchronous.

One thread appends, one sorts what came, one looks after the blocks, one syncs the log, any thread asks. What they share is the
`Memory`, and in it the `View`: frozen, replaced whole, so that a query sees every sample exactly once while a part of the head
becomes a block.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from gwanje import processors
from gwanje.keep.samples.local import at_hand
from gwanje.keep.samples.local.copying import copy
from gwanje.keep.samples.local.memory import Memory
from gwanje.keep.samples.local.opening import Opening
from gwanje.keep.samples.local.reading import Reader
from gwanje.keep.samples.local.shelf import Shelf
from gwanje.keep.samples.local.sweeping import Sweeper
from gwanje.keep.samples.local.upkeep import Upkeep, logged
from gwanje.keep.samples.local.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from gwanje.keep.samples.local import Settings


class Store:
    """Opens a folder, repairs a torn end of the log, and keeps samples until `close`. One process a folder."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Raise Damaged when a file does not hold what it should."""
        blocks_folder, log_folder = folder / "blocks", folder / "log"
        for part in (blocks_folder, log_folder):
            part.mkdir(parents=True, exist_ok=True)
        self._memory = Memory(settings)
        self._shelf = Shelf(self._memory, blocks_folder)
        opening = Opening(self._memory, self._shelf, log_folder)
        opening.blocks()
        self._log = opening.log()
        self._upkeep = Upkeep(self._memory, self._log, self._shelf)
        self._closing = threading.Event()
        reader = Reader(self._memory)
        self.append = Writer(self._memory, self._log, self._upkeep).append
        self.looking = self._memory.index.looking
        self.few_at_hand = partial(at_hand.few, reader.chosen)
        self.find_at_hand = partial(at_hand.find, self._memory, reader.chosen)
        self.fetch, self.find, self.series, self.newest = reader.fetch, reader.find, reader.series, reader.newest
        self.sweep = Sweeper(self._memory, reader.chosen.by).sweep
        self.write_block, self.compact = self._upkeep.write_block, self._upkeep.compact
        self._threads = [
            threading.Thread(target=run, daemon=True)
            for run in (self._keep_synced, self._keep_settled, self._upkeep.keep_house, self._upkeep.keep_compact)
        ]
        for thread in self._threads:
            thread.start()

    def synced(self, position: int) -> Future[None]:
        """Done when everything up to a position of the log has reached the disk."""
        return self._log.synced(position)

    def close(self) -> None:
        self._closing.set()
        self._upkeep.close()
        self._log.dirty.set()
        self._memory.crowded.set()
        for thread in self._threads:
            thread.join()
        self._log.close()

    def backup(self, to: Path) -> None:
        """Copy everything that was answered into a folder that is not there yet. Raises OSError."""
        copy(self._shelf, self._log, to)

    def own_samples(self) -> Mapping[str, float]:
        view = self._memory.view
        return {
            "gwanje_store_series": self._memory.index.count,
            "gwanje_store_active_series": self._memory.active,
            "gwanje_store_head_samples": view.head_rows,
            "gwanje_store_head_bytes": view.head_bytes + sum(run.nbytes for run in view.leaving),
            "gwanje_store_blocks": len(view.blocks),
            "gwanje_store_block_samples": sum(block.rows for block in view.blocks),
            "gwanje_store_block_bytes": sum(block.nbytes for block in view.blocks),
            "gwanje_store_waiting_blocks": self._upkeep.waiting,
            "gwanje_store_rollup_blocks": len(view.rollups),
            "gwanje_store_rollup_bytes": sum(block.nbytes for block in view.rollups),
            "gwanje_store_log_bytes": self._log.nbytes,
            "gwanje_store_log_unsynced_records": self._log.unsynced,
            **{
                f"gwanje_store_{what}_total": self._memory.totals[what]
                for what in (
                    "appended_samples",
                    "duplicate_samples",
                    "conflicting_samples",
                    "refused_samples",
                    "failed_blocks",
                    "merged_blocks",
                    "rolled_blocks",
                    "failed_compactions",
                    "held_back_batches",
                    "forgotten_series",
                )
            },
        }

    def _keep_synced(self) -> None:
        while not self._closing.is_set():
            self._log.dirty.wait()
            if self._memory.settings.fsync == "every second":
                self._closing.wait(0.5)
            problem = "the log could not be brought to the disk; a power cut may lose what was accepted since"
            if not logged(self._log.sync, problem):
                self._closing.wait(1)
                self._log.dirty.set()

    @processors.apart()
    def _keep_settled(self) -> None:
        while not self._closing.is_set():
            self._memory.crowded.wait()
            self._memory.crowded.clear()
            self._memory.settled()
