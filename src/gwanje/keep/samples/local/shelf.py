"""The shelf: which generations of blocks stand, on the disk and in the view that queries read, changed together."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from gwanje.keep.samples.local import blocks, generations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gwanje.keep.samples.local.blocks import Block
    from gwanje.keep.samples.local.facts import Stretches
    from gwanje.keep.samples.local.generations import Generation, Name
    from gwanje.keep.samples.local.memory import Memory
    from gwanje.keep.samples.local.runs import Ids


class Shelf:
    """Puts generations up and takes them down. Used by the threads of the upkeep; a backup holds `standing_still`."""

    def __init__(self, memory: Memory, folder: Path) -> None:
        self._memory = memory
        self.folder = folder
        self.standing_still = threading.RLock()
        """While it is held no generation comes or goes, and no segment of the log that one covers."""
        self._held: dict[Name, tuple[Block, ...]] = {}
        self._leftover: list[Name] = []

    @property
    def generations(self) -> list[tuple[Name, tuple[Block, ...]]]:
        """Oldest first."""
        return sorted(self._held.items(), key=lambda item: item[0])

    @property
    def covered(self) -> int:
        """The last segment of the log whose samples stand in a block."""
        return max((name.number for name in self._held), default=0)

    def put(self, name: Name, opened: Sequence[Block], instead_of: Sequence[Name] = (), *, left: bool = False) -> None:
        """Show blocks to queries, in place of others, in one step; with `left` also in place of the head that leaves."""
        with self.standing_still, self._memory.lock:
            for old in instead_of:
                del self._held[old]
            if opened or not instead_of:
                self._held[name] = tuple(opened)
            self._show(left=left)

    def make(
        self, name: Name, fill: Callable[[Path], Sequence[Ids | Block]], instead_of: Sequence[Name] = (), *, left: bool = False
    ) -> None:
        """Write a generation, show it, and delete those it replaces. `fill` gives each block's series, or the block it linked."""
        contents: list[Ids | Block] = []
        replaced = [*instead_of, *self._leftover]
        generation = generations.commit(self.folder, name, replaced, lambda path: contents.extend(fill(path)))
        opened = [self._opened(path, content) for path, content in zip(generation.blocks, contents, strict=True)]
        self.put(name, opened, instead_of, left=left)
        self._leftover += instead_of
        self._delete_leftovers()
        pa.default_memory_pool().release_unused()  # else the allocator keeps what the largest block took

    def drop(self, expired: Sequence[Block]) -> None:
        """Take blocks down and delete them."""
        with self.standing_still:
            with self._memory.lock:
                for name, held in self.generations:
                    left = tuple(block for block in held if block not in expired)
                    self._held[name] = left
                    if not left:
                        del self._held[name]
                self._show(left=False)
            for block in expired:
                generations.drop(block.path)

    def open(self, generation: Generation, numbers: Callable[[Sequence[bytes]], Ids]) -> list[tuple[Ids, Stretches]]:
        """Open the blocks of a generation at start; `numbers` gives each key its number. Raises Damaged."""
        series = []
        opened = []
        for path in generation.blocks:
            keys, stretches = blocks.read_series(path)
            ids = numbers(keys)
            opened.append(self._sharing(blocks.open_block(path, ids, stretches, self._memory.cache)))
            series.append((ids, stretches))
        self.put(generation.name, opened)
        return series

    def _opened(self, path: Path, content: Ids | Block) -> Block:
        if isinstance(content, blocks.Block):
            return replace(content, path=path)
        return self._sharing(blocks.open_block(path, content, blocks.read_stretches(path), self._memory.cache))

    def _sharing(self, block: Block) -> Block:
        neighbour = next((held[-1] for held in reversed(self._held.values()) if held), block)
        return blocks.sharing(block, neighbour)

    def _show(self, *, left: bool) -> None:
        every = [block for _, held in self.generations for block in held]
        raw = tuple(block for block in every if not block.about.step_ms)
        rolled = tuple(block for block in every if block.about.step_ms)
        view = replace(self._memory.view, blocks=raw, rollups=rolled)
        self._memory.view = replace(view, leaving=()) if left else view

    def _delete_leftovers(self) -> None:
        """What cannot be deleted now goes with the next generation, which names it too."""
        with self.standing_still:
            while self._leftover:
                path = self.folder / str(self._leftover[-1])
                if path.exists():
                    generations.delete(path)
                self._leftover.pop()
