"""Compaction: small blocks become day blocks, samples past their retention become rollups, what is past its own goes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from gwanje.errors import Damaged
from gwanje.keep.samples.local import block_writing, generations, making
from gwanje.keep.samples.local.cache import Cache
from gwanje.keep.samples.local.facts import RAW
from gwanje.keep.samples.local.memory import in_ms

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from gwanje.keep.samples.local.blocks import Block
    from gwanje.keep.samples.local.making import Proceed
    from gwanje.keep.samples.local.memory import Memory
    from gwanje.keep.samples.local.runs import Ids
    from gwanje.keep.samples.local.shelf import Shelf

HOUR_MS = 3_600_000
_READING_BYTES = 20 << 20
"""How much of the blocks that are merged stays in memory: a row group of each, with some room."""
_MOST_TOGETHER = 12
"""Of more blocks the row groups would not stay in memory until they are used up, and each be read many times.

While samples pour in, a period has no more blocks either: with so much company each sample is moved as seldom as can be.
"""
_TOGETHER = 4
"""So many neighbours of like size are merged, while their period is not over."""
_LATE_PARTS = 8
_WAITING = 24
"""So many blocks may wait to be merged before samples are held back."""
_SECONDS_OF_SAMPLE = 1e-7
"""How long a sample is held back for each block more: with ten, a million samples for a second."""
_LONGEST_SECONDS = 1.0
"""For which a batch is held back, that its sender may not give up."""


class Piece(NamedTuple):
    """What a plan needs to know of a block."""

    step_ms: int
    period_ms: int
    rows: int
    end_ms: int


class Job(NamedTuple):
    """Blocks, by their places in order of age, that become one; or rollups."""

    places: Sequence[int]
    roll: bool


def next_job(pieces: Sequence[Piece], now_ms: int, retention_ms: int, *, rolling: bool, pouring: bool = False) -> Job | None:
    """What is to be done next, if anything. `pieces` are ordered from the oldest generation to the newest.

    While samples are `pouring` in, only what must be.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for place, piece in enumerate(pieces):
        groups.setdefault((piece.step_ms, piece.period_ms), []).append(place)
    for (step_ms, period_ms), places in sorted(groups.items(), key=lambda item: item[0][1]):
        if rolling and step_ms == RAW and max(pieces[place].end_ms for place in places) < now_ms - retention_ms:
            return Job(places, roll=True)
        over = step_ms == RAW and making.period_end(step_ms, period_ms) + HOUR_MS <= now_ms
        if pouring:
            chosen = _smallest(places, pieces) if len(places) > _MOST_TOGETHER else ()
        else:
            chosen = _of_period_over(places, pieces) if over else _neighbours(places, pieces)
        if chosen:
            return Job(chosen, roll=False)
    return None


def waiting(pieces: Sequence[Piece]) -> int:
    """How many blocks there are beyond those that a period may have though nothing is to be done."""
    each = Counter((piece.step_ms, piece.period_ms) for piece in pieces)
    return sum(max(0, count - 1 - _MOST_TOGETHER) for count in each.values())


def held_back(waiting: int, samples: int) -> float:
    """For how many seconds a batch of so many samples waits, as so many blocks do."""
    return min(max(0, waiting - _WAITING) * samples * _SECONDS_OF_SAMPLE, _LONGEST_SECONDS)


def expired(pieces: Sequence[Piece], now_ms: int, retention_ms: Mapping[int, int]) -> list[int]:
    """The places of blocks that are past the retention of their step; 0 is kept for a step that is not configured."""
    return [i for i, piece in enumerate(pieces) if piece.end_ms < now_ms - retention_ms.get(piece.step_ms, 0)]


def _of_period_over(places: Sequence[int], pieces: Sequence[Piece]) -> Sequence[int]:
    """All of a day that is over, or the smallest neighbours of many parts.

    A few late samples wait for company, so that a day is not written again for each.
    """
    rows = [pieces[place].rows for place in places]
    late = sum(rows) - max(rows)
    if len(places) < 2 or (late * 8 < max(rows) and len(places) <= _LATE_PARTS):
        return ()
    return _smallest(places, pieces)


def _smallest(places: Sequence[int], pieces: Sequence[Piece]) -> Sequence[int]:
    """Of more neighbours than are merged together those that have the fewest samples."""
    rows = [pieces[place].rows for place in places]
    least = min(range(max(1, len(places) - _MOST_TOGETHER + 1)), key=lambda at: sum(rows[at : at + _MOST_TOGETHER]))
    return places[least : least + _MOST_TOGETHER]


