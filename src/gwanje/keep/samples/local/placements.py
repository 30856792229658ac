"""Where the series of a selector stand in the sources: dashboards ask for the same ones again and again, so it is remembered."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple
from weakref import ref

import numpy as np

from gwanje.keep.promql.selection import NEVER
from gwanje.keep.samples.local import strands

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gwanje.keep.samples.local.blocks import Block
    from gwanje.keep.samples.local.runs import Ids, Run

_LIMIT_BYTES = 8 << 20


class Standing(NamedTuple):
    """Of some series in a source."""

    place: NDArray[np.int64]
    """Which of the source's series each is; -1 where it is none of them."""
    order: NDArray[np.int64] | None
    """In which order they stand there; None where they are given in it."""
    newest_ms: int
    """None of their samples is newer; NEVER where the source has none of the series."""

    @classmethod
    def of(cls, ids: Ids, source: Run | Block) -> Standing:
        place = source.places_of(ids)
        ascends = bool((place[1:] >= place[:-1]).all())
        there = place[place >= 0]
        return cls(place, None if ascends else np.argsort(place, kind="stable"), source.newest_of(there) if len(there) else NEVER)

    @property
    def nbytes(self) -> int:
        return self.place.nbytes + (0 if self.order is None else self.order.nbytes)


class Placements:
    """What was asked for last, bounded by bytes. It keeps no source alive. For several threads."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[int, int], tuple[Ids, ref[Run | Block], Standing]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        return self._bytes

    def of(self, ids: Ids, source: Run | Block) -> Standing:
        """Where the series stand. The same array is known again, not an equal one; for a few series nothing is remembered."""
        if len(ids) <= strands.FEW:
            return Standing.of(ids, source)
        key = (id(ids), id(source))
        with self._lock:
            held = self._held.get(key)
            if held is not None and held[1]() is source:
                self._held.move_to_end(key)
                return held[2]
        found = Standing.of(ids, source)
        with self._lock:
            self._drop(key)
            self._held[key] = (ids, ref(source), found)
            self._bytes += found.nbytes
            while self._bytes > _LIMIT_BYTES:
                self._drop(next(iter(self._held)))
        return found

    def _drop(self, key: tuple[int, int]) -> None:
        held = self._held.pop(key, None)
        self._bytes -= held[2].nbytes if held is not None else 0
