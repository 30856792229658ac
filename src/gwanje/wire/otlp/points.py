"""The points of one sort on their way to columns: which are refused, which deltas are added up, how much room they may take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from gwanje.errors import TooLarge
from gwanje.model import STALE_NAN_BITS
from gwanje.wire.otlp.owners import DIGEST_BYTES, list_of_each

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gwanje.wire.columns import Labels
    from gwanje.wire.otlp.owners import Owners
    from gwanje.wire.otlp.running import Running

_MOST_KEY_BYTES = 128 << 20
_NO_VALUE = 1


@dataclass(slots=True)
class Reading:
    """What was read so far."""

    running: Running
    most: int
    labels_of: Callable[[bytes], Labels]
    """The labels of a key."""
    keys: list[bytes] = field(default_factory=list)
    times: list[NDArray[np.int64]] = field(default_factory=list)
    values: list[NDArray[np.float64]] = field(default_factory=list)
    key_bytes: int = 0
    points: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def make_room(self, sizes: NDArray[np.int64], samples: NDArray[np.int64]) -> None:
        """Raises TooLarge when so many samples of points, their keys that long, are too many."""
        self.key_bytes += int((sizes.astype(np.float64) * samples).sum())
        if len(self.keys) + int(samples.sum()) > self.most:
            raise TooLarge(f"the request has more than the {self.most} samples that are allowed; send fewer points")
        if self.key_bytes > _MOST_KEY_BYTES:
            raise TooLarge(f"the attributes take more than the {_MOST_KEY_BYTES} bytes that are allowed; send fewer points")

    def add(self, keys: Sequence[bytes], times_ns: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Take samples over, as many keys as times and values."""
        self.keys += keys
        self.times.append(times_ns // 1_000_000)
        self.values.append(values)


@dataclass(slots=True)
class Points:
    """All points of one sort, one after another."""

    rows: Any
    """Their fields, as arrow read them."""
    owner: NDArray[np.int64]
    """The metric of each."""
    times_ns: NDArray[np.int64]
    silent: NDArray[np.bool_]
    """Where a point says that its series stopped."""
    keep: NDArray[np.bool_]
    """Where a point is not refused."""
    prefixes: list[bytes]
    """What each one's keys begin with: the digest of its metric."""
    attributes: list[bytes]
    late: set[int] = field(default_factory=set)
    """Points whose deltas came after later ones."""

    @classmethod
    def of(cls, sort: str, owners: Owners, reading: Reading) -> Points:
        """All points of the metrics of a sort, named as `message.py` names it. Raises TooLarge."""
        points = owners.metrics.field(sort).field("points")
        rows, owner = points.values, list_of_each(points)
        reading.points += len(owner)
        if len(owner) > reading.most:
            raise TooLarge(f"the request has more than the {reading.most} points that are allowed; send fewer")
        # What is later than a signed number can say is too far ahead for every store.
        times = np.minimum(rows.field("time").to_numpy(), np.uint64(1 << 62)).astype(np.int64)
        silent = (rows.field("flags").to_numpy() & _NO_VALUE).astype(np.bool_)
        prefixes = list(map(owners.digests.__getitem__, owner.tolist()))
        return cls(rows, owner, times, silent, np.ones(len(owner), np.bool_), prefixes, _slices(rows.field("attributes")))

    def refuse(self, where: NDArray[np.bool_], why: str, reading: Reading) -> None:
        """Refuse points that are not refused yet, for a reason in words."""
        reading.refused[why] += int((where & self.keep).sum())
        self.keep &= ~where

    def kept(self, owners: Owners) -> list[int]:
        """The numbers of the points that are kept, which is now certain."""
        kept = np.flatnonzero(self.keep)
        resources = owners.resource_of[self.owner[kept]]
        np.maximum.at(owners.newest, resources, self.times_ns[kept])
        return kept.tolist()

    def key(self, point: int, part: bytes) -> bytes:
        """The key of one number of a point, as `parts.py` spells it."""
        return self.prefixes[point] + part + self.attributes[point]

    def sizes(self) -> NDArray[np.int64]:
        """The most bytes that a key of each point takes."""
        return np.array(list(map(len, self.attributes)), np.int64) + DIGEST_BYTES + 1 + 8


def _slices(attributes: Any) -> list[bytes]:
    """The attribute messages of each point, joined."""
    of_points, joined = attributes.offsets.to_numpy(), attributes.values
    if not len(joined):
        return [b""] * (len(of_points) - 1)
    _, cuts, data = joined.buffers()
    ends = np.frombuffer(cuts, np.int32)[of_points].tolist()
    text = data.to_pybytes() if data else b""
    return [text[start:end] for start, end in pairwise(ends)]


@dataclass(slots=True)
class Rows:
    """Samples of points, in the order in which they were found."""

    points: Sequence[int]
    """The number of the point of each."""
    parts: Sequence[bytes]
    """Which number of the point it is, as `parts.py` spells it."""
    values: NDArray[np.float64]


def add(points: Points, rows: Rows, delta: NDArray[np.bool_] | None, reading: Reading) -> None:
    """Take samples over; `delta` says which of all points are differences, which become running totals."""
    at = np.array(rows.points, np.int64)
    keys = list(map(points.key, rows.points, rows.parts))
    times, values = points.times_ns[at], rows.values.astype(np.float64)
    silent = points.silent[at]
    late = None
    if delta is not None and (deltas := np.flatnonzero(delta[at] & ~silent)).size:
        own = [keys[i] for i in deltas.tolist()]
        reading.running.go_on(own, reading.labels_of)
        totals, counted = reading.running.totals(own, times[deltas], values[deltas])
        values[deltas] = totals
        late = deltas[~counted]
    values.view(np.uint64)[silent] = STALE_NAN_BITS
    if late is not None and late.size:
        points.late.update(at[late].tolist())
        stay = np.ones(len(keys), np.bool_)
        stay[late] = False
        keys, times, values = [key for key, stays in zip(keys, stay.tolist(), strict=True) if stays], times[stay], values[stay]
    reading.add(keys, times, values)
