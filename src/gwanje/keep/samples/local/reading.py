"""What queries read: the samples of some series in a stretch of time, and which series there are.

A query looks first (`find`), and reads when it needs samples, some series at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gwanje.errors import QueryLimit
from gwanje.keep.promql import Matcher, Selected
from gwanje.keep.promql.names import Names
from gwanje.keep.promql.selection import NEVER, Samples, Tile, series_at_once
from gwanje.keep.samples.local import strands
from gwanje.keep.samples.local.blocks import Block
from gwanje.keep.samples.local.chosen import Chosen, Remembered
from gwanje.keep.samples.local.of_columns import OfColumns
from gwanje.keep.samples.local.parts import dense
from gwanje.keep.samples.local.runs import Assembled, Run, assemble, stretches, union
from gwanje.keep.samples.local.stepped import Stepped, part_of
from gwanje.keep.samples.local.tiles import Origin, together

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from gwanje.keep.promql.selection import Column
    from gwanje.keep.samples.local.memory import Memory
    from gwanje.keep.samples.local.parts import Part
    from gwanje.keep.samples.local.runs import Ids, Offsets, Rows, Source
    from gwanje.keep.samples.local.strands import Strand
    from gwanje.wire.columns import Labels, Times, Values

_TILE_SAMPLES = 7 << 16
"""Samples of a tile: so many that the C library just keeps their memory for the next ones (`app/memory.py`)."""
_MANY, _TO_AN_END = 256, 8
"""Where series have so many samples, and so many come to one end of a window, most of their times are never looked at."""
_LOOKED_THROUGH, _BATCHES = 50_000, 16
"""So many samples as they came, in so many batches, are sooner looked through for a few series than sorted."""


class Reader:
    """Reads, from any thread."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.chosen = Remembered(memory.index)

    def find(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Lying:
        """The promise `Fetch` of PromQL."""
        return Lying(self._memory, self.chosen.by(tuple(matchers)), start_ms, end_ms)

    def fetch(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, column: str = "last") -> Selected:
        """The samples of the series that all matchers take, `start_ms < time <= end_ms`; stale markers are among them.

        Where samples gave way to rollups, `column` says what stands for them: `last`, `min`, `max`, `sum` or `count`
        (`rollups.py` has which of PromQL's functions are exact by which). With `count` a sample that is there counts 1.
        """
        view = self._memory.around(start_ms, end_ms)  # before the index: whatever stands in the view has its number by then
        ids = self._memory.index.select(matchers)
        sources = view.sources(start_ms, end_ms, column) if len(ids) else []
        if not sources:
            return Selected([], np.zeros(1, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))
        self._limit(sum(source.count(ids) for source in sources if isinstance(source, Block)))
        parts = [part_of(source, ids, start_ms, end_ms, column) for source in sources]
        self._limit(sum(len(part.times) for part in parts))
        offsets, times, values = assemble(parts)
        there = offsets[1:] > offsets[:-1]
        return Selected(self._memory.index.labels(ids[there]), np.append(0, offsets[1:][there]), times, values)

    def series(self, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int) -> list[Labels]:
        """The series that one of the selectors takes (all, when there is none) and that a source of the time range holds."""
        view = self._memory.around(start_ms - 1, end_ms)
        every = [np.sort(self.chosen.by(tuple(matchers)).ids) for matchers in selectors or [[]]]
        ids = union(every)
        there = np.zeros(len(ids), np.bool_)
        for source in view.sources(start_ms - 1, end_ms):
            there |= np.isin(ids, source.ids, assume_unique=True)
        return self._memory.index.labels(ids[there])

    def newest(self, series: Sequence[Labels]) -> list[tuple[int, float] | None]:
        """When the newest sample of each series was, and its value; None where there is none."""
        numbers = self._memory.index.numbers(series)
        known = np.array([number for number in numbers if number is not None], np.int64)
        times, values = self._memory.newest.at(known)
        found = iter(zip(times.tolist(), values.tolist(), strict=True))
        newest = [next(found) if number is not None else (NEVER, 0.0) for number in numbers]
        return [one if one[0] != NEVER else None for one in newest]

    def _limit(self, samples: int) -> None:
        allowed = self._memory.settings.query_samples
        if samples > allowed:
            raise QueryLimit(
                f"the query touches {samples} samples, {allowed} are allowed (setting `query_samples`); "
                "ask for fewer series or a shorter time"
            )


class Lying:
    """The promise `Found`: series whose samples lie in the store until they are asked for."""

    def __init__(self, memory: Memory, chosen: Chosen, start_ms: int, end_ms: int) -> None:
        self._memory = memory
        self._ids, self._names = chosen.ids, chosen.names
        self._start_ms, self._end_ms = start_ms, end_ms

    @property
    def names(self) -> Names:
        return self._names

    @property
    def rolled(self) -> bool:
        return any(isinstance(source, Stepped) for source in self._memory.view.sources(self._start_ms, self._end_ms))

    def tiles(self, ends: int, column: Column = "last") -> Iterable[Tile]:
        """Regular series are laid side by side without looking at each sample; others, and a few, are put together one by one."""
        if (few := self._few()) is not None:
            return self._tiles_of(few, ends)
        sources = self._memory.around(self._start_ms, self._end_ms).sources(self._start_ms, self._end_ms, column)
        if placed := self._placed(sources):
            return self._beside(placed, ends)
        guess = Guess(sum(self._per_series(source) for source in sources))
        return (Tile(span, partial(self._assembled, self._ids[span], sources, column)) for span in self._spans(ends, guess))

    def _beside(self, placed: Sequence[Placed], ends: int) -> Iterable[Tile]:
        most = [self._per_series(one.source) for one in placed]
        order = placed[most.index(max(most))].order  # so most of a tile is copied in few pieces
        placed = [one.along(order) for one in placed]
        origin = Origin.of(min(one.source.start_ms for one in placed), max(one.source.end_ms for one in placed))
        ids = self._ids if order is None else self._ids[order]
        lay = partial(together, origin=origin, unlaid=sum(most) >= max(_MANY, _TO_AN_END * ends))
        guess = Guess(sum(most))

        def read(span: slice) -> Samples:
            parts = (one.part(span, self._start_ms) for one in placed)
            laid = lay([part for part in parts if part is not None], self._start_ms, self._end_ms)
            if laid is None:
                return self._assembled(ids[span], [one.source for one in placed], "last")
            guess.per_series = len(laid.values) / (span.stop - span.start)
            return laid

        spans = self._spans(ends, guess)
        return (Tile(span if order is None else dense(order[span]), partial(read, span)) for span in spans)

    def _placed(self, sources: Sequence[Source]) -> Sequence[Placed] | None:
        """Where the series lie, in sources that hold some of them in the range; None where one has more columns than samples."""
        plain = [source for source in sources if isinstance(source, Run | Block)]
        if len(plain) < len(sources):
            return None
        standing = ((source, self._memory.placements.of(self._ids, source)) for source in plain)
        return [Placed(source, known.place, known.order) for source, known in standing if known.newest_ms > self._start_ms]

    def _few(self) -> Few | None:
        """Where the series lie; None where they are not few, or cannot be read one by one."""
        if len(self._ids) > strands.FEW:
            return None
        view = self._memory.view
        sources, staged = view.sources(self._start_ms, self._end_ms), view.staged_in(self._start_ms, self._end_ms)
        placed = self._placed(sources)
        many = len(staged) > _BATCHES or sum(len(rows.series) for rows in staged) > _LOOKED_THROUGH
        return None if many or placed is None else Few(placed, staged)

    def _tiles_of(self, few: Few, ends: int) -> Iterable[Tile]:
        return (Tile(span, partial(self._strung, span, few)) for span in self._spans(ends, Guess(self._together(few.placed))))

    def _spans(self, ends: int, guess: Guess) -> Iterator[slice]:
        """Neighbouring series, so many at a time that neither ends nor samples are too many."""
        start = 0
        while start < len(self._ids):
            rows = max(1, min(series_at_once(ends), round(_TILE_SAMPLES / max(1.0, guess.per_series)), len(self._ids) - start))
            yield slice(start, start + rows)
            start += rows

    def _together(self, placed: Sequence[Placed]) -> float:
        """About how many samples a series has in the range, in all sources."""
        return sum(self._per_series(one.source) for one in placed)

    def _per_series(self, source: Source) -> float:
        """About how many samples a series has in the range."""
        samples = source.rows if isinstance(source, Block) else len(source.times) if isinstance(source, Run) else 0
        inside = min(source.end_ms, self._end_ms) - max(source.start_ms, self._start_ms)
        return samples * min(1.0, inside / max(1, source.end_ms - source.start_ms)) / max(1, len(source.ids))

    def _strung(self, span: slice, few: Few) -> Samples:
        every = []
        for row in range(span.start, span.stop):
            known = [one.strand(row, self._start_ms, self._end_ms) for one in few.placed]
            new = [strands.staged(rows, int(self._ids[row])) for rows in few.staged]
            strand = strands.joined([*known, *new])
            if strand is None:
                return self._sorted(span)
            every.append(strand)
        return strands.beside(every)

    def _sorted(self, span: slice) -> Samples:
        """Series whose samples came late, or twice."""
        sources = self._memory.around(self._start_ms, self._end_ms).sources(self._start_ms, self._end_ms)
        return self._assembled(self._ids[span], sources, "last")

    def _assembled(self, ids: Ids, sources: Sequence[Source], column: Column) -> Samples:
        parts = [part_of(source, ids, self._start_ms, self._end_ms, column) for source in sources]
        return Samples(*(assemble(parts) if parts else _nothing(len(ids))))

    def last(self) -> tuple[Times, Values]:
        """From the newest samples, which are at hand; only series of which two or more are past the range are read."""
        times, values, unknown = self._memory.newest.until(self._ids, self._end_ms)
        late = np.flatnonzero(unknown)
        times = np.where(times > self._start_ms, times, NEVER)
        if len(late):
            rows = Names([self._names.rows[row] for row in late.tolist()])
            part = type(self)(self._memory, Chosen(self._ids[late], rows, 0, 0), self._start_ms, self._end_ms)
            times[late], values[late] = part.last_read()
        return times, values

    def last_read(self) -> tuple[Times, Values]:
        """As `last`, from the samples themselves."""
        times, values = np.full(len(self._ids), NEVER, np.int64), np.zeros(len(self._ids))
        for rows, read in self.tiles(2):
            tile = read()
            begins, held = tile.begins, tile.ends.copy()
            start_ms, end_ms = self._start_ms - tile.since_ms, self._end_ms - tile.since_ms
            # A tile may hold samples past the range.
            while (past := (held > begins) & (_before(tile.times, held) > end_ms)).any():
                held -= past
            newest = _before(tile.times, held).astype(np.int64)
            times[rows] = np.where((held > begins) & (newest > start_ms), newest + tile.since_ms, NEVER)
            values[rows] = _before(tile.values, held)
        return times, values


class Placed(NamedTuple):
    """A source, and which of its series each series of the query is; -1 where it is none of them.

    `order` is the one in which they stand there, None where that is theirs.
    """

    source: Run | Block
    place: NDArray[np.int64]
    order: NDArray[np.int64] | None = None

    def along(self, order: NDArray[np.int64] | None) -> Placed:
        """The same for the series in another order, None for their own."""
        return self if order is None else Placed(self.source, self.place[order])

    def part(self, span: slice, after_ms: int) -> Part | None:
        """What the source holds of some of the series, perhaps only what lies after `after_ms`; None where that is nothing."""
        if isinstance(self.source, Block):
            return self.source.part(self.place[span], after_ms)
        place = self.place[span]
        low, high = stretches(self.source.offsets, place)
        marked = bool((self.source.marked.take(place, mode="clip") & (place >= 0)).any())
        return OfColumns(self.source.times, self.source.values, low, high - low, marked)

    def at_hand(self, after_ms: int) -> bool:
        """True when nothing is to be read from the disk for what lies after `after_ms`."""
        return isinstance(self.source, Run) or self.source.cached(self.place, after_ms)

    def strand(self, row: int, after_ms: int, until_ms: int) -> Strand:
        place = int(self.place[row])
        return strands.NOTHING if place < 0 else self.source.strand(place, after_ms, until_ms)


@dataclass(slots=True)
class Guess:
    """About how many samples of a series lie in the range: at first as in sources on average, then as in what was read last."""

    per_series: float


class Few(NamedTuple):
    """Where a few series lie: in sources, and among samples as they came."""

    placed: Sequence[Placed]
    staged: Sequence[Rows]


def _before(column: NDArray[Any], places: Offsets) -> NDArray[Any]:
    """What stands before each place; of the first place anything."""
    return column[np.maximum(places, 1) - 1] if len(column) else np.zeros(len(places), column.dtype)


def _nothing(series: int) -> Assembled:
    return Assembled(np.zeros(series + 1, np.int64), np.empty(0, np.int64), np.empty(0))