def _neighbours(places: Sequence[int], pieces: Sequence[Piece]) -> Sequence[int]:
    """The first neighbours of like size: a sample is moved a few times on its way, not with each new block."""
    for at in range(len(places) - _TOGETHER + 1):
        chosen = places[at : at + _TOGETHER]
        rows = [pieces[place].rows for place in chosen]
        if max(rows) <= _TOGETHER * min(rows):
            return chosen
    return ()


class Closing(Exception):
    """The store closes."""


class Compaction:
    """Does one job after the other, from one thread."""

    def __init__(self, memory: Memory, shelf: Shelf, closing: threading.Event) -> None:
        self._memory = memory
        self._shelf = shelf
        self._closing = closing
        self._damaged: set[int] = set()
        """Blocks of a job that met damage; until the next start they are left as they are, and do not hold up the others."""
        settings = memory.settings
        self._rollups = {in_ms(step): in_ms(kept) for step, kept in settings.rollups.items()}

    @property
    def waiting(self) -> int:
        """How many blocks wait to be merged."""
        view = self._memory.view
        return waiting([_piece(block) for block in (*view.blocks, *view.rollups) if block.identity not in self._damaged])

    def step(self, *, pouring: bool = False) -> bool:
        """Do one job; False when nothing was left to do. Raises OSError, Damaged or ArrowException, and Closing."""
        self._drop_expired()
        held = [(name, block) for name, of in self._shelf.generations for block in of]
        settings, now_ms = self._memory.settings, self._memory.now_ms
        whole = [(name, block) for name, block in held if block.identity not in self._damaged]
        pieces = [_piece(block) for _, block in whole]
        job = next_job(pieces, now_ms, in_ms(settings.retention), rolling=bool(self._rollups), pouring=pouring)
        if job is None:
            return False
        chosen = [whole[place][1] for place in job.places]
        first, last = whole[job.places[0]][0], whole[job.places[-1]][0]
        names = sorted({name for name, _ in held if first <= name <= last})
        every = [block for name, block in held if first <= name <= last]
        making_ = _Making(chosen, self._rollups if job.roll else {}, every, self._proceed)
        try:
            self._shelf.make(generations.next_name(names), making_.fill, names)
        except (Damaged, pa.ArrowException):
            self._damaged |= {block.identity for block in chosen}
            raise
        self._memory.totals["rolled_blocks" if job.roll else "merged_blocks"] += len(chosen)
        return True

    def _proceed(self) -> None:
        if self._closing.is_set():
            raise Closing

    def _drop_expired(self) -> None:
        every = [block for _, of in self._shelf.generations for block in of]
        kept = {**self._rollups, **({} if self._rollups else {RAW: in_ms(self._memory.settings.retention)})}
        over = [every[i] for i in expired([_piece(block) for block in every], self._memory.now_ms, {RAW: 1 << 62, **kept})]
        if over:
            self._shelf.drop(over)


class _Making:
    """One new generation: the chosen blocks merged or rolled up, the others linked."""

    def __init__(self, chosen: Sequence[Block], steps_ms: Iterable[int], every: Sequence[Block], proceed: Proceed) -> None:
        self._proceed = proceed
        self._chosen = chosen
        self._steps_ms = list(steps_ms)
        self._every = every

    def fill(self, folder: Path) -> Sequence[Ids | Block]:
        contents: list[Ids | Block] = []
        for block in self._every:
            if block is self._chosen[0]:
                contents += self._made(folder, len(contents))
            elif block not in self._chosen:
                block_writing.link(block, folder / f"{len(contents):04}")
                contents.append(block)
        return contents

    def _made(self, folder: Path, place: int) -> Sequence[Ids]:
        series = making.series_of_blocks(self._chosen)
        cache = Cache(_READING_BYTES)
        sources = [block.with_cache(cache) for block in self._chosen]
        about = self._chosen[0].about
        if self._steps_ms:
            paths = [(step_ms, folder / f"{place + i:04}") for i, step_ms in enumerate(self._steps_ms)]
            return [making.write_rollup(path, step_ms, series, sources, self._proceed) for step_ms, path in paths]
        path = folder / f"{place:04}"
        if about.step_ms:
            return [making.merge_rollups(path, series, sources, self._proceed)]
        return [making.write_samples(path, about.period_ms, series, sources, proceed=self._proceed)]


def _piece(block: Block) -> Piece:
    return Piece(block.about.step_ms, block.about.period_ms, block.rows, block.end_ms)
