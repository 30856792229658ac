"""Series that no block and no head holds any more leave the index, so that memory is that of what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from gwanje.keep.samples.local.memory import Memory
    from gwanje.keep.samples.local.runs import Ids

_KEYS_A_STEP = 20_000
_SERIES_A_STEP = 1_000


class Found(NamedTuple):
    """Series that nothing held while a head was the newest."""

    ids: Ids
    generation: int


class Forgetting:
    """`look` runs in the thread of the compaction; `step` in the one that appends, after each batch, and is short."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._found: Found | None = None
        self._sweeping = False

    def look(self) -> None:
        """Find series that nothing holds. What is found is let go with the next batches."""
        if self._found is not None:
            return
        generation = (
            self._memory.generation
        )  # first: of what comes later, or lies in a head now, `seen` is not less than this - 1
        view, living = self._memory.view, self._memory.index.living()
        held = self._memory.newest.seen[: len(living)] >= generation - 1
        held = np.append(held, np.ones(len(living) - len(held), np.bool_))  # added while we looked
        for block in (*view.blocks, *view.rollups):
            held[block.ids] = True
        ids = np.flatnonzero(living & ~held)
        if len(ids):
            self._found = Found(ids, generation)

    def step(self) -> None:
        """Do a little of it."""
        if self._found is None:
            return
        index = self._memory.index
        if not self._sweeping:
            index.begin_to_forget(self._found.ids)
            self._sweeping = True
        elif not index.sweep(_KEYS_A_STEP):
            self._let_go(self._found.generation)

    def _let_go(self, generation: int) -> None:
        newest, index = self._memory.newest, self._memory.index
        ids = index.swept()
        ids = ids[newest.seen[ids] < generation - 1][:_SERIES_A_STEP]
        if len(ids):
            index.forget(ids)
            newest.forget(ids)
            self._memory.totals["forgotten_series"] += len(ids)
        else:
            self._found, self._sweeping = None, False
