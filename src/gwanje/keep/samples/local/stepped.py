"""Blocks of rollups as sources of a query: of each time the finest step that is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gwanje.keep.samples.local.rollups import counted
from gwanje.model import STALE_NAN_BITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwanje.keep.samples.local.blocks import Block
    from gwanje.keep.samples.local.runs import Ids, Part, Source


@dataclass(frozen=True, slots=True, eq=False)
class Stepped:
    """One column of a block of rollups, up to where a finer step begins."""

    block: Block
    column: str
    until_ms: int

    @property
    def ids(self) -> Ids:
        return self.block.ids

    @property
    def start_ms(self) -> int:
        return self.block.start_ms

    @property
    def end_ms(self) -> int:
        return min(self.block.end_ms, self.until_ms)

    def select(self, wanted: Ids, after_ms: int, until_ms: int) -> Part:
        return self.block.select(wanted, after_ms, min(until_ms, self.until_ms), self.column)


def part_of(source: Source, wanted: Ids, after_ms: int, until_ms: int, column: str) -> Part:
    """What a source holds of some series; for the column `count` a sample as it came counts 1."""
    part = source.select(wanted, after_ms, until_ms)
    if column == "count" and not isinstance(source, Stepped):
        return part._replace(values=counted(np.ones(len(part.times)), part.values.view(np.uint64) != STALE_NAN_BITS))
    return part


def stepped(rollups: Sequence[Block], column: str) -> list[Stepped]:
    """Every block of rollups, clipped: the samples of a time are asked of one step alone."""
    begins: dict[int, int] = {}
    for block in rollups:
        step_ms = block.about.step_ms
        begins[step_ms] = min(block.start_ms, begins.get(step_ms, block.start_ms))
    until, border = {}, 1 << 62
    for step_ms in sorted(begins):
        until[step_ms] = border
        border = min(border, begins[step_ms] - 1)
    return [Stepped(block, column, until[block.about.step_ms]) for block in rollups]
